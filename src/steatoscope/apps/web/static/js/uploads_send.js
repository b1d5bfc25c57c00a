// Sends files in parts: several at once, each part tried again on network failure, paused, continued, cancelled.
import { t } from "./speech.js";

const PART = 4 * 1024 * 1024;
const AT_ONCE = 3;
const PATIENCE = 120;
const TRIES = 6;
const API = "/api/v1/uploads";

/** A refusal of the server with its error document. */
class Refused extends Error {
  constructor(status, body) {
    super(body?.error?.message || String(status));
    this.status = status;
    this.error = body?.error;
    this.received = body?.received;
  }
}

/** One sending of one list of files. */
export class Sender {
  constructor(files, { partBytes, headers, progress, state, paused }) {
    Object.assign(this, { files, headers, progress, state, paused });
    this.part = Math.min(PART, partBytes || PART);
    this.total = files.reduce((sum, one) => sum + one.file.size, 0);
    this.received = files.map(() => 0);
    this.stop = new AbortController();
    this.gate = Promise.resolve();
    this.marks = [];
    this.running = true;
  }

  /** Announce or continue, send, commit; `order(names)` makes the body of the commit. */
  async run(order) {
    try {
      const upload = await this.open();
      this.id = upload.upload_id;
      for (const file of upload.files) this.received[file.number] = file.received;
      this.tell();
      await this.sendAll();
      this.state(t("The server checks the files."));
      const body = JSON.stringify(order(upload.files.map((file) => file.name)));
      const answer = await this.commit(body);
      this.forget();
      return answer;
    } catch (fault) {
      if (fault.status === 422 || fault.status === 413) await this.discard();
      throw fault;
    } finally {
      this.running = false;
    }
  }

  get key() {
    const words = this.files.map((one) => `${one.name}|${one.file.size}|${one.file.lastModified}`).join("\n");
    let hash = 5381;
    for (let i = 0; i < words.length; i += 1) hash = ((hash * 33) ^ words.charCodeAt(i)) >>> 0;
    return `steatoscope.upload.${this.files.length}.${this.total}.${hash}`;
  }

  /** The open upload of these same files from before, else a new one. */
  async open() {
    const known = localStorage.getItem(this.key);
    if (known) {
      try {
        const upload = await this.ask(`${API}/${known}`, { method: "GET" });
        if (upload.state === "open" && upload.files.length === this.files.length) {
          this.state(t("Continuing where it stopped."));
          return upload;
        }
      } catch (fault) {
        if (fault.name === "AbortError") throw fault;
      }
      this.forget();
    }
    const files = this.files.map((one) => ({ name: one.name, size: one.file.size }));
    const upload = await this.ask(API, { method: "POST", body: JSON.stringify({ files }), json: true });
    localStorage.setItem(this.key, upload.upload_id);
    return upload;
  }

  async sendAll() {
    const waiting = this.files.map((_, index) => index);
    const lane = async () => {
      for (let index = waiting.shift(); index !== undefined; index = waiting.shift()) await this.sendFile(index);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
  }

  async sendFile(index) {
    const { file } = this.files[index];
    while (this.received[index] < file.size) {
      await this.gate;
      const offset = this.received[index];
      const body = file.slice(offset, offset + this.part);
      try {
        const address = `${API}/${this.id}/files/${index}?offset=${offset}`;
        const answer = await this.ask(address, { method: "PUT", body });
        this.received[index] = answer.received;
      } catch (fault) {
        if (fault.status !== 409) throw fault;
        this.received[index] = fault.received ?? await this.sentElsewhere(index, fault);
      }
      this.tell();
    }
  }

  /** What has arrived of a file that another page of this browser sends too. */
  async sentElsewhere(index, fault) {
    this.waits = (this.waits || 0) + 1;
    if (this.waits > PATIENCE) throw fault;
    await new Promise((done) => setTimeout(done, 500));
    const upload = await this.ask(`${API}/${this.id}`, { method: "GET" });
    return upload.files[index].received;
  }

  /** Make the study; where another page does so at this moment, wait for it: the answer is the same study. */
  async commit(body) {
    for (;;) {
      try {
        return await this.ask(`${API}/${this.id}/commit`, { method: "POST", body, json: true }, 1);
      } catch (fault) {
        if (fault.status !== 409) throw fault;
        await this.sentElsewhere(0, fault);
      }
    }
  }

  /** A request that is tried again, later each time, while the network or the server does not answer. */
  async ask(address, { method, body, json }, tries = TRIES) {
    const type = json ? "application/json" : "application/octet-stream";
    for (let turn = 1; ; turn += 1) {
      await this.gate;
      try {
        const headers = this.headers(body === undefined ? {} : { "Content-Type": type });
        const answer = await fetch(address, { method, body, headers, signal: this.stop.signal });
        if (answer.ok) return await answer.json();
        if (answer.status < 500 && answer.status !== 429) {
          throw new Refused(answer.status, await answer.json().catch(() => null));
        }
        if (turn >= tries) throw new Refused(answer.status, await answer.json().catch(() => null));
      } catch (fault) {
        if (fault instanceof Refused || fault.name === "AbortError") throw fault;
        if (turn >= tries) throw fault;
      }
      this.state(t("No answer; trying again ({turn} of {tries}).", { turn, tries }));
      await new Promise((done) => setTimeout(done, Math.min(8000, 500 * 2 ** turn)));
      if (this.stop.signal.aborted) throw this.stop.signal.reason;
    }
  }

  tell() {
    const sent = this.received.reduce((sum, one) => sum + one, 0);
    const time = performance.now() / 1000;
    this.marks = [...this.marks.filter((mark) => time - mark.time < 8), { time, sent }];
    const first = this.marks[0];
    const speed = time > first.time ? (sent - first.sent) / (time - first.time) : 0;
    this.progress({ sent, total: this.total, speed });
    if (this.running && !this.release) this.state("");
  }

  pause() {
    if (this.release) return;
    this.gate = new Promise((done) => { this.release = done; });
    this.marks = [];
    this.state(t("Paused."));
    this.paused(true);
  }

  resume() {
    this.release?.();
    this.release = null;
    this.state("");
    this.paused(false);
  }

  async cancel() {
    this.stop.abort();
    this.release?.();
    await this.discard();
  }

  async discard() {
    this.forget();
    if (this.id) await fetch(`${API}/${this.id}`, { method: "DELETE", headers: this.headers() }).catch(() => null);
  }

  forget() {
    localStorage.removeItem(this.key);
  }
}
