// Time against memory: of all workloads a panel for each allocator, of one workload a single panel.

function drawTradeoff() {
  const grid = document.getElementById("tradeoff-panels");
  const chosen = suite.workloads.find((workload) => workload.name === choice.workload);
  const how = document.getElementById("tradeoff-how");
  if (chosen) {
    how.textContent = "Medians with their 95 % intervals both ways. Down is leaner.";
    fill(grid, onePanel(chosen, grid), "This workload has no figures of both time and memory.");
    return;
  }
  how.textContent = `Costs relative to ${baseline}, on scales by factors: left is faster, down is leaner. A dot is a workload; in its own panel each allocator has its colour and the others are grey. What lies beyond ${RIM} times stands at the rim.`;
  fill(grid, allPanels(grid), "There are no ratios of both time and memory.");
}

/** Ratios beyond this factor, either way, stand at the rim, so that one cannot press all others together. */
const RIM = 3;

/** Workloads by allocators as points of ratios. */
function ratioPoints() {
  return shownWorkloads().flatMap((workload) => {
    const memory = new Map(shownCells(workload, "peak_rss").map((cell) => [cell.allocator, cell]));
    return shownCells(workload, "time")
      .filter((cell) => cell.ratio !== undefined && memory.get(cell.allocator)?.ratio !== undefined && cell.allocator !== suite.baseline)
      .map((cell) => ({ place: cell.allocator, workload: workload.name, x: cell.ratio, y: memory.get(cell.allocator).ratio }));
  });
}

function meanPoints() {
  const means = suite.means[choice.kind] ?? {};
  const memory = new Map((means.peak_rss?.means ?? []).map((mean) => [mean.allocator, mean]));
  return (means.time?.means ?? [])
    .filter((mean) => memory.has(mean.allocator) && !choice.hidden.has(mean.allocator))
    .map((mean) => {
      const other = memory.get(mean.allocator);
      return { place: mean.allocator, label: named(mean.allocator), x: mean.ratio, x1: mean.low, x2: mean.high, y: other.ratio, y1: other.low, y2: other.high };
    });
}

function allPanels(grid) {
  const points = ratioPoints();
  if (!points.length) return [];
  const means = meanPoints();
  const places = shownAllocators().filter((place) => points.some((point) => point.place === place));
  const width = panelWidth(grid, places.length + (means.length > 1));
  const domain = (key) => {
    const [low, high] = d3.extent(points, (point) => point[key]);
    return [Math.max(1 / RIM, Math.min(low / 1.08, 0.66)), Math.min(RIM, Math.max(high * 1.08, 1.5))];
  };
  const frame = { width, x: { type: "log", domain: domain("x") }, y: { type: "log", domain: domain("y") } };
  const panels = means.length > 1 ? [meansTogether(means, width)] : [];
  return [...panels, ...places.map((place) => allocatorPanel(place, points, means.find((mean) => mean.place === place), frame))];
}

function meansTogether(means, width) {
  const domain = (low, high) => {
    const [from, to] = [d3.min(means, (mean) => mean[low]), d3.max(means, (mean) => mean[high])];
    return [from / 1.1, to * 1.12];
  };
  const svg = scatter(means, { width, x: { type: "log", domain: domain("x1", "x2") }, y: { type: "log", domain: domain("y1", "y2") } }, true);
  const words = means.map((mean) => `${mean.label} time ${ratioText(mean.x)}, memory ${ratioText(mean.y)}`).join("; ");
  const over = suite.means[choice.kind].time.over;
  return panel("Geometric means", `over ${over === 1 ? "1 workload" : `${over} workloads`}`, svg, `Geometric means: ${words}`);
}

function allocatorPanel(place, points, mean, { width, x, y }) {
  const ours = points.filter((point) => point.place === place);
  const beyond = ours.filter((point) => [point.x, point.y].some((ratio) => ratio > RIM || ratio < 1 / RIM)).length;
  const svg = plot({
    ...sides(width),
    x: { ...ratioScale(x, "time"), clamp: true },
    y: { ...ratioScale(y, "peak memory"), clamp: true },
    marks: [
      Plot.ruleX([1], { stroke: "var(--quiet)", strokeDasharray: "3,3" }),
      Plot.ruleY([1], { stroke: "var(--quiet)", strokeDasharray: "3,3" }),
      Plot.text(["faster, leaner"], { frameAnchor: "bottom-left", dx: 5, dy: -5, fill: "var(--quiet)" }),
      Plot.dot(points.filter((point) => point.place !== place), { x: "x", y: "y", r: 2, fill: "var(--quiet)", fillOpacity: 0.28 }),
      Plot.dot(ours, {
        x: "x",
        y: "y",
        r: 4,
        symbol: symbol(place),
        fill: colour(place),
        fillOpacity: 0.85,
        stroke: "var(--card)",
        strokeWidth: 0.7,
        className: "workloads",
      }),
      mean ? Plot.dot([mean], { x: "x", y: "y", r: 8, stroke: "var(--text)", strokeWidth: 1.8, symbol: "circle", className: "mean" }) : null,
      Plot.tip(ours, Plot.pointer({ x: "x", y: "y", title: (point) => `${point.workload}\ntime ${ratioText(point.x)}\nmemory ${ratioText(point.y)}` })),
    ],
  });
  const both = ours.filter((point) => point.x < 1 && point.y < 1).length;
  const words = `${named(place)}: faster and leaner than ${baseline} in ${both} of ${ours.length} workloads`;
  return panel(named(place), [`${both} of ${ours.length} faster and leaner`, mean ? "ring: the mean" : "", beyond ? `${beyond} beyond the rim` : ""].filter(Boolean).join("; "), svg, words);
}

