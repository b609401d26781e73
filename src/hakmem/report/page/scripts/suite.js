// The suite, and what of it the reader wants to see.

const suite = JSON.parse(document.getElementById("suite").textContent);
const baseline = suite.baseline === null ? "" : suite.allocators[suite.baseline].name;

/** What is chosen: kind "" is all; `hidden` holds places of allocators; `search` is part of a workload's name. */
const choice = { kind: "", search: "", hidden: new Set(), quantity: "time", measure: "relative", workload: "" };

const MARKS = { "no difference seen": "≈", "too noisy to tell": "?" };

/** The colour of the allocator at a place; follows the reader's light or dark page by itself. */
const colour = (place) => `var(--allocator-${place})`;
const symbol = (place) => d3[`symbol${suite.allocators[place].symbol.replace(/^./, (first) => first.toUpperCase())}`];
const named = (place) => suite.allocators[place].name;

const isShown = (workload) =>
  (!choice.kind || workload.kind === choice.kind) &&
  workload.name.toLowerCase().includes(choice.search.toLowerCase());

const shownWorkloads = () => suite.workloads.filter(isShown);
const shownAllocators = () => suite.allocators.map((_, place) => place).filter((place) => !choice.hidden.has(place));
const shownCells = (workload, quantity) =>
  (workload.quantities[quantity]?.cells ?? []).filter((cell) => !choice.hidden.has(cell.allocator));
