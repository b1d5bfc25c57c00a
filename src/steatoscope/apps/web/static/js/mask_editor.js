// Correction of the liver outline in the viewer: brush, polygon, undo; the edited images are sent to be measured again.
import { headers, t } from "./speech.js";
import { runs } from "./viewer_data.js";
import { outline } from "./viewer_outline.js";
import { make } from "./viewer_panel.js";
import { between, polygon, stroke } from "./mask_editor_tools.js";

const MOST_UNDO = 100;

export function openEditor(viewer, place, options) {
  place.hidden = false;
  const editor = new Editor(viewer, place, options);
  viewer.element.editor = editor;
  return editor;
}

class Editor {
  constructor(viewer, place, options) {
    Object.assign(this, { viewer, place, options, edited: new Map(), done: [], undone: [], points: [], drawing: null, cursor: null });
    this.tool = { kind: "brush", value: 1, radius: Math.max(2, Math.round(viewer.scene.columns / 40)) };
    this.scene = viewer.scene;
    this.layer = this.scene.masks.find((one) => one.key === "liver") || null;
    const several = viewer.meta.views_in_scan > 1 || viewer.meta.scenes.length > 1;
    if (several) return void this.#refuse();
    this.#build();
    viewer.stop();
    viewer.capture = this.#capture();
    viewer.overrides.set("liver", (index) => this.#shown(index));
    viewer.extra = (context, matrix) => this.#drawTools(context, matrix);
    viewer.view.hidden.delete("liver");
    this.leave = viewer.on("change", () => this.#prepare());
    this.guard = (event) => { if (this.edited.size && !this.sent) event.preventDefault(); };
    window.addEventListener("beforeunload", this.guard);
    this.#prepare();
    viewer.canvas.focus({ preventScroll: true });
    place.scrollIntoView({ block: "start" });
  }

  #refuse() {
    const words = t("This study has several ultrasound views. One outline cannot stand for all of them, so outlines of such studies are not corrected here. Upload the view that you want to measure by itself.");
    this.place.replaceChildren(make("div", { class: "notice notice-warn" }, make("p", {}, words), make("button", { type: "button", class: "button", click: () => this.close() }, t("Close"))));
  }

  // Masks: one for each image of a volume, one for all frames of a view.
  #key(index = this.viewer.index) { return this.scene.kind === "volume" ? index : 0; }

  async #prepare() {
    const index = this.viewer.index;
    if (index !== this.prepared) this.#drop();
    this.prepared = index;
    if (this.layer) await this.viewer.source.load(this.scene, this.layer, this.#near(index));
    this.viewer.paint();
    this.#show();
  }

  /** The frame whose outline stands for all of a view. */
  #near(index) { return this.scene.kind === "volume" ? index : (this.layer.indexes[0] ?? index); }

  #base(index) {
    const content = this.layer ? this.viewer.source.ready(this.scene, this.layer, this.#near(index)) : null;
    return content || new Uint8Array(this.scene.rows * this.scene.columns);
  }

  #mask(index = this.viewer.index) { return this.edited.get(this.#key(index))?.mask || this.#base(index); }

  #shown(index) {
    const own = this.edited.get(this.#key(index));
    if (!own) return { mask: this.#base(index) };
    own.path ||= outline(own.mask, this.scene.rows, this.scene.columns);
    return own;
  }

  #own(index = this.viewer.index) {
    const key = this.#key(index);
    if (!this.edited.has(key)) this.edited.set(key, { mask: this.#base(index).slice(), path: null });
    return this.edited.get(key);
  }

  #changed(own) {
    own.path = null;
    this.viewer.painter.changed(own.mask);
    this.viewer.paint();
  }

  /** Change a mask by a step that can be undone. */
  #step(change, index = this.viewer.index) {
    const before = this.edited.get(this.#key(index))?.mask.slice() || null;
    const own = this.#own(index);
    change(own.mask);
    this.#remember([{ index, before, after: own.mask.slice() }]);
    this.#changed(own);
  }

  #remember(changes) {
    this.done.push(changes);
    if (this.done.length > MOST_UNDO) this.done.shift();
    this.undone = [];
    this.#show();
  }

  #restore(from, to, side) {
    const changes = from.pop();
    if (!changes) return;
    to.push(changes);
    for (const { index, [side]: mask } of changes) {
      if (mask) this.edited.set(this.#key(index), { mask: mask.slice(), path: null });
      else this.edited.delete(this.#key(index));
    }
    this.viewer.setIndex(changes[0].index);
    this.viewer.paint();
    this.#show();
  }

  undo() { this.#restore(this.done, this.undone, "before"); }

  redo() { this.#restore(this.undone, this.done, "after"); }

  // Drawing by mouse, touch and keyboard.
  #capture() {
    return {
      down: (event) => this.#down(this.#at(event)), move: (event) => this.#move(this.#at(event)), up: () => this.#up(),
      hover: (event) => { this.cursor = this.#at(event); this.viewer.paint(); },
      twice: () => this.#close(), cancel: () => this.#up(), key: (event) => this.#pressed(event),
    };
  }

  #at(event) { return this.viewer.painter.pixelAt(event.offsetX, event.offsetY); }

  #down(point) {
    this.cursor = point;
    if (this.tool.kind === "polygon") {
      this.points.push(point);
      return this.viewer.paint();
    }
    const before = this.edited.get(this.#key())?.mask.slice() || null;
    this.drawing = { index: this.viewer.index, before, last: point };
    return this.#move(point);
  }

  #move(point) {
    this.cursor = point;
    if (!this.drawing) return this.viewer.paint();
    const own = this.#own(this.drawing.index);
    stroke(own.mask, this.scene, this.drawing.last, point, this.tool.radius, this.tool.value);
    this.drawing.last = point;
    return this.#changed(own);
  }

  #up() {
    if (!this.drawing) return;
    const { index, before } = this.drawing;
    this.drawing = null;
    this.#remember([{ index, before, after: this.#mask(index).slice() }]);
  }

  #drop() {
    this.#up();
    this.points = [];
  }

  /** Close the polygon and add or remove what it holds. */
  #close() {
    const points = this.points.filter((point, k, all) => !k || Math.hypot(point.column - all[k - 1].column, point.row - all[k - 1].row) > 0.5);
    this.points = [];
    if (points.length > 2) this.#step((mask) => polygon(mask, this.scene, points, this.tool.value));
    this.viewer.paint();
  }

