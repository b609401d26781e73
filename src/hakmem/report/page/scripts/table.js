// Tables that are in the page already: columns that sort, rows that follow the filters.

function prepareTables() {
  const table = document.querySelector("table.figures");
  table.querySelectorAll("thead th").forEach((head, column, heads) => {
    if (column === heads.length - 1) return;
    const button = element("button", { type: "button" }, head.textContent);
    button.addEventListener("click", () => sortBy(table, column));
    head.replaceChildren(button);
  });
}

function sortBy(table, column) {
  const heads = [...table.querySelectorAll("thead th")];
  const descending = heads[column].getAttribute("aria-sort") === "ascending";
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  heads[column].setAttribute("aria-sort", descending ? "descending" : "ascending");
  const body = table.tBodies[0];
  const keyed = [...body.rows].map((row) => ({ row, key: sortKey(row, column) }));
  // Rows without a figure stay last, whichever way the others go.
  keyed.sort((a, b) => (a.key === null) - (b.key === null) || (descending ? -1 : 1) * order(a.key, b.key));
  body.append(...keyed.map(({ row }) => row));
}

function sortKey(row, column) {
  let at = 0;
  for (const cell of row.cells) {
    if (at === column && cell.dataset.sort !== undefined) {
      return column < 2 ? cell.dataset.sort : Number(cell.dataset.sort);
    }
    at += cell.colSpan;
  }
  return null;
}

const order = (a, b) => (typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b);

function filterTables() {
  const shown = new Set(shownWorkloads().map((workload) => workload.name));
  for (const row of document.querySelectorAll("table tr[data-workload]")) {
    const place = row.dataset.allocator;
    row.hidden = !shown.has(row.dataset.workload) || (place !== undefined && choice.hidden.has(Number(place)));
  }
}
