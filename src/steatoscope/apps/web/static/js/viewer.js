// The image viewer. `const viewer = await createViewer(element, { studyId, version })` fills the element and gives
// { setIndex, setWindow, setScene, on, off, state, ... }. `viewer.on("change", (state) => ...)` tells every change of
// image, window, view or zoom, so that two viewers can follow each other; setting what is shown already tells nothing.
import { t } from "./speech.js";
import { Source } from "./viewer_data.js";
import { Painter } from "./viewer_draw.js";
import { listen } from "./viewer_input.js";
import { Panel } from "./viewer_panel.js";
import { placeName, readout } from "./viewer_words.js";

const AHEAD = 8;
const MOST_AHEAD_BYTES = 160 * 1024 * 1024;

export async function createViewer(element, { studyId, version = null } = {}) {
  const source = new Source(studyId, version);
  try {
    const meta = await source.describe();
    if (!meta.scenes.length) throw new Error(t("There is no picture that could be shown."));
    const viewer = new Viewer(element, source, meta);
    await viewer.refresh();
    return viewer;
  } catch (fault) {
    const words = document.createElement("p");
    words.className = "notice notice-warn";
    words.textContent = `${t("The images cannot be shown.")} ${fault.message}`;
    element.replaceChildren(words);
    throw fault;
  }
}

class Viewer {
  constructor(element, source, meta) {
    Object.assign(this, { element, source, meta, listeners: new Map(), overrides: new Map(), capture: null, extra: null, index: 0 });
    const coarse = matchMedia("(pointer: coarse)").matches;
    this.view = { zoom: 1, panX: 0, panY: 0, fill: false, letters: true, heat: null, opacity: 0.55, heatInside: true, tool: coarse ? "scroll" : "window", playing: false, speed: 10, hidden: new Set(["fatty"]) };
    this.canvas = document.createElement("canvas");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-roledescription", t("image viewer"));
    this.painter = new Painter(this.canvas);
    this.panel = new Panel(element, this);
    listen(this.canvas, this.#actions());
    new ResizeObserver(() => this.paint()).observe(this.canvas);
    this.#enter(meta.scenes[0]);
    element.viewer = this;
  }

  #actions() {
    return {
      step: (count) => this.step(count), play: () => this.play(), zoomBy: (factor, x, y) => this.zoomBy(factor, x, y),
      panBy: (x, y) => this.panBy(x, y), reset: () => this.reset(), toggle: (key) => this.toggle(key), help: () => this.panel.help.showModal(),
      windowBy: (across, down) => this.#windowBy(across, down), windowKey: (level, width) => this.#windowKey(level, width),
      nextPreset: () => this.#next(this.view.image.presets, "name", this.view.preset, (key) => this.setPreset(key)),
      nextScene: () => this.#next(this.meta.scenes, "key", this.scene.key, (key) => this.setScene(key)),
      nextImage: () => this.#next(this.scene.images, "key", this.view.image.key, (key) => this.setImage(key)),
      tool: () => this.view.tool, captured: () => this.capture, point: (x, y) => this.#point(x, y),
    };
  }

  // What is shown, for whoever links viewers.
  get state() {
    const { center, width, zoom, panX, panY, image, heat } = this.view;
    const fraction = this.scene.count > 1 ? this.index / (this.scene.count - 1) : 0;
    return { scene: this.scene.key, index: this.index, count: this.scene.count, fraction, center, width, zoom, panX, panY, image: image.key, heat: heat?.key ?? null };
  }

  on(event, listener) {
    if (!this.listeners.has(event)) this.listeners.set(event, new Set());
    this.listeners.get(event).add(listener);
    return () => this.off(event, listener);
  }

  off(event, listener) { this.listeners.get(event)?.delete(listener); }

  #tell(event = "change") { for (const listener of this.listeners.get(event) || []) listener(this.state); }

