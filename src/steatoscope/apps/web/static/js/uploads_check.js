// Asks the server what files are, sending the first bytes of each only.
import { headers } from "./speech.js";

const MOST_FILES = 200;
const BATCH = 20;
const FEW = 20;

/** Preview files in batches; `tell` gets [file, preview] pairs as they come. Returns what concerns the study. */
export async function check(files, { modality, subject }, signal, tell) {
  const looked = files.slice(0, MOST_FILES);
  const bytes = looked.length > FEW ? 32 * 1024 : 256 * 1024;
  const study = { patient: { words: "" }, remarks: [], series: new Map(), more: files.length - looked.length };
  for (let start = 0; start < looked.length; start += BATCH) {
    const batch = looked.slice(start, start + BATCH);
    const answer = await ask(batch, bytes, { modality, subject }, signal);
    tell(batch.map((one, index) => [one, answer.files[index]]));
    merge(study, answer);
  }
  return { ...study, series: [...study.series.values()] };
}

async function ask(batch, bytes, { modality, subject }, signal) {
  const body = new FormData();
  for (const { name, file } of batch) body.append("files", file.slice(0, bytes), name);
  body.append("sizes", JSON.stringify(batch.map((one) => one.file.size)));
  if (modality) body.append("modality", modality);
  if (subject) body.append("subject", subject);
  const answer = await fetch("/api/v1/preview", { method: "POST", body, headers: headers(), signal });
  if (!answer.ok) throw new Error(`preview ${answer.status}`);
  return answer.json();
}

function merge(study, answer) {
  study.similar = answer.similar_subject;
  if (answer.patient.subject || !study.patient.words) {
    if (study.patient.subject && answer.patient.subject && study.patient.subject !== answer.patient.subject) {
      addRemark(study, { code: "E_MIXED", refused: true,
        words: "The files are of several patients; send one patient's study at a time." });
    }
    study.patient = answer.patient;
  }
  for (const one of answer.series) {
    const known = study.series.get(one.uid);
    study.series.set(one.uid, known ? { ...known, files: known.files + one.files } : one);
  }
  const echoes = new Set([...study.series.values()].flatMap((one) => one.echo_times_ms || []));
  for (const remark of answer.remarks) {
    if (remark.code !== "E_TE" || echoes.size < 3) addRemark(study, remark);
  }
}

function addRemark(study, remark) {
  if (!study.remarks.some((one) => one.words === remark.words)) study.remarks.push(remark);
}
