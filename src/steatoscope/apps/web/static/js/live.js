// Follows one analysis: Server-Sent Events, polling where these fail, and the change to the result at the end.
import { headers, number, t } from "./speech.js";

const POLL_MS = 2000;
const root = document.getElementById("job");
const part = (name) => document.querySelector(`[data-part="${name}"]`);
const clock = { at: performance.now(), elapsed: root.dataset.elapsed === "" ? null : Number(root.dataset.elapsed) };
let poller = null;
let over = false;

function words(job) {
  if (job.cancel_requested) return t("Stopping the analysis");
  if (job.state === "queued") {
    if (!job.queue_position) return t("Next in the queue");
    return job.queue_position === 1 ? t("1 analysis goes first") : t("{n} analyses go first", { n: job.queue_position });
  }
  return root.querySelector(`.steps [data-stage="${job.stage}"]`)?.dataset.words || t("In analysis");
}

function seconds(value) {
  return value === null ? "–" : t("{n} s", { n: number(Math.round(value), 0) });
}

function show(job) {
  if (over) return;
  if (job.state !== "queued" && job.state !== "running") return finish(job);
  if (job.state !== root.dataset.state) {
    root.dataset.state = job.state;
    const badge = root.querySelector(".badge");
    badge.className = job.state === "running" ? "badge badge-run" : "badge";
    badge.textContent = job.state === "running" ? t("In analysis") : t("Waiting");
  }
  const said = words(job);
  if (part("words").textContent !== said) part("words").textContent = said;
  root.querySelector(".progress").value = job.progress;
  Object.assign(clock, { at: performance.now(), elapsed: job.elapsed_s });
  if (job.expected_s !== null) part("expected").textContent = seconds(job.expected_s);
  part("attempts").textContent = job.attempts;
  part("attempts").parentElement.hidden = job.attempts < 2;
  const cancel = document.querySelector("#cancel-form button");
  if (cancel) cancel.disabled = job.cancel_requested;
  mark(job.stage);
}

function mark(stage) {
  const steps = [...root.querySelectorAll(".steps > li")];
  const place = steps.findIndex((step) => step.dataset.stage === stage);
  steps.forEach((step, index) => {
    step.classList.toggle("is-done", index < place);
    if (index === place) step.setAttribute("aria-current", "step");
    else step.removeAttribute("aria-current");
  });
}

function finish(job) {
  over = true;
  clearInterval(poller);
  if (job.state === "done" || job.state === "refused") location.replace(root.dataset.result);
  else location.reload();
}

async function poll() {
  try {
    const answer = await fetch(root.dataset.address, { headers: { Accept: "application/json" } });
    if (answer.status === 401 || answer.status === 404) return location.reload();
    if (!answer.ok) throw new Error(String(answer.status));
    part("connection").textContent = "";
    show(await answer.json());
  } catch {
    part("connection").textContent = t("The server does not answer; trying again.");
  }
}

function startPolling() {
  if (poller !== null || over) return;
  poller = setInterval(poll, POLL_MS);
  poll();
}

function listen() {
  if (!("EventSource" in window)) return startPolling();
  const source = new EventSource(`${root.dataset.address}/events`);
  source.addEventListener("state", (event) => show(JSON.parse(event.data)));
  source.addEventListener("end", () => source.close());
  source.addEventListener("gone", () => location.reload());
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) startPolling();
  });
}

async function cancel() {
  document.getElementById("cancel-dialog").close();
  const answer = await fetch(root.dataset.address, { method: "DELETE", headers: headers() });
  if (answer.ok) show(await answer.json());
  else poll();
}

document.getElementById("cancel-form")?.addEventListener("submit", (event) => {
  event.preventDefault();
  document.getElementById("cancel-dialog").showModal();
});
part("confirm").addEventListener("click", cancel);
setInterval(() => {
  if (clock.elapsed === null || over) return;
  part("elapsed").textContent = seconds(clock.elapsed + (performance.now() - clock.at) / 1000);
}, 1000);
listen();
