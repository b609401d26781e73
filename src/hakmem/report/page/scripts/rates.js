// How many of a size class's allocations the thread's own bin served, a panel for each workload.

const AIM = 0.95;

function drawRates() {
  const grid = document.getElementById("rates-panels");
  const workloads = shownWorkloads().filter((workload) => workload.rates.length);
  const width = panelWidth(grid, workloads.length);
  fill(grid, workloads.map((workload) => ratePanel(workload, width)), "No workload of this name and kind was run on the count flavour.");
}

function ratePanel(workload, width) {
  const total = d3.sum(workload.rates, ([, allocations]) => allocations);
  const hits = d3.sum(workload.rates, ([, , hit]) => hit);
  const used = workload.rates.filter(([, allocations]) => allocations > 0);
  // A class with its equal share of the allocations, or more, is drawn in full colour.
  const equal = total / used.length;
  const bars = used.map(([size, allocations, hit]) => ({
    size,
    rate: hit / allocations,
    weight: Math.min(1, 0.25 + 0.75 * Math.sqrt(allocations / equal)),
    words: `${bytes(size)}: ${percent(hit / allocations)} of ${d3.format(",")(allocations)} allocations`,
  }));
  const sizes = bars.map((bar) => bar.size);
  const svg = plot({
    width,
    height: 170,
    marginLeft: 42,
    marginRight: 8,
    marginTop: 10,
    marginBottom: 30,
    x: { type: "band", domain: sizes, label: null, padding: sizes.length > 40 ? 0.1 : sizes.length > 5 ? 0.2 : 0.7, ticks: sizeTicks(sizes, width), tickFormat: bytes, tickSize: 3 },
    y: { domain: [0, 1], label: null, grid: true, ticks: [0, 0.25, 0.5, 0.75, 1], tickFormat: d3.format(".0%") },
    marks: [
      Plot.barY(bars, { x: "size", y: "rate", fill: "var(--better)", fillOpacity: { value: "weight", scale: null }, title: "words" }),
      Plot.ruleY([AIM], { stroke: "var(--card)", strokeWidth: 2 }),
      Plot.ruleY([AIM], { stroke: "var(--text)", strokeDasharray: "3,3" }),
      Plot.ruleY([0], { stroke: "var(--quiet)" }),
      Plot.tip(bars, Plot.pointerX({ x: "size", y: "rate", title: "words" })),
    ],
  });
  const all = total ? percent(hits / total) : "none";
  const second = `${all} of ${d3.format(",")(total)} allocations`;
  return panel(workload.name, second, svg, `${workload.name}, hit rate ${second}; ${bars.length} size classes`);
}

const bytes = (size) => (size >= 1024 && size % 1024 === 0 ? `${size / 1024} Ki` : size >= 1024 ? `${digits(size / 1024)} Ki` : `${size}`);
const percent = (share) => `${(Math.floor(share * 1000) / 10).toFixed(1)} %`;

/** Sizes to write below the bars: as many powers of two as fit, or the ends. */
function sizeTicks(sizes, width) {
  const room = (width - 50) / sizes.length;
  if (room >= 34) return sizes;
  const found = [];
  let last = -Infinity;
  sizes.forEach((size, at) => {
    if ((size & (size - 1)) === 0 && (at - last) * room >= 34) {
      found.push(size);
      last = at;
    }
  });
  return found.length ? found : [sizes[0]];
}
