// Bring the page to life from the data it carries.
"use strict";

(async () => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const charts = data.charts.map(spec =>
    new Chart(document.getElementById(spec.id), spec, data.scenarios));
  const weighing = document.getElementById("weighing");
  if (weighing) new Weighing(weighing, data.criteria, data.scenarios);
  for (const head of document.querySelectorAll("th[data-sort]")) head.onclick = () => sortBy(head);
  const root = document.getElementById("hearts");
  if (!root) { document.body.dataset.ready = "true"; return; }
  if (typeof DecompressionStream === "undefined") {
    root.querySelector(".stage").textContent =
      "This browser is too old to turn the heart; the pictures below show it still.";
    return;
  }
  const hearts = new Hearts(root, data.heart);
  const places = data.scenarios.map((_, i) => data.walls.indexOf(i));
  hearts.listeners.push(times => {
    const all = places.map(k => k < 0 ? null : times[k]);
    charts.forEach(chart => chart.at(all));
  });
  await hearts.load();
  document.body.dataset.ready = "true";
})();

// Sort the rows of a table by the column of a head; again for the other way round.
function sortBy(head) {
  const body = head.closest("table").tBodies[0], column = head.cellIndex;
  const down = head.getAttribute("aria-sort") !== "descending";
  for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const size = row => {
    const text = row.cells[column].textContent.replace("\u2212", "-");
    const number = parseFloat(text);
    return Number.isNaN(number) ? text : number;
  };
  [...body.rows].sort((a, b) => {
    const [p, q] = [size(a), size(b)];
    return (p < q ? -1 : p > q ? 1 : 0) * (down ? -1 : 1);
  }).forEach(row => body.appendChild(row));
}
