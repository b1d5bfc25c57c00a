// The result page: its viewer, the correction of the liver outline, sign-off, and reloading when an analysis ends.
import { headers, t } from "./speech.js";
import { createViewer } from "./viewer.js";

const page = document.getElementById("study");
const { study, version, job } = page.dataset;
const ENDED = ["done", "failed", "refused", "cancelled"];

if (job) follow(job);
const place = document.getElementById("viewer");
if (place) show(place).catch(() => {});
const form = document.getElementById("review-form");
if (form) review(form);

async function show(element) {
  const viewer = await createViewer(element, { studyId: study, version: Number(version) });
  const correct = document.getElementById("correct-mask");
  if (!correct) return;
  correct.hidden = false;
  correct.addEventListener("click", async () => {
    const { openEditor } = await import("./mask_editor.js");
    correct.hidden = true;
    openEditor(viewer, document.getElementById("mask-editor"), {
      address: `/api/v1/studies/${study}/mask`,
      version: Number(version),
      closed: () => {
        correct.hidden = false;
        correct.focus();
      },
    });
  });
}

/** Tell how far the analysis is, and load the page again when it has ended. */
async function follow(id) {
  const notice = document.getElementById("job-notice");
  for (let wait = 1000; ; wait = Math.min(wait * 1.2, 5000)) {
    await new Promise((resolve) => { setTimeout(resolve, wait); });
    try {
      const answer = await fetch(`/api/v1/jobs/${id}`, { headers: { Accept: "application/json" } });
      if (!answer.ok) continue;
      const now = await answer.json();
      notice?.querySelector("progress")?.setAttribute("value", now.progress);
      if (now.state === "running") runs(document.getElementById("study-state"));
      if (ENDED.includes(now.state)) return void location.assign(location.pathname);
    } catch {
      // The server does not answer for the moment: ask again.
    }
  }
}

/** Say that the analysis no longer waits. */
function runs(place) {
  const badge = place?.querySelector(".badge");
  if (!badge || !place.dataset.running) return;
  badge.className = "badge badge-run";
  badge.textContent = place.dataset.running;
}

function review(element) {
  const grade = document.getElementById("review-grade-field");
  const fault = document.getElementById("review-error");
  const amends = () => element.elements.decision.value === "amend";
  const button = element.querySelector("button");
  element.addEventListener("change", () => {
    grade.hidden = !amends();
    element.elements.grade.required = amends();
  });
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return undefined;
    button.disabled = true;
    const body = {
      version: Number(element.dataset.version),
      decision: element.elements.decision.value,
      comment: element.elements.comment.value,
      ...(amends() ? { grade: element.elements.grade.value } : {}),
    };
    const words = await sent(element.dataset.address, body).then(() => "", (reason) => reason.message);
    if (!words) return location.reload();
    button.disabled = false;
    fault.textContent = words;
    fault.hidden = false;
    return undefined;
  });
}

async function sent(address, body) {
  const answer = await fetch(address, { method: "POST", headers: headers({ "Content-Type": "application/json" }), body: JSON.stringify(body) });
  const document = await answer.json().catch(() => ({}));
  if (answer.ok) return document;
  const { message = t("The server did not answer."), cause = "", remedy = "" } = document.error || {};
  throw new Error([message, cause, remedy].filter(Boolean).join(" "));
}
