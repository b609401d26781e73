// Resident memory over time, a panel for each workload.

function drawMemory() {
  const grid = document.getElementById("memory-panels");
  const isThere = ({ memory }) => memory?.series.some((each) => !choice.hidden.has(each.allocator));
  const workloads = shownWorkloads().filter(isThere);
  const width = panelWidth(grid, workloads.length);
  fill(grid, workloads.map((workload) => memoryPanel(workload, width)), "No workload of this name and kind has memory over time.");
}

function memoryPanel(workload, width) {
  const { unit, live } = workload.memory;
  const series = workload.memory.series.filter((each) => !choice.hidden.has(each.allocator));
  const points = series.flatMap((each) =>
    each.seconds.map((seconds, at) => ({ place: each.allocator, name: named(each.allocator), seconds, size: each.size[at] })));
  const held = live.seconds.map((seconds, at) => ({ seconds, size: live.size[at] }));
  const height = 220;
  const margins = { marginTop: 24, marginBottom: 30 };
  const top = d3.max([...points, ...held], (point) => point.size) * 1.04 || 1;
  const ends = series.map((each) => ({ place: each.allocator, name: named(each.allocator), seconds: each.seconds.at(-1), size: each.size.at(-1) }));
  const pixels = (size) => height - margins.marginBottom - (size / top) * (height - margins.marginTop - margins.marginBottom);
  const places = spread(ends.map((end) => pixels(end.size)), 13, margins.marginTop + 4, height - margins.marginBottom - 2);
  const right = Math.min(width * 0.34, 26 + d3.max(ends, (end) => Math.min(13, end.name.length)) * FONT * 0.58);
  const last = d3.max(points, (point) => point.seconds) || 1;
  const svg = plot({
    width,
    height,
    ...margins,
    marginLeft: 42,
    marginRight: right,
    x: { domain: [0, last], label: null, ticks: 4, tickFormat: (seconds) => `${digits(seconds)} s` },
    y: { domain: [0, top], label: unit, labelArrow: "none", grid: true, ticks: 4, tickFormat: digits },
    marks: [
      Plot.ruleY([0], { stroke: "var(--quiet)" }),
      Plot.line(points, { x: "seconds", y: "size", z: "place", stroke: { value: (point) => colour(point.place), scale: null }, strokeWidth: 1.7, className: "resident" }),
      held.length ? Plot.line(held, { x: "seconds", y: "size", stroke: "var(--text)", strokeWidth: 1.5, strokeDasharray: "4,3", className: "live" }) : null,
      ends.map((end, at) => [
        Plot.dot([end], { x: last, y: "size", dx: 12, dy: places[at] - pixels(end.size), r: 3.2, symbol: symbol(end.place), fill: colour(end.place) }),
        Plot.text([end], { x: last, y: "size", text: () => short(end.name, 13), dx: 19, dy: places[at] - pixels(end.size), textAnchor: "start", fill: "var(--text)" }),
      ]),
      Plot.tip(points, Plot.pointer({ x: "seconds", y: "size", title: (point) => `${point.name}\n${digits(point.size)} ${unit} at ${digits(point.seconds)} s` })),
    ],
  });
  const words = ends.map((end) => `${end.name} ends at ${digits(end.size)} ${unit}`).join(", ");
  return panel(workload.name, workload.title, svg, `${workload.name}, resident memory over time: ${words}`);
}
