// The geometric means that the verdict rests on.

function drawMeans() {
  const grid = document.getElementById("means");
  const means = suite.means[choice.kind] ?? {};
  const keys = ["time", "peak_rss"].filter((key) => means[key]?.means.length > 1);
  const width = panelWidth(grid, keys.length);
  const label = (key) => suite.quantities.find((quantity) => quantity.key === key).label;
  grid.replaceChildren(...keys.map((key) => meanPanel(label(key), means[key], width)));
}

function meanPanel(label, { over, means, leaders }, width) {
  const rows = means.map((mean) => ({
    ...mean,
    name: named(mean.allocator),
    leads: leaders.includes(mean.allocator),
    label: ratioText(mean.ratio),
  }));
  const { margin, most } = nameRoom(rows.map((row) => row.name), width);
  const low = Math.min(1, d3.min(rows, (row) => row.low));
  const high = Math.max(1, d3.max(rows, (row) => row.high));
  const rim = Math.max((high - low) * 0.08, 0.02);
  const svg = plot({
    width,
    height: rows.length * 24 + 34,
    marginLeft: margin,
    marginRight: 46,
    marginTop: 6,
    marginBottom: 28,
    x: { domain: [low - rim, high + rim], ticks: 4, label: null, tickFormat: digits, grid: true },
    y: { domain: rows.map((row) => row.name), label: null, tickSize: 0, tickFormat: (name) => short(name, most), padding: 0.2 },
    marks: [
      Plot.ruleX([1], { stroke: "var(--quiet)", strokeDasharray: "3,3" }),
      Plot.ruleY(rows, { x1: "low", x2: "high", y: "name", stroke: "var(--text)", strokeWidth: 1.5, className: "interval" }),
      Plot.tickX(rows, { x: "low", y: "name", stroke: "var(--text)", strokeWidth: 1.5, insetTop: 5, insetBottom: 5 }),
      Plot.tickX(rows, { x: "high", y: "name", stroke: "var(--text)", strokeWidth: 1.5, insetTop: 5, insetBottom: 5 }),
      Plot.dot(rows, {
        x: "ratio",
        y: "name",
        r: 5,
        symbol: { value: (row) => symbol(row.allocator), scale: null },
        fill: { value: (row) => colour(row.allocator), scale: null },
        title: (row) => `${row.name}: ${row.label}, 95 % interval ${ratioText(row.low)} to ${ratioText(row.high)}`,
      }),
      valueLabels(rows, (row) => row.leads, 42),
    ],
  });
  const words = rows.map((row) => `${row.name} ${row.label}`).join(", ");
  const second = `× ${baseline}, over ${over === 1 ? "1 workload" : `${over} workloads`}; left is better`;
  return panel(over === 1 ? label : `${label}, geometric mean`, second, svg, `${label} relative to ${baseline}: ${words}`);
}