function onePanel(workload, grid) {
  const time = workload.quantities.time;
  const memory = workload.quantities.peak_rss;
  if (!time || !memory) return [];
  const other = new Map(shownCells(workload, "peak_rss").map((cell) => [cell.allocator, cell]));
  const points = shownCells(workload, "time")
    .filter((cell) => cell.median !== null && (other.get(cell.allocator)?.median ?? null) !== null)
    .map((cell) => {
      const its = other.get(cell.allocator);
      return { place: cell.allocator, label: named(cell.allocator), x: cell.median, x1: cell.low ?? cell.median, x2: cell.high ?? cell.median,
        y: its.median, y1: its.low ?? its.median, y2: its.high ?? its.median, words: `${cell.text}, ${its.text}` };
    });
  if (!points.length) return [];
  const around = (low, high) => {
    const [from, to] = [d3.min(points, (point) => point[low]), d3.max(points, (point) => point[high])];
    const rim = Math.max((to - from) * 0.12, to * 0.02);
    return [Math.max(0, from - rim), to + rim];
  };
  const higher = time.better === "higher";
  const unit = time.per ? `${time.unit} per ${time.per}` : time.unit;
  const width = panelWidth(grid, 1);
  const svg = scatter(points, {
    width,
    x: { domain: around("x1", "x2"), label: higher ? `throughput, ${unit}; right is faster` : `time, ${unit}; left is faster` },
    y: { domain: around("y1", "y2"), label: `peak memory, ${memory.unit}` },
  }, false);
  const words = points.map((point) => `${point.label} ${point.words}`).join("; ");
  return [panel(workload.name, workload.title, svg, `${workload.name}: ${words}`)];
}

const sides = (width) => ({ width, height: Math.round(Math.min(420, Math.max(230, width * 0.72))), marginLeft: 44, marginRight: 12, marginTop: 24, marginBottom: 38 });

const ratioScale = (scale, label) => ({ ...scale, ...axis(label), label: `${label} × ${baseline}`, ticks: factors(scale.domain) });
const meanScale = (scale, label) => ({ ...scale, ...axis(label), label: `${label} × ${baseline}`, ticks: d3.ticks(...scale.domain, 5) });
const axis = (label) => ({ grid: true, labelAnchor: label === "time" ? "center" : "top", labelArrow: "none", tickFormat: digits });

/** Named points with their intervals. */
function scatter(points, { width, x, y }, ratios) {
  const right = Math.min(110, 12 + d3.max(points, (point) => point.label.length) * FONT * 0.58);
  const options = {
    ...sides(width),
    marginRight: right,
    x: ratios ? meanScale(x, "time") : { ...axis("time"), ...x, ticks: 5 },
    y: ratios ? meanScale(y, "peak memory") : { ...axis("memory"), ...y, ticks: 5 },
  };
  const bare = plot({ ...options, marks: [Plot.dot(points, { x: "x", y: "y" })] });
  const labels = beside(points, bare.scale("x"), bare.scale("y"));
  return plot({
    ...options,
    marks: [
      ratios ? [Plot.ruleX([1], { stroke: "var(--quiet)", strokeDasharray: "3,3" }), Plot.ruleY([1], { stroke: "var(--quiet)", strokeDasharray: "3,3" })] : null,
      Plot.ruleY(points, { x1: "x1", x2: "x2", y: "y", stroke: { value: (point) => colour(point.place), scale: null }, strokeWidth: 1.5, className: "interval" }),
      Plot.ruleX(points, { y1: "y1", y2: "y2", x: "x", stroke: { value: (point) => colour(point.place), scale: null }, strokeWidth: 1.5, className: "interval" }),
      Plot.dot(points, {
        x: "x",
        y: "y",
        r: 5.5,
        symbol: { value: (point) => symbol(point.place), scale: null },
        fill: { value: (point) => colour(point.place), scale: null },
        stroke: "var(--card)",
        strokeWidth: 0.8,
        title: (point) => `${point.label}: ${point.words ?? `time ${ratioText(point.x)}, memory ${ratioText(point.y)}`}`,
      }),
      points.map((point, at) =>
        Plot.text([point], { x: labels[at].from, y: "y", text: (each) => short(each.label, LABEL), dx: labels[at].dx, dy: labels[at].dy, textAnchor: labels[at].anchor, className: "name", stroke: "var(--card)", strokeWidth: 3, fill: "var(--text)" }),
      ),
    ],
  });
}
