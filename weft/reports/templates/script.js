// Tooltips for pointer and keyboard, and tables that sort by a click on a heading.
"use strict";

const tip = document.createElement("div");
tip.id = "tip";
tip.hidden = true;
tip.setAttribute("aria-hidden", "true"); // what it shows is also the element's description
document.body.append(tip);

function showTip(text, x, y) {
  tip.textContent = text;
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const below = y + 18 + height < innerHeight;
  tip.style.left = `${Math.max(8, Math.min(x + 12, innerWidth - width - 8))}px`;
  tip.style.top = `${below ? y + 18 : Math.max(8, y - height - 12)}px`;
}
function hideTip() {
  tip.hidden = true;
}

// A title is the tooltip where no script runs; here it would show twice, so it moves to data-tip.
for (const element of document.querySelectorAll("main [title], header [title]")) {
  element.dataset.tip = element.title;
  if (!element.hasAttribute("aria-label") && !element.hasAttribute("aria-describedby")) {
    element.setAttribute("aria-description", element.title);
  }
  element.removeAttribute("title");
}
for (const title of document.querySelectorAll("svg [data-tip] > title")) title.remove();

const tipOf = (event) => (event.target instanceof Element ? event.target.closest("[data-tip]") : null);
addEventListener("pointermove", (event) => {
  const element = tipOf(event);
  if (element) showTip(element.dataset.tip, event.clientX, event.clientY);
  else if (!(event.target instanceof HTMLCanvasElement)) hideTip();
});
addEventListener("focusin", (event) => {
  const element = tipOf(event);
  if (!element || !element.matches(":focus-visible")) return;
  const box = element.getBoundingClientRect();
  showTip(element.dataset.tip, box.left, box.bottom - 12);
});
addEventListener("focusout", hideTip);
addEventListener("scroll", hideTip, true);
addEventListener("keydown", (event) => {
  if (event.key === "Escape") hideTip();
});

function cellValue(row, column, kind) {
  const cell = row.cells[column];
  return kind === "number" ? Number(cell.dataset.value) : cell.textContent.trim();
}
for (const button of document.querySelectorAll(".sortable [data-sort]")) {
  button.addEventListener("click", () => {
    const head = button.closest("th");
    const table = head.closest("table");
    const kind = button.dataset.sort;
    const before = head.getAttribute("aria-sort");
    // A first click puts the largest number first: that is what one looks for.
    const first = kind === "number" ? "descending" : "ascending";
    const order = before === "none" ? first : before === "ascending" ? "descending" : "ascending";
    for (const other of head.parentElement.cells) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const rows = [...table.tBodies[0].rows].filter((row) => row.cells.length === head.parentElement.cells.length);
    rows.sort((a, b) => {
      const [x, y] = [cellValue(a, head.cellIndex, kind), cellValue(b, head.cellIndex, kind)];
      return sign * (kind === "number" ? x - y : x.localeCompare(y));
    });
    table.tBodies[0].append(...rows);
  });
}
