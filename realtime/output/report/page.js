"use strict";

const byId = (id) => document.getElementById(id);

function value(row, column) {
  const text = row.cells[column]?.dataset.value ?? "";
  const number = Number(text);
  return text !== "" && !Number.isNaN(number) ? number : text;
}

function compare(a, b) {
  if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
  return typeof a === "number" ? -1 : 1;
}

function sortBy(table, column) {
  const heads = [...table.tHead.rows[0].cells];
  const upwards = heads[column].getAttribute("aria-sort") !== "ascending";
  heads.forEach((head, i) => head.setAttribute("aria-sort", i === column ? (upwards ? "ascending" : "descending") : "none"));
  const rows = [...table.tBodies[0].rows];
  rows.sort((a, b) => (upwards ? 1 : -1) * compare(value(a, column), value(b, column)));
  table.tBodies[0].append(...rows);
}

function filter(table) {
  const kind = byId("filter-kind")?.value ?? "";
  const label = byId("filter-label")?.value ?? "";
  const text = byId("filter-text").value.trim().toLowerCase();
  const rows = [...table.tBodies[0].rows];
  for (const row of rows) {
    row.hidden = Boolean(
      (kind && row.dataset.kind !== kind) ||
      (label && row.dataset.label !== label) ||
      (text && !row.textContent.toLowerCase().includes(text)));
  }
  byId("shown").textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} shown`;
}

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => sortBy(table, column));
  });
  const form = byId("filters");
  for (const kind of ["input", "change"]) form.addEventListener(kind, () => filter(table));
  form.addEventListener("submit", (event) => event.preventDefault());
  filter(table);
}

const player = byId("player");
if (player) {
  const show = (playable) => {
    byId("lost").hidden = playable;
    player.parentElement.hidden = !playable;
  };
  const last = player.querySelector("source:last-of-type");
  last?.addEventListener("error", () => show(Boolean(player.src)));
  player.addEventListener("error", () => show(false));
  player.addEventListener("loadedmetadata", () => show(true));
  // The last source may have failed before this script ran, which leaves a player without a source.
  addEventListener("load", () => {
    if (player.readyState === 0 && player.networkState === HTMLMediaElement.NETWORK_NO_SOURCE) show(false);
  });
  if (!last) show(false);

  byId("choose").addEventListener("change", (event) => {
    const [file] = event.target.files;
    if (!file) return;
    if (player.src) URL.revokeObjectURL(player.src);
    player.src = URL.createObjectURL(file);
    show(true);
  });
  for (const button of document.querySelectorAll("button.jump")) {
    button.addEventListener("click", () => {
      byId("recording").scrollIntoView();
      if (player.parentElement.hidden) { byId("choose").focus(); return; }
      player.playbackRate = Number(byId("speed").value);
      player.currentTime = Math.max(0, Number(button.dataset.time));
      player.play().catch(() => {});
      player.focus();
    });
  }
}
