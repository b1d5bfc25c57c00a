// The upload page: choose, check, describe, send.
import { t, headers, number } from "./speech.js";
import { picked, dropped } from "./uploads_pick.js";
import { FileList } from "./uploads_list.js";
import { check } from "./uploads_check.js";
import { Sender } from "./uploads_send.js";
import { clinicalValues } from "./uploads_clinical.js";

const form = document.getElementById("upload");
const $ = (id) => document.getElementById(id);
const list = new FileList($("rows"), changed);
let sender = null;
let checking = null;

function size(bytes) {
  const steps = ["B", "kB", "MB", "GB"];
  let value = bytes;
  let step = 0;
  while (value >= 1000 && step < steps.length - 1) { value /= 1000; step += 1; }
  return `${number(value, step > 1 ? 1 : 0)} ${steps[step]}`;
}

function changed() {
  const files = list.files;
  $("chosen").hidden = files.length === 0;
  const counted = files.length === 1 ? t("1 file, {size}", { size: size(list.bytes) })
    : t("{n} files, {size}", { n: files.length, size: size(list.bytes) });
  $("chosen-summary").textContent = counted;
  $("remove-refused").hidden = !files.some((one) => one.refused);
  const hidden = files.length - list.shown;
  $("more-files").hidden = hidden <= 0;
  $("more-files").textContent = t("and {n} more files", { n: hidden });
  $("views-help").hidden = !list.hasViews;
}

async function add(files) {
  hideFault();
  list.add(files.filter((file) => !/(^|\/)(\.|__MACOSX|Thumbs\.db$|desktop\.ini$)/.test(file.name)), size);
  changed();
  await look();
}

async function look() {
  checking?.abort();
  checking = new AbortController();
  $("study-remarks").replaceChildren();
  if (!list.files.length) return;
  try {
    const stated = { modality: $("modality").value, subject: $("subject").value.trim() };
    const answer = await check(list.files, stated, checking.signal, (found) => list.tell(found));
    showStudy(answer);
    changed();
  } catch (fault) {
    if (fault.name !== "AbortError") {
      const words = t("The files could not be checked now; the server checks them again when they are sent.");
      $("study-remarks").append(notice("notice-warn", [words]));
    }
  }
}

function showStudy({ patient, remarks, series, more, similar }) {
  $("similar-words").textContent = similar
    ? t("There is a patient with the code {code}; capital and small letters make another patient.", { code: similar })
    : "";
  const lines = remarks.map((one) => notice(one.refused ? "notice-error" : "notice-warn", [t(one.words)]));
  if (series.length > 1) {
    const names = series.slice(0, 6).map((one) => `${one.modality || "?"} ${one.description || ""} (${one.files})`);
    lines.push(notice("", [t("{n} series: the measurable one is chosen.", { n: series.length }), names.join("; ")]));
  }
  if (more > 0) lines.push(notice("", [t("{n} files are checked on the server.", { n: more })]));
  $("study-remarks").replaceChildren(...lines);
  const who = [patient.name, patient.patient_id, patient.birth_date].filter(Boolean).join(", ");
  const code = patient.subject ? t("Code: {code}.", { code: patient.subject }) : "";
  $("patient-words").textContent = [who, patient.words, code].filter(Boolean).join(" ");
}

function notice(kind, lines) {
  const box = document.createElement("div");
  box.className = `notice ${kind}`;
  for (const line of lines) box.append(Object.assign(document.createElement("p"), { textContent: line }));
  return box;
}

function showFault(error) {
  const lines = [error.message, error.cause, error.remedy].filter(Boolean).map((line) => t(line));
  if (error.path) lines.splice(1, 0, t("File: {name}", { name: error.path }));
  $("fault").replaceChildren(...notice("", lines).children);
  $("fault").hidden = false;
  $("fault").scrollIntoView({ block: "nearest" });
}

function hideFault() {
  $("fault").hidden = true;
  $("fault").replaceChildren();
}

function busy(on) {
  form.hidden = on;
  $("sending").hidden = !on;
  if (on) $("sending-title").focus();
}

function progress({ sent, total, speed }) {
  const share = total ? (100 * sent) / total : 100;
  $("bar").value = share;
  const left = speed > 0 ? Math.ceil((total - sent) / speed) : null;
  const words = { sent: size(sent), total: size(total), speed: size(speed), left };
  $("progress-words").textContent = left === null
    ? t("{sent} of {total}", words)
    : t("{sent} of {total}, {speed} a second, {left} s left", words);
}

function state(words) {
  $("progress-state").textContent = words;
}

function paused(on) {
  $("pause").hidden = on;
  $("resume").hidden = !on;
  (on ? $("resume") : $("pause")).focus();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  hideFault();
  if (!list.files.length) {
    showFault({ message: t("No files are chosen."), remedy: t("Choose files or a folder first.") });
    return;
  }
  if (list.bytes > Number(form.dataset.mostBytes)) {
    showFault({ message: t("The files are too large."), cause: size(list.bytes), remedy: t("Send one study.") });
    return;
  }
  const { values, faults } = clinicalValues(form);
  if (faults.length) {
    showFault({ message: t("Clinical values do not fit."), cause: faults.join(" ") });
    return;
  }
  await send(values);
});

async function send(clinical) {
  checking?.abort();
  sender = new Sender(list.files, { partBytes: Number(form.dataset.partBytes), headers, progress, state, paused });
  busy(true);
  try {
    const views = list.views();
    const answer = await sender.run((names) => ({
      subject: $("subject").value.trim() || null,
      modality: $("modality").value || null,
      profile: $("profile").value || null,
      description: $("description").value.trim() || null,
      force: $("force").checked,
      clinical,
      views: Object.fromEntries(Object.entries(views).map(([index, view]) => [names[index], view])),
    }));
    state(answer.duplicate ? t("These files are known already.") : t("Sent."));
    window.location.assign(answer.duplicate ? `${answer.page_url}?known=1` : answer.page_url);
  } catch (fault) {
    busy(false);
    if (fault.name !== "AbortError") {
      showFault(fault.error || { message: t("The files could not be sent."), cause: String(fault.message || fault) });
      list.mark(fault.error?.path);
    }
    $("send").focus();
  }
}

$("pause").addEventListener("click", () => sender?.pause());
$("resume").addEventListener("click", () => sender?.resume());
$("cancel").addEventListener("click", () => sender?.cancel());
$("clear").addEventListener("click", () => { list.clear(); changed(); hideFault(); $("files").focus(); });
$("remove-refused").addEventListener("click", () => { list.removeRefused(); $("files").focus(); look(); });
for (const id of ["modality", "subject"]) $(id).addEventListener("change", look);
for (const id of ["files", "folder"]) {
  $(id).addEventListener("change", async (event) => {
    const files = picked(event.target.files);
    event.target.value = "";
    await add(files);
  });
}
const drop = $("drop");
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("is-over"); });
}
for (const name of ["dragleave", "dragend"]) drop.addEventListener(name, () => drop.classList.remove("is-over"));
drop.addEventListener("drop", async (event) => {
  event.preventDefault();
  drop.classList.remove("is-over");
  await add(await dropped(event.dataTransfer));
});
window.addEventListener("beforeunload", (event) => {
  if (sender?.running) event.preventDefault();
});
changed();
