// A panel for each workload: a bar for each allocator, with its interval.

const ROW = 22;

function drawBars() {
  const grid = document.getElementById("bars");
  const relative = choice.measure === "relative";
  document.getElementById("bars-how").textContent = relative
    ? `Relative to ${baseline} (dashed line): below 1 is better. Panels end at 2 unless a bar is longer.`
    : "In units of their own, less the better unless a panel says otherwise. The dotted line is the floor: the workload on an allocator that does nothing.";
  const workloads = shownWorkloads().filter((workload) => workload.quantities[choice.quantity]);
  const width = panelWidth(grid, workloads.length);
  fill(grid, workloads.map((workload) => barPanel(workload, relative, width)), "No workload of this name and kind has this figure.");
}

function barPanel(workload, relative, width) {
  const quantity = workload.quantities[choice.quantity];
  const rows = shownCells(workload, choice.quantity).map((cell) => barRow(cell, relative, quantity));
  const drawn = rows.filter((row) => row.value !== null);
  const best = drawn.length > 1 ? (relative || quantity.better === "lower" ? d3.min : d3.max)(drawn, (row) => row.value) : null;
  const floor = relative ? null : quantity.floor;
  const { margin, most } = nameRoom(rows.map((row) => row.name), width);
  const longest = d3.max(drawn, (row) => row.high ?? row.value) ?? 1;
  const right = relative ? 50 : 78;
  const intervals = drawn.filter((row) => row.low !== undefined);
  const svg = plot({
    width,
    height: rows.length * ROW + (floor === null ? 34 : 46),
    marginLeft: margin,
    marginRight: right,
    marginTop: floor === null ? 6 : 18,
    marginBottom: 28,
    x: {
      domain: [0, relative ? Math.max(2, longest * 1.02) : Math.max(longest, floor ?? 0) * 1.04],
      ticks: 4,
      label: null,
      tickFormat: digits,
      grid: true,
    },
    y: { domain: rows.map((row) => row.name), label: null, tickSize: 0, tickFormat: (name) => short(name, most), padding: 0.22 },
    marks: [
      Plot.barX(drawn, {
        x: "value",
        y: "name",
        fill: { value: "colour", scale: null },
        fillOpacity: { value: (row) => (row.failure ? 0.35 : 1), scale: null },
        title: "words",
      }),
      relative ? Plot.ruleX([1], { stroke: "var(--text)", strokeDasharray: "3,3", strokeOpacity: 0.7 }) : null,
      floor === null ? null : [
        Plot.ruleX([floor], { stroke: "var(--text)", strokeDasharray: "1.5,2.5", strokeWidth: 1.5, className: "floor" }),
        Plot.text([floor], { x: (value) => value, frameAnchor: "top", dy: -9, text: (value) => `floor ${digits(value)}`, fill: "var(--quiet)" }),
      ],
      ...haloed(Plot.ruleY, intervals, { x1: "low", x2: "high", y: "name", className: "interval" }),
      Plot.tickX(intervals, { x: "low", y: "name", stroke: "var(--text)", strokeWidth: 1.5, insetTop: 4, insetBottom: 4 }),
      Plot.tickX(intervals, { x: "high", y: "name", stroke: "var(--text)", strokeWidth: 1.5, insetTop: 4, insetBottom: 4 }),
      Plot.ruleX([0], { stroke: "var(--quiet)" }),
      valueLabels(drawn, (row) => row.value === best, right - 2),
      Plot.text(rows.filter((row) => row.value === null), {
        y: "name",
        text: "failure",
        frameAnchor: "left",
        textAnchor: "start",
        dx: 5,
        lineWidth: (width - margin) / FONT - 1,
        textOverflow: "ellipsis",
        fontStyle: "italic",
        fill: "var(--alarm)",
        title: "failure",
      }),
    ],
  });
  const words = rows.map((row) => row.words).join("; ");
  const figure = panel(workload.name, secondLine(workload, quantity, relative), svg, `${workload.name}: ${words}`);
  const broken = drawn.filter((row) => row.failure).map((row) => `${row.name} ${row.failure}`);
  if (broken.length) figure.append(element("small", { className: "failed", textContent: broken.join("; ") }));
  return figure;
}

function barRow(cell, relative, quantity) {
  const name = named(cell.allocator);
  const row = { name, colour: colour(cell.allocator), failure: cell.failure, value: null };
  if (cell.median === null) return { ...row, failure: cell.failure || "no figure", words: `${name} ${cell.failure || "no figure"}` };
  if (!relative) {
    const interval = cell.low === undefined ? "" : `, 95 % interval ${digits(cell.low)} to ${digits(cell.high)} ${quantity.unit}`;
    return { ...row, value: cell.median, low: cell.low, high: cell.high, label: cell.text, words: `${name} ${cell.text}${interval}${counts(cell)}` };
  }
  if (cell.ratio === undefined) return { ...row, failure: cell.failure || `${cell.text}, too few rounds`, words: `${name} ${cell.text}, too few rounds for a ratio` };
  const interval = `${ratioText(cell.ratioLow)} to ${ratioText(cell.ratioHigh)}`;
  return {
    ...row,
    value: cell.ratio,
    ...(cell.verdict === "baseline" ? {} : { low: cell.ratioLow, high: cell.ratioHigh }),
    label: `${cell.ratioText}${MARKS[cell.verdict] ? ` ${MARKS[cell.verdict]}` : ""}`,
    words: cell.verdict === "baseline" ? `${name} ${cell.text}, the baseline` : `${name} ${cell.ratioText}, ${interval}, ${cell.verdict}, ${cell.text}${counts(cell)}`,
  };
}

const counts = (cell) => ` (${cell.samples} samples${cell.outliers ? `, ${cell.outliers} outlying` : ""})`;

function secondLine(workload, quantity, relative) {
  const title = workload.title === workload.name ? "" : workload.title;
  if (relative) return title;
  const unit = quantity.per ? `${quantity.unit} per ${quantity.per}` : quantity.unit;
  const more = quantity.better === "higher" ? "; more is better" : "";
  return [title, `${unit}${more}`].filter(Boolean).join(" · ");
}