  /** Keys while correcting; true where the key was taken. */
  #pressed(event) {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.ctrlKey || event.metaKey) {
      if (key !== "z" && key !== "y") return false;
      event.preventDefault();
      if (key === "y" || event.shiftKey) this.redo();
      else this.undo();
      return true;
    }
    const act = { u: () => this.undo(), r: () => this.redo(), e: () => this.#set({ value: 1 - this.tool.value }), p: () => this.#set({ kind: "polygon" }), d: () => this.#set({ kind: "brush" }),
      "[": () => this.#set({ radius: Math.max(1, this.tool.radius - 1) }), "]": () => this.#set({ radius: Math.min(100, this.tool.radius + 1) }),
      " ": () => this.#stamp(), Enter: () => (this.points.length ? this.#close() : this.#stamp()), Escape: () => { this.points = []; this.viewer.paint(); } }[key];
    if (act) act();
    const way = !event.shiftKey && { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way) this.#walk(way);
    return Boolean(act || way);
  }

  #walk([across, down]) {
    const { flip, columns, rows } = this.scene;
    const from = this.cursor || { column: columns / 2, row: rows / 2 };
    const reach = Math.max(1, this.tool.radius / 2);
    const column = from.column + (flip[1] ? -across : across) * reach;
    const row = from.row + (flip[0] ? -down : down) * reach;
    this.cursor = { column: Math.min(Math.max(column, 0), columns), row: Math.min(Math.max(row, 0), rows) };
    this.viewer.panel.say(`x ${Math.floor(this.cursor.column)}, y ${Math.floor(this.cursor.row)}`);
    this.viewer.paint();
  }

  #stamp() {
    this.cursor ||= { column: this.scene.columns / 2, row: this.scene.rows / 2 };
    const { cursor } = this;
    if (this.tool.kind === "polygon") {
      this.points.push(cursor);
      this.viewer.paint();
    } else this.#step((mask) => stroke(mask, this.scene, cursor, cursor, this.tool.radius, this.tool.value));
  }

  /** Fill the images between edited ones from those on either side. */
  fillBetween() {
    const known = [...this.edited.keys()].sort((a, b) => a - b);
    const changes = [];
    for (let k = 0; k + 1 < known.length; k += 1) {
      for (let index = known[k] + 1; index < known[k + 1]; index += 1) {
        const share = (index - known[k]) / (known[k + 1] - known[k]);
        const mask = between(this.edited.get(known[k]).mask, this.edited.get(known[k + 1]).mask, this.scene, share);
        changes.push({ index, before: null, after: mask.slice(), mask });
      }
    }
    for (const { index, mask } of changes) this.edited.set(index, { mask, path: null });
    if (changes.length) this.#remember(changes.map(({ index, before, after }) => ({ index, before, after })));
    this.viewer.paint();
  }

  #drawTools(context, matrix) {
    const show = (point) => matrix.transformPoint(new DOMPoint(point.column, point.row));
    context.lineWidth = 1.5;
    context.strokeStyle = this.tool.value ? "#7fd3a5" : "#ff9b91";
    if (this.points.length) {
      context.beginPath();
      for (const point of [...this.points, ...(this.cursor ? [this.cursor] : [])]) context.lineTo(show(point).x, show(point).y);
      context.stroke();
      for (const point of this.points) context.strokeRect(show(point).x - 2.5, show(point).y - 2.5, 5, 5);
    }
    if (!this.cursor) return;
    const centre = show(this.cursor);
    context.beginPath();
    if (this.tool.kind === "brush") context.ellipse(centre.x, centre.y, Math.abs(this.tool.radius * matrix.a), Math.abs((this.tool.radius / this.scene.aspect) * matrix.d), 0, 0, 2 * Math.PI);
    else context.rect(centre.x - 4, centre.y - 4, 8, 8);
    context.stroke();
  }

  // Controls.
  #set(change) {
    Object.assign(this.tool, change);
    if (change.kind) this.points = [];
    this.#show();
    this.viewer.paint();
  }

  #build() {
    const act = (words, does, more = {}) => make("button", { type: "button", class: "button button-small", click: does, ...more }, words);
    const pick = (name, words, change) => act(words, () => this.#set(change), { "data-tool": name });
    this.picks = [pick("brush", t("Brush"), { kind: "brush" }), pick("polygon", t("Polygon"), { kind: "polygon" })];
    this.values = [pick("add", t("Add"), { value: 1 }), pick("remove", t("Remove"), { value: 0 })];
    this.size = make("input", { type: "range", min: 1, max: 100, id: "editor-size", input: () => this.#set({ radius: Number(this.size.value) }) });
    this.note = make("input", { type: "text", id: "editor-note", maxlength: 1000 });
    this.count = make("p", { role: "status" });
    this.fault = make("p", { class: "field-error", role: "alert", hidden: true });
    this.back = act(t("Undo"), () => this.undo());
    this.again = act(t("Redo"), () => this.redo());
    this.send = make("button", { type: "button", class: "button button-primary", id: "editor-send", click: () => this.#send() }, t("Measure again"));
    const volume = this.scene.kind === "volume";
    const between = volume ? [act(t("Fill between edited images"), () => this.fillBetween(), { id: "editor-between" })] : [];
    const keys = make("details", {}, make("summary", {}, t("How to draw")), make("p", { class: "muted small" }, t("Drag to draw; the wheel changes the image, dragging with Shift moves the picture. Keys in the picture: arrows move the brush, Space draws, Enter closes a polygon, E adds or removes, D brush, P polygon, [ ] size, U undo, R redo, Page up and down change the image.")));
    this.place.replaceChildren(make("section", { class: "editor", "aria-label": t("Correct the liver outline") },
      make("div", { class: "row" }, make("h3", {}, t("Correct the liver outline")), this.count),
      ...(volume ? [] : [make("p", { class: "muted small" }, t("One outline stands for all frames of the view. It limits the further measurements; the fat model reads the whole sector, so the fat value stays."))]),
      make("div", { class: "row" }, make("div", { class: "row", role: "group", "aria-label": t("Tool") }, ...this.picks), make("div", { class: "row", role: "group", "aria-label": t("Effect") }, ...this.values),
        make("div", { class: "field field-inline" }, make("label", { for: "editor-size" }, t("Size")), this.size), this.back, this.again, ...between),
      make("div", { class: "row editor-end" }, make("div", { class: "field" }, make("label", { for: "editor-note" }, t("Note (why it was corrected)")), this.note), this.send, act(t("Discard"), () => this.close())),
      this.fault, keys));
  }

  #show() {
    const is = { brush: this.tool.kind === "brush", polygon: this.tool.kind === "polygon", add: this.tool.value === 1, remove: this.tool.value === 0 };
    for (const one of [...this.picks, ...this.values]) one.setAttribute("aria-pressed", String(is[one.dataset.tool]));
    this.size.value = this.tool.radius;
    this.back.disabled = !this.done.length;
    this.again.disabled = !this.undone.length;
    this.send.disabled = !this.edited.size;
    this.count.textContent = t("Edited images: {count}", { count: this.edited.size });
  }

  async #send() {
    this.#drop();
    this.send.disabled = true;
    const planes = [...this.edited].map(([index, { mask }]) => ({ index, runs: runs(mask) }));
    const body = JSON.stringify({ base_version: this.options.version, scene: this.scene.key, planes, note: this.note.value });
    try {
      const answer = await fetch(this.options.address, { method: "POST", headers: headers({ "Content-Type": "application/json" }), body });
      if (answer.ok) {
        this.sent = true;
        return void location.assign(location.pathname);
      }
      const { error = {} } = await answer.json().catch(() => ({}));
      throw new Error([error.message, error.cause, error.remedy].filter(Boolean).join(" ") || String(answer.status));
    } catch (reason) {
      this.fault.textContent = reason.message;
      this.fault.hidden = false;
      this.send.disabled = false;
      return undefined;
    }
  }

  close() {
    this.leave?.();
    if (this.guard) window.removeEventListener("beforeunload", this.guard);
    Object.assign(this.viewer, { capture: null, extra: null });
    this.viewer.overrides.delete("liver");
    this.viewer.refresh().catch(() => {});
    this.place.hidden = true;
    this.place.replaceChildren();
    this.options.closed?.();
  }
}
