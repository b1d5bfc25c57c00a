// The list of chosen files: size, what the check found, the view of ultrasound pictures, a button to remove.
import { t } from "./speech.js";

const MOST_ROWS = 200;
const VIEWS = ["", "AR", "HR", "other"];

/** Chosen files and their rows in a table body. */
export class FileList {
  constructor(body, changed) {
    this.body = body;
    this.changed = changed;
    this.clear();
  }

  get bytes() {
    return this.files.reduce((sum, one) => sum + one.file.size, 0);
  }

  get shown() {
    return Math.min(this.files.length, MOST_ROWS);
  }

  get hasViews() {
    return this.files.some((one) => one.select && !one.select.hidden);
  }

  clear() {
    this.files = [];
    this.body.replaceChildren();
  }

  add(files, size) {
    const known = new Set(this.files.map((one) => `${one.name}|${one.file.size}`));
    for (const { name, file } of files) {
      if (known.has(`${name}|${file.size}`)) continue;
      const one = { name, file };
      this.files.push(one);
      if (this.files.length <= MOST_ROWS) this.body.append(this.row(one, size));
    }
  }

  row(one, size) {
    one.row = document.createElement("tr");
    one.check = document.createElement("td");
    one.check.textContent = t("checking");
    one.select = this.select(one);
    const remove = document.createElement("button");
    Object.assign(remove, { type: "button", className: "button button-quiet button-small", textContent: t("Remove") });
    remove.setAttribute("aria-label", t("Remove {name}", { name: one.name }));
    remove.addEventListener("click", () => this.remove(one));
    one.row.append(cell(one.name), cell(size(one.file.size), "numeric nowrap"), one.check, cell(one.select), cell(remove));
    return one.row;
  }

  select(one) {
    const select = document.createElement("select");
    select.setAttribute("aria-label", t("View of {name}", { name: one.name }));
    const words = { "": t("not named"), other: t("other") };
    for (const view of VIEWS) select.append(new Option(words[view] ?? view, view));
    select.hidden = true;
    return select;
  }

  remove(one) {
    const next = one.row?.nextElementSibling?.querySelector("button") || document.getElementById("files");
    this.files = this.files.filter((other) => other !== one);
    one.row?.remove();
    this.changed();
    next.focus();
  }

  /** Take out what the check found unreadable. */
  removeRefused() {
    for (const one of this.files.filter((file) => file.refused)) one.row?.remove();
    this.files = this.files.filter((one) => !one.refused);
    this.changed();
  }

  /** Show what the check found of files, given as [file, preview] pairs. */
  tell(found) {
    for (const [one, preview] of found) {
      one.refused = preview.refused;
      if (!one.row) continue;
      one.check.replaceChildren(...words(preview));
      one.select.hidden = preview.modality !== "US" || preview.refused;
    }
    this.changed();
  }

  /** Mark the row of the file that the server refused. */
  mark(path) {
    const one = path && this.files.find((file) => file.name === path || file.name.endsWith(`/${path}`));
    one?.row?.scrollIntoView({ block: "nearest" });
  }

  /** Views by the index of their file. */
  views() {
    const pairs = this.files.map((one, index) => [index, one.select?.value]).filter(([, view]) => view);
    return Object.fromEntries(pairs);
  }
}

function cell(content, name = "") {
  const made = document.createElement("td");
  made.className = name;
  made.append(content);
  return made;
}

function words(preview) {
  const warned = preview.remarks.length > 0;
  const badge = document.createElement("span");
  badge.className = `badge ${preview.refused ? "badge-refused" : warned ? "badge-warn" : "badge-ok"}`;
  badge.textContent = preview.refused ? t("will be refused") : warned ? t("with remarks") : t("readable");
  const facts = document.createElement("div");
  facts.className = "muted small";
  facts.textContent = summary(preview);
  if (!warned) return [badge, facts];
  const remarks = document.createElement("ul");
  remarks.className = "small";
  for (const one of preview.remarks) {
    remarks.append(Object.assign(document.createElement("li"), { textContent: t(one.words) }));
  }
  return [badge, facts, remarks];
}

function summary(one) {
  const parts = [one.kind === "unknown" ? "" : one.kind.toUpperCase(), one.modality, one.series];
  if (one.columns && one.rows) parts.push(`${one.columns} × ${one.rows}`);
  if (one.frames > 1) parts.push(t("{n} frames", { n: one.frames }));
  if (one.pixel_mm) parts.push(`${one.pixel_mm.map((mm) => Number(mm.toFixed(2))).join(" × ")} mm`);
  if (one.kvp) parts.push(`${one.kvp} kV`);
  if (one.echo_ms) parts.push(`TE ${Number(one.echo_ms.toFixed(2))} ms`);
  if (one.contrast) parts.push(t("contrast: {agent}", { agent: one.contrast }));
  parts.push([one.maker, one.model].filter(Boolean).join(" "), one.study_date && day(one.study_date));
  return parts.filter(Boolean).join(" · ");
}

function day(text) {
  return /^\d{8}$/.test(text) ? `${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6)}` : text;
}