  // Scene, image and place.
  #enter(scene) {
    this.scene = scene;
    this.index = scene.start;
    this.view.heatInside = scene.kind === "volume";
    this.view.speed = scene.frame_time_ms ? Math.round(Math.min(Math.max(1000 / scene.frame_time_ms, 1), 60)) : 10;
    if (this.view.heat) this.view.heat = scene.heats.find((one) => one.key === this.view.heat.key) || null;
    this.#take(scene.images[0]);
    this.panel.build();
    this.panel.stage.style.setProperty("--shape", String(scene.columns / (scene.rows * scene.aspect)));
  }

  #take(image) {
    this.view.image = image;
    this.#preset(image.presets[0]);
  }

  #preset({ name, center, width }) { Object.assign(this.view, { preset: name, center, width }); }

  setScene(key) {
    const scene = this.meta.scenes.find((one) => one.key === key);
    if (!scene || scene === this.scene) return;
    this.stop();
    this.#enter(scene);
    this.#changed();
  }

  setImage(key) {
    const image = this.scene.images.find((one) => one.key === key);
    if (!image || image === this.view.image) return;
    this.#take(image);
    this.panel.build();
    this.#changed();
  }

  setIndex(index) {
    const place = Math.min(Math.max(Math.round(index) || 0, 0), this.scene.count - 1);
    if (place === this.index) return;
    this.index = place;
    this.#changed();
  }

  step(count) { this.setIndex(this.index + count); }

  placeWords() { return placeName(this.scene, this.index); }

  // Window.
  setWindow(center, width) {
    if (!Number.isFinite(center) || !Number.isFinite(width) || width <= 0) return this.panel.show();
    if (center === this.view.center && width === this.view.width) return undefined;
    const known = this.view.image.presets.find((one) => one.center === center && one.width === width);
    Object.assign(this.view, { center, width, preset: known?.name ?? "" });
    return this.#changed(false);
  }

  setPreset(name) {
    const preset = this.view.image.presets.find((one) => one.name === name);
    if (preset) this.setWindow(preset.center, preset.width);
  }

  #windowBy(across, down) {
    const step = this.view.image.presets[0].width / 300;
    this.setWindow(this.view.center + down * step, Math.max(this.view.width + across * step, 2 * this.view.image.slope));
  }

  #windowKey(level, width) {
    this.setWindow(this.view.center + (level * this.view.width) / 20, this.view.width * 1.1 ** width);
  }

  #next(list, key, now, set) {
    const place = list.findIndex((one) => one[key] === now);
    set(list[(place + 1) % list.length][key]);
  }

  // Zoom and place on the screen.
  zoomBy(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const zoom = Math.min(Math.max(this.view.zoom * factor, 0.5), 24);
    const real = zoom / this.view.zoom;
    const [fromX, fromY] = [x - this.canvas.clientWidth / 2, y - this.canvas.clientHeight / 2];
    Object.assign(this.view, { zoom, panX: fromX - (fromX - this.view.panX) * real, panY: fromY - (fromY - this.view.panY) * real });
    this.#changed(false);
  }

  setView({ zoom, panX, panY }) {
    if (zoom === this.view.zoom && panX === this.view.panX && panY === this.view.panY) return;
    Object.assign(this.view, { zoom, panX, panY });
    this.#changed(false);
  }

  panBy(x, y) {
    this.view.panX += x;
    this.view.panY += y;
    this.#changed(false);
  }

  reset() {
    Object.assign(this.view, { zoom: 1, panX: 0, panY: 0 });
    this.#preset(this.view.image.presets[0]);
    this.#changed(false);
  }

  setTool(name) { this.view.tool = name; }

  // Overlays.
  shows(key) {
    if (key === "fill" || key === "letters") return this.view[key];
    if (key === "heat") return Boolean(this.view.heat);
    return !this.view.hidden.has(key);
  }

  toggle(key, on = !this.shows(key)) {
    if (key === "heat") return this.setHeat(on ? (this.scene.heats[0]?.key ?? "") : "");
    if (key === "fill" || key === "letters") this.view[key] = on;
    else if (on) this.view.hidden.delete(key);
    else this.view.hidden.add(key);
    return this.#changed();
  }

  setHeat(key) {
    this.view.heat = this.scene.heats.find((one) => one.key === key) || null;
    if (this.view.heat) this.view.opacity = this.view.heat.diverging ? 0.85 : 0.55;
    return this.#changed();
  }

  setOpacity(share) {
    this.view.opacity = share;
    this.#changed(false);
  }

  setHeatInside(on) {
    this.view.heatInside = on;
    this.#changed();
  }

  // Cine.
  setSpeed(speed) { if (speed >= 1) this.view.speed = Math.min(speed, 60); }

  play() {
    if (this.view.playing) return this.stop();
    if (this.scene.count < 2) return undefined;
    this.view.playing = true;
    this.panel.show();
    return this.#playing();
  }

  async #playing() {
    let due = performance.now();
    while (this.view.playing) {
      const next = (this.index + 1) % this.scene.count;
      await this.#loaded(next).catch(() => {});
      due = Math.max(due + 1000 / this.view.speed, performance.now());
      await new Promise((resolve) => { setTimeout(resolve, Math.max(0, due - performance.now())); });
      if (this.view.playing) this.setIndex(next);
    }
  }

  stop() {
    if (!this.view.playing) return;
    this.view.playing = false;
    this.panel.show();
  }

  // Loading and drawing.
  #layers() {
    const { masks } = this.scene;
    const shown = masks.filter((one) => this.shows(one.key) || (one.key === "liver" && this.view.heat && this.view.heatInside));
    return [this.view.image, ...shown, ...(this.view.heat ? [this.view.heat] : [])];
  }

  #loaded(index) { return Promise.all(this.#layers().map((layer) => this.source.load(this.scene, layer, index))); }

  #changed(load = true) {
    this.panel.show();
    this.#label();
    this.#tell();
    if (load) this.refresh().catch((fault) => this.panel.say(fault.message));
    else this.paint();
  }

  /** Load what is to be shown, then draw it; what was asked for meanwhile wins. */
  async refresh() {
    const ticket = (this.ticket = (this.ticket || 0) + 1);
    this.#label();
    await this.#loaded(this.index);
    if (ticket !== this.ticket) return;
    this.paint();
    this.source.ahead(this.scene, this.#layers(), this.index, AHEAD);
    this.#fetchAll();
  }

  async #fetchAll() {
    const { scene, view } = this;
    const size = scene.count * scene.rows * scene.columns * (view.image.encoding === "int16" ? 2 : 1);
    if (this.fetching === view.image || size > MOST_AHEAD_BYTES) return;
    this.fetching = view.image;
    const order = [...Array(scene.count).keys()].sort((a, b) => Math.abs(a - this.index) - Math.abs(b - this.index));
    for (const place of order) {
      if (this.scene !== scene || this.fetching !== view.image) return;
      await this.source.load(scene, view.image, place).catch(() => {});
    }
  }

  /** Draw soon, once for many changes. */
  paint() {
    if (this.painting) return;
    this.painting = requestAnimationFrame(() => {
      this.painting = 0;
      this.painter.draw(this.view, this.scene, this.#planes(), this.extra);
      this.canvas.dataset.drawn = String(this.index);
      this.#tell("drawn");
    });
  }

  #planes() {
    const { scene, index, view, source } = this;
    const ready = (layer) => (layer ? source.ready(scene, layer, index) : null);
    const masks = scene.masks.filter((one) => this.shows(one.key) && !this.overrides.has(one.key)).map((layer) => ({ layer, mask: ready(layer) }));
    for (const [key, give] of this.overrides) {
      const own = give(index);
      if (own) masks.push({ layer: { key, colour: this.meta.colours[key], dash: [] }, ...own });
    }
    const look = Object.fromEntries(Object.entries(this.meta.colours).map(([key, colour]) => [key, { colour, dash: this.meta.dashes[key] || [] }]));
    return {
      image: ready(view.image), heat: ready(view.heat), masks: masks.filter((one) => one.mask), colours: look,
      liver: ready(scene.masks.find((one) => one.key === "liver")),
      boxes: this.shows("boxes") ? scene.boxes.filter((one) => one.index === index) : [],
      sites: this.shows("sites") ? scene.sites.filter((one) => one.index === index) : [],
    };
  }

  // Words.
  #label() {
    this.canvas.setAttribute("aria-label", `${t("Image of the study")}. ${this.placeWords()}. ${t("Press ? for keys.")}`);
    this.panel.say(`${this.placeWords()}. ${this.panel.window.textContent}`);
  }

  #point(x, y) {
    const sample = x === null ? null : this.sampleAt(x, y);
    this.panel.readout.textContent = readout(this.scene, this.view.image, sample, this.view.heat, this.view.image.slope < 1 ? 1 : 0);
  }

  /** What lies under a point of the canvas, or null beside the picture. */
  sampleAt(x, y) {
    const { scene, view, source, index } = this;
    const { column, row } = this.painter.pixelAt(x, y);
    const [c, r] = [Math.floor(column), Math.floor(row)];
    const image = source.ready(scene, view.image, index);
    if (!image || c < 0 || r < 0 || c >= scene.columns || r >= scene.rows) return null;
    const k = r * scene.columns + c;
    const heat = view.heat && source.ready(scene, view.heat, index);
    const share = heat && heat[k] ? (heat[k] - 1) / 254 : null;
    return {
      column: c, row: r, value: view.image.encoding === "int16" && image[k] === -32768 ? null : image[k] * view.image.slope,
      heat: share === null ? null : view.heat.low + share * (view.heat.high - view.heat.low),
      inside: scene.masks.filter((one) => source.ready(scene, one, index)?.[k]).map((one) => one.key),
    };
  }
}
