// Puts the page together and answers the reader.

const DRAWERS = { means: drawMeans, bars: drawBars, tradeoff: drawTradeoff, memory: drawMemory, rates: drawRates };

/** A group of choices of which one (radio) or any (checkbox) can be taken. */
function choices(id, type, options, onChange) {
  const group = document.getElementById(id);
  for (const { value, label, checked, swatch } of options) {
    const input = element("input", { type, name: id, value, checked });
    input.addEventListener("change", () => onChange(value, input.checked));
    const face = element("span", { className: "face" }, label);
    if (swatch) {
      face.prepend(element("span", { className: "swatch" }));
      face.firstChild.style.background = swatch;
    }
    group.append(element("label", {}, input, face));
  }
  group.hidden = options.length < 2;
}

function prepareControls() {
  const kinds = suite.kinds.map((kind) => ({ value: kind, label: kind, checked: false }));
  choices("kinds", "radio", kinds.length > 1 ? [{ value: "", label: "all", checked: true }, ...kinds] : [], (kind) => {
    choice.kind = kind;
    draw();
  });
  const allocators = suite.allocators.map(({ name }, place) => ({ value: String(place), label: name, checked: true, swatch: colour(place) }));
  choices("allocators", "checkbox", allocators, (place, checked) => {
    choice.hidden[checked ? "delete" : "add"](Number(place));
    draw("means");
  });
  document.getElementById("search").addEventListener("input", (event) => {
    choice.search = event.target.value.trim();
    draw("means");
  });
  document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
  prepareBarControls();
  const select = document.getElementById("tradeoff-workload");
  select.append(new Option(`all, relative to ${baseline}`, ""));
  select.append(...suite.workloads.map((workload) => new Option(workload.name, workload.name)));
  const ratios = suite.workloads.some((workload) => workload.quantities.time?.cells.some((cell) => cell.ratio !== undefined));
  if (suite.workloads.length === 1 || (!ratios && suite.workloads.length)) {
    select.value = choice.workload = suite.workloads[0].name;
  }
  select.addEventListener("change", () => {
    choice.workload = select.value;
    drawTradeoff();
  });
}

function prepareBarControls() {
  const ratios = suite.workloads.some((workload) =>
    Object.values(workload.quantities).some(({ cells }) => cells.some((cell) => cell.ratio !== undefined)));
  if (!ratios) choice.measure = "absolute";
  choice.quantity = suite.quantities[0]?.key ?? "time";
  const quantities = suite.quantities.map(({ key, label }, at) => ({ value: key, label, checked: at === 0 }));
  choices("quantity", "radio", quantities, (key) => {
    choice.quantity = key;
    drawBars();
  });
  const measures = [{ value: "relative", label: `relative to ${baseline}`, checked: true }, { value: "absolute", label: "absolute", checked: false }];
  choices("measure", "radio", ratios ? measures : [], (measure) => {
    choice.measure = measure;
    drawBars();
  });
}

/** Draws everything but what is named, and filters the tables. */
function draw(...but) {
  for (const [name, drawer] of Object.entries(DRAWERS)) if (!but.includes(name)) drawer();
  filterTables();
  const shown = shownWorkloads().length;
  const all = suite.workloads.length === 1 ? "1 workload" : `${suite.workloads.length} workloads`;
  document.getElementById("shown").textContent = shown === suite.workloads.length ? all : `${shown} of ${all}`;
}

function reveal() {
  const has = {
    workloads: suite.workloads.length,
    tradeoff: suite.workloads.some(({ quantities }) => quantities.time && quantities.peak_rss),
    memory: suite.workloads.some(({ memory }) => memory),
    rates: suite.workloads.some(({ rates }) => rates.length),
  };
  for (const [id, there] of Object.entries(has)) {
    document.getElementById(id).hidden = !there;
    if (!there) document.querySelector(`nav a[href="#${id}"]`).remove();
  }
  document.getElementById("filters").hidden = suite.workloads.length === 0;
}

function followWidth() {
  let width = document.documentElement.clientWidth;
  let waiting = 0;
  addEventListener("resize", () => {
    if (document.documentElement.clientWidth === width) return;
    width = document.documentElement.clientWidth;
    clearTimeout(waiting);
    waiting = setTimeout(draw, 120);
  });
}

prepareControls();
prepareTables();
reveal();
draw();
followWidth();
document.documentElement.dataset.drawn = "yes";
