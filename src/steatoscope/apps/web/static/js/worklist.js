// The work list: states that refresh, columns to choose, and what is chosen. The page works without it.
import { t } from "./speech.js";

const KEPT = "steatoscope-columns";
const EVERY_MS = 3000;
const table = document.querySelector(".list-table");
const form = document.getElementById("list");

function hiddenColumns() {
  try {
    return new Set(JSON.parse(localStorage.getItem(KEPT) || "[]"));
  } catch {
    return new Set();
  }
}

function showColumns(hidden) {
  for (const cell of table.querySelectorAll("[data-column]")) cell.hidden = hidden.has(cell.dataset.column);
}

function offerColumns() {
  const menu = document.getElementById("columns");
  const place = menu.querySelector("[data-columns]");
  const hidden = hiddenColumns();
  for (const head of table.querySelectorAll("thead [data-column]")) {
    const name = head.dataset.column;
    if (name === "subject") continue;
    const label = document.createElement("label");
    label.className = "field field-check";
    const box = document.createElement("input");
    box.type = "checkbox";
    box.checked = !hidden.has(name);
    box.addEventListener("change", () => {
      box.checked ? hidden.delete(name) : hidden.add(name);
      try { localStorage.setItem(KEPT, JSON.stringify([...hidden])); } catch { /* kept for this page only */ }
      showColumns(hidden);
    });
    label.append(box, head.textContent.trim());
    place.append(label);
  }
  menu.hidden = false;
  showColumns(hidden);
}

function boxes() {
  return [...table.querySelectorAll('input[name="ids"]')];
}

function tellChosen() {
  const chosen = boxes().filter((box) => box.checked).length;
  const words = form.querySelector("[data-chosen]");
  words.hidden = chosen === 0;
  words.textContent = t("{n} chosen", { n: chosen });
  for (const button of form.querySelectorAll("button[name=action]")) {
    button.disabled = button.value === "compare" ? chosen !== 2 : chosen === 0;
  }
  const all = table.querySelector("[data-all]");
  all.checked = chosen > 0 && chosen === boxes().length;
  all.indeterminate = chosen > 0 && chosen < boxes().length;
}

function offerAll() {
  const all = document.createElement("input");
  all.type = "checkbox";
  all.dataset.all = "";
  all.setAttribute("aria-label", t("Choose all on this page"));
  all.addEventListener("change", () => {
    for (const box of boxes()) box.checked = all.checked;
    tellChosen();
  });
  table.querySelector("thead .choose").replaceChildren(all);
  table.addEventListener("change", (event) => { if (event.target.name === "ids") tellChosen(); });
}

function unfinished() {
  return [...table.querySelectorAll('tr[data-state="queued"], tr[data-state="running"]')];
}

/** Fetch this page again and put in the rows that have changed; what is chosen stays chosen. */
async function renew(ids) {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of ids) {
    const row = fresh.getElementById(`row-${id}`);
    const old = document.getElementById(`row-${id}`);
    if (!row || !old) { old?.setAttribute("data-state", "gone"); continue; }
    row.querySelector('input[name="ids"]').checked = old.querySelector('input[name="ids"]').checked;
    old.replaceWith(document.adoptNode(row));
  }
  showColumns(hiddenColumns());
}

async function poll() {
  const rows = unfinished();
  if (rows.length === 0) return;
  if (document.visibilityState === "visible") {
    const ids = rows.map((row) => row.dataset.study);
    try {
      const answer = await fetch(`/api/v1/studies/states?ids=${ids.join(",")}`, { headers: { Accept: "application/json" } });
      if (answer.status === 401) return;
      if (answer.ok) await follow((await answer.json()).items);
    } catch { /* the network is away for a moment */ }
  }
  setTimeout(poll, EVERY_MS);
}

async function follow(items) {
  const changed = [];
  for (const item of items) {
    const row = document.getElementById(`row-${item.study_id}`);
    if (!row) continue;
    if (row.dataset.state !== item.state) changed.push(item.study_id);
    else if (item.state === "running") showProgress(row, item.progress);
  }
  if (changed.length) await renew(changed);
}

function showProgress(row, progress) {
  const badge = row.querySelector("[data-badge]");
  let words = badge.querySelector("[data-progress]");
  if (!words) {
    words = document.createElement("span");
    words.dataset.progress = "";
    words.className = "small muted";
    badge.append(" ", words);
  }
  words.textContent = `${Math.round(100 * progress)} %`;
}

if (table && form) {
  offerColumns();
  offerAll();
  tellChosen();
  setTimeout(poll, EVERY_MS);
}
