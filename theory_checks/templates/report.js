// Sorts and filters the table of verdicts; without it the page shows the table as it is.
"use strict";
(() => {
  const table = document.getElementById("verdict-table");
  const rows = Array.from(table.tBodies[0].rows);
  const heads = Array.from(table.tHead.rows[0].cells);
  const text = document.getElementById("filter-text");
  const verdict = document.getElementById("filter-verdict");
  const count = document.getElementById("filter-count");

  function sort(column) {
    const falling = heads[column].getAttribute("aria-sort") === "ascending";
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[column].setAttribute("aria-sort", falling ? "descending" : "ascending");
    const key = (row) => Number(row.cells[column].dataset.key);
    rows.sort((a, b) => (falling ? key(b) - key(a) : key(a) - key(b)));
    table.tBodies[0].append(...rows);
  }

  function filter() {
    const wanted = text.value.trim().toLowerCase();
    rows.forEach((row) => {
      const found = row.textContent.toLowerCase().includes(wanted);
      row.hidden = !found || (verdict.value !== "" && row.dataset.verdict !== verdict.value);
    });
    const shown = rows.filter((row) => !row.hidden).length;
    count.textContent = `${shown} of ${rows.length} shown`;
  }

  heads.forEach((head, column) => {
    if ("fixed" in head.dataset) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sort(column));
    head.replaceChildren(button);
  });
  text.addEventListener("input", filter);
  verdict.addEventListener("change", filter);
  const form = document.getElementById("filter");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  filter();

  // A browser may restore the fields of a page that it shows again, and print closed details empty.
  window.addEventListener("pageshow", filter);
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((each) => { each.open = true; });
  });
})();
