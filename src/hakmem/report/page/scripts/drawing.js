// Pieces that all charts share.

const FONT = 12;

/** An element with properties and children; text is always text, never HTML. */
function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** A chart in its frame, with its title, a second line, and what it says for readers who hear it. */
function panel(title, second, svg, words) {
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", words);
  const caption = element("figcaption", {}, title);
  if (second && second !== title) caption.append(element("small", { textContent: second }));
  return element("figure", { className: "panel" }, caption, svg);
}

/** The width that each of so many charts has in a grid of panels. */
function panelWidth(grid, panels) {
  grid.classList.toggle("single", panels === 1);
  const [track] = getComputedStyle(grid).gridTemplateColumns.split(" ").map(parseFloat);
  return Math.max(220, Math.floor((track || grid.clientWidth) - (innerWidth <= 560 ? 25 : 31)));
}

/** Fills a grid with panels, or says that there are none. */
function fill(grid, panels, otherwise) {
  grid.replaceChildren(...(panels.length ? panels : [element("p", { className: "empty", textContent: otherwise })]));
}

/** A name that fits where `most` characters do. */
const short = (name, most) => (name.length > most ? `${name.slice(0, most - 1)}…` : name);

/** Room for names left of a chart: a margin in pixels and how many characters it holds. */
function nameRoom(names, width) {
  const most = Math.floor(Math.min(130, width * 0.32) / (FONT * 0.57));
  const longest = Math.max(4, ...names.map((name) => Math.min(most, name.length)));
  return { margin: Math.ceil(longest * FONT * 0.59) + 12, most };
}

/** Positions at least `gap` apart, in the order given, each as near to where it wants to be as that allows. */
function spread(wanted, gap, low, high) {
  const order = d3.range(wanted.length).sort((a, b) => wanted[a] - wanted[b]);
  const placed = order.map((at) => wanted[at]);
  for (let at = 1; at < placed.length; at += 1) placed[at] = Math.max(placed[at], placed[at - 1] + gap);
  const over = Math.max(0, (placed.at(-1) ?? low) - high);
  if (over) {
    placed[placed.length - 1] -= over;
    for (let at = placed.length - 2; at >= 0; at -= 1) placed[at] = Math.min(placed[at], placed[at + 1] - gap);
  }
  const found = [];
  order.forEach((at, position) => { found[at] = Math.max(low, placed[position]); });
  return found;
}

/** A line with a halo of the background, so that it is seen on a bar as well as beside it. */
const haloed = (mark, data, options) => [
  mark(data, { ...options, stroke: "var(--card)", strokeWidth: 4, strokeLinecap: "butt", className: "halo", ariaHidden: "true" }),
  mark(data, { ...options, stroke: "var(--text)", strokeWidth: 1.5 }),
];

/** The rows' labels in a column right of the chart, those that stand out in bold. */
const valueLabels = (rows, standsOut, right) =>
  [true, false].map((bold) =>
    Plot.text(rows.filter((row) => standsOut(row) === bold), {
      y: "name",
      text: "label",
      frameAnchor: "right",
      textAnchor: "end",
      dx: right,
      fontWeight: bold ? 700 : 400,
      fontVariant: "tabular-nums",
      className: "value",
    }),
  );

const plot = (options) =>
  Plot.plot({ className: "drawing", style: { fontSize: `${FONT}px`, fontFamily: "inherit", overflow: "visible" }, ...options });

const digits = d3.format(".3~r");
const ratioText = (ratio) => (ratio < 10 ? ratio.toFixed(2) : ratio < 100 ? ratio.toFixed(1) : ratio.toFixed(0));

/** Ticks of a scale of ratios that goes by factors. */
const factors = ([low, high]) =>
  [0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20, 50, 100].filter((tick) => tick >= low && tick <= high);

/** Where names go beside their points (x, y; interval from x1 to x2) so that none covers a name or a point. */
function beside(points, scaleX, scaleY) {
  const boxes = points.map((point) => box(scaleX.apply(point.x), scaleY.apply(point.y), 7, 7));
  const [left] = scaleX.range;
  return points.map((point) => {
    const half = (short(point.label, LABEL).length * FONT * 0.58) / 2;
    const y = scaleY.apply(point.y);
    const sides = [
      { anchor: "start", from: "x2", dx: 8, x: scaleX.apply(point.x2) + 8 + half },
      { anchor: "end", from: "x1", dx: -8, x: scaleX.apply(point.x1) - 8 - half },
    ].filter((side) => side.x - half > left);
    const ways = [0, -11, 11, -20, 20, -30, 30, -42, 42, -54, 54].flatMap((dy) => sides.map((side) => ({ ...side, dy })));
    const free = ways.find((way) => !boxes.some((other) => overlap(other, box(way.x, y + way.dy, half, 6.5))));
    const taken = free ?? ways[0];
    boxes.push(box(taken.x, y + taken.dy, half, 6.5));
    return taken;
  });
}

const LABEL = 16;
const box = (x, y, halfWidth, halfHeight) => ({ x, y, halfWidth, halfHeight });
const overlap = (a, b) => Math.abs(a.x - b.x) < a.halfWidth + b.halfWidth && Math.abs(a.y - b.y) < a.halfHeight + b.halfHeight;
