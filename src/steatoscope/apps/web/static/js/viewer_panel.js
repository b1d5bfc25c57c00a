// The viewer's controls: made once for a study, kept in step with what is shown.
import { t } from "./speech.js";
import { bar } from "./viewer_colours.js";
import { heatName, heatUnit, imageName, layerName, presetName, sceneName, unitName } from "./viewer_words.js";

let serial = 0;

/** An element with attributes; functions become listeners. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const button = (words, act, more = {}) => make("button", { type: "button", class: "button button-small", click: act, ...more }, words);

function field(words, input) {
  input.id ||= `viewer-${(serial += 1)}`;
  return make("div", { class: "field" }, make("label", { for: input.id }, words), input);
}

function tick(words, checked, act, sign = "") {
  const input = make("input", { type: "checkbox", id: `viewer-${(serial += 1)}`, change: () => act(input.checked) });
  input.checked = checked;
  return { input, row: make("div", { class: "field field-check" }, input, make("label", { for: input.id }, sign, words)) };
}

function choice(options, act) {
  const input = make("select", { change: () => act(input.value) });
  for (const [value, words] of options) input.append(make("option", { value }, words));
  return input;
}

/** A short line in the colour and dashes of a layer. */
function sample(colour, dash) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  for (const [name, value] of Object.entries({ viewBox: "0 0 28 12", class: "sample", "aria-hidden": "true" })) svg.setAttribute(name, value);
  for (const [name, value] of Object.entries({ d: "M1 6h26", stroke: colour, "stroke-width": 3, "stroke-dasharray": (dash || []).join(" ") })) line.setAttribute(name, value);
  svg.append(line);
  return svg;
}

export class Panel {
  constructor(root, viewer) {
    this.viewer = viewer;
    this.place = make("p", { class: "viewer-place", "aria-hidden": "true" });
    this.window = make("p", { class: "viewer-window", "aria-hidden": "true" });
    this.readout = make("p", { class: "viewer-readout", "aria-hidden": "true" });
    this.spoken = make("p", { class: "visually-hidden", "aria-live": "polite" });
    this.stage = make("div", { class: "viewer-stage" }, viewer.canvas, this.place, this.window, this.readout);
    this.controls = make("div", { class: "viewer-controls" });
    this.help = helpDialog();
    root.classList.add("viewer");
    root.replaceChildren(make("div", { class: "viewer-body" }, make("div", { class: "viewer-left" }, this.stage, this.#scroller()), this.controls), this.spoken, this.help);
  }

  #scroller() {
    const { viewer } = this;
    this.slider = make("input", { type: "range", min: 0, step: 1, "aria-label": t("Image"), input: () => viewer.setIndex(Number(this.slider.value)) });
    this.playing = button(t("Play"), () => viewer.play(), { "aria-pressed": "false" });
    this.speed = make("input", { type: "number", min: 1, max: 60, step: 1, value: 10, change: () => viewer.setSpeed(Number(this.speed.value)) });
    this.cine = make("div", { class: "row viewer-cine" }, this.playing, field(t("Images per second"), this.speed));
    this.marks = make("div", { class: "viewer-marks", "aria-hidden": "true" });
    this.scroll = make("div", { class: "viewer-scroll" },
      button("‹", () => viewer.step(-1), { "aria-label": t("Previous image") }), make("div", { class: "viewer-track" }, this.slider, this.marks),
      button("›", () => viewer.step(1), { "aria-label": t("Next image") }), this.cine);
    return this.scroll;
  }

  /** Controls for the layers of a scene. */
  build() {
    const { scene, view, meta } = this.viewer;
    const parts = [];
    if (meta.scenes.length > 1) {
      this.scenes = choice(meta.scenes.map((one, k) => [one.key, sceneName(one, k)]), (key) => this.viewer.setScene(key));
      this.scenes.value = scene.key;
      parts.push(field(t("View"), this.scenes));
    }
    if (scene.images.length > 1) {
      this.images = choice(scene.images.map((one) => [one.key, imageName(one.title)]), (key) => this.viewer.setImage(key));
      parts.push(field(t("Image"), this.images));
    } else this.images = null;
    this.tool = choice([["window", t("Window")], ["scroll", t("Scroll")], ["pan", t("Move")], ["zoom", t("Zoom")]], (name) => this.viewer.setTool(name));
    parts.push(field(t("Dragging changes"), this.tool), this.#windows(), this.#overlays());
    if (scene.heats.length) parts.push(this.#heats());
    parts.push(this.#buttons());
    this.controls.replaceChildren(...parts);
    Object.assign(this.slider, { max: scene.count - 1 });
    this.scroll.hidden = scene.count < 2;
    this.speed.value = view.speed;
    this.#tickMarks();
    this.show();
  }

  #windows() {
    const { viewer } = this;
    this.presets = choice(viewer.view.image.presets.map((one) => [one.name, presetName(one.name)]), (name) => viewer.setPreset(name));
    this.presets.append(make("option", { value: "" , hidden: true }, t("Own")));
    this.center = make("input", { type: "number", step: "any", change: () => viewer.setWindow(Number(this.center.value), viewer.view.width) });
    this.width = make("input", { type: "number", step: "any", min: 0, change: () => viewer.setWindow(viewer.view.center, Number(this.width.value)) });
    return make("fieldset", { class: "viewer-group" }, make("legend", {}, t("Window")), field(t("Preset"), this.presets),
      make("div", { class: "viewer-pair" }, field(t("Level"), this.center), field(t("Width"), this.width)));
  }

  #overlays() {
    const { viewer } = this;
    const { scene } = viewer;
    this.ticks = {};
    const add = (key, words, sign) => {
      const one = tick(words, viewer.shows(key), (on) => viewer.toggle(key, on), sign);
      one.input.dataset.overlay = key;
      this.ticks[key] = one.input;
      return one.row;
    };
    const rows = scene.masks.filter((one) => one.indexes.length).map((one) => add(one.key, layerName(one.key), sample(one.colour, one.dash)));
    if (scene.boxes.length) rows.push(add("boxes", t("Boxes with scores"), ""));
    if (scene.sites.length) rows.push(add("sites", t("Where the index was read"), sample("#e69f00")));
    if (scene.masks.length) rows.push(add("fill", t("Fill outlines"), ""));
    if (scene.orientation) rows.push(add("letters", t("Sides of the patient"), ""));
    if (!rows.length) rows.push(make("p", { class: "muted small" }, t("Nothing was outlined.")));
    if (scene.kind === "clip" && scene.masks.some((one) => one.shared) && scene.count > 1) {
      rows.push(make("p", { class: "muted small" }, t("Outlines and map belong to the frames that were measured; they are marked under the slider.")));
    }
    return make("fieldset", { class: "viewer-group" }, make("legend", {}, t("Overlays")), ...rows);
  }

  #heats() {
    const { viewer } = this;
    const { heats } = viewer.scene;
    this.heat = choice([["", t("None")], ...heats.map((one) => [one.key, heatName(one.key)])], (key) => viewer.setHeat(key));
    this.opacity = make("input", { type: "range", min: 0, max: 100, step: 5, value: 100 * viewer.view.opacity, input: () => viewer.setOpacity(Number(this.opacity.value) / 100) });
    this.inside = tick(t("Within the liver only"), viewer.view.heatInside, (on) => viewer.setHeatInside(on));
    this.inside.row.hidden = !viewer.scene.masks.some((one) => one.key === "liver");
    this.colours = make("canvas", { class: "viewer-colours", role: "img" });
    this.limits = make("p", { class: "viewer-limits numeric small" });
    this.heatTitle = make("p", { class: "muted small" });
    this.heatParts = make("div", { class: "stack viewer-heat" }, field(t("Opacity"), this.opacity), this.inside.row, this.colours, this.limits, this.heatTitle);
    return make("fieldset", { class: "viewer-group" }, make("legend", {}, t("Map")), field(t("Map over the image"), this.heat), this.heatParts);
  }

  #buttons() {
    const { viewer } = this;
    return make("div", { class: "row viewer-buttons" }, button("+", () => viewer.zoomBy(1.25), { "aria-label": t("Larger") }),
      button("−", () => viewer.zoomBy(0.8), { "aria-label": t("Smaller") }), button(t("Reset"), () => viewer.reset()),
      button(t("Full screen"), () => (document.fullscreenElement ? document.exitFullscreen() : viewer.element.requestFullscreen?.())),
      button(t("Keys"), () => this.help.showModal(), { "aria-haspopup": "dialog" }));
  }

  /** Marks under the slider where something was outlined. */
  #tickMarks() {
    const { scene } = this.viewer;
    const shared = scene.masks.filter((one) => one.shared).flatMap((one) => one.indexes);
    const found = new Set([...shared, ...scene.boxes.map((one) => one.index)]);
    this.marks.replaceChildren();
    if (scene.count < 2) return;
    for (const index of found) {
      const mark = make("span");
      mark.style.left = `${(100 * index) / (scene.count - 1)}%`;
      this.marks.append(mark);
    }
  }

  /** Bring the controls in step with what is shown. */
  show() {
    const { view, scene, index } = this.viewer;
    this.slider.value = index;
    this.slider.setAttribute("aria-valuetext", this.viewer.placeWords());
    this.place.textContent = this.viewer.placeWords();
    this.window.textContent = `${t("Level")} ${short(view.center)} · ${t("Width")} ${short(view.width)} ${unitName(view.image.unit)}`;
    this.center.value = short(view.center);
    this.width.value = short(view.width);
    this.presets.value = view.preset;
    this.tool.value = view.tool;
    if (this.images) this.images.value = view.image.key;
    if (this.scenes && scene) this.scenes.value = scene.key;
    for (const [key, input] of Object.entries(this.ticks)) input.checked = this.viewer.shows(key);
    this.playing.textContent = view.playing ? t("Pause") : t("Play");
    this.playing.setAttribute("aria-pressed", String(view.playing));
    if (scene.heats.length) this.#showHeat(view);
  }

  #showHeat(view) {
    const { heat } = view;
    this.heat.value = heat ? heat.key : "";
    this.heatParts.hidden = !heat;
    if (!heat) return;
    bar(this.colours, heat.diverging);
    const words = `${short(heat.low)} – ${short(heat.high)} ${heatUnit(heat)}`;
    this.colours.setAttribute("aria-label", t("Colours from {range}", { range: words }));
    this.limits.replaceChildren(...[heat.low, (heat.low + heat.high) / 2, heat.high].map((value) => make("span", {}, short(value))));
    this.heatTitle.textContent = `${heatName(heat.key)}, ${heatUnit(heat)}`;
    this.opacity.value = Math.round(100 * view.opacity);
    this.inside.input.checked = view.heatInside;
  }

  say(words) {
    clearTimeout(this.saying);
    this.saying = setTimeout(() => { this.spoken.textContent = words; }, 350);
  }
}

/** A number with the digits that matter. */
export const short = (value) => String(Math.abs(value) >= 100 ? Math.round(value) : Math.round(value * 100) / 100);

function helpDialog() {
  const rows = [
    ["↑ ↓", t("Previous or next image; also the mouse wheel")], ["Page ↑ ↓, Home, End", t("Ten images on, first, last")],
    ["Space", t("Play or pause")], ["[ ]", t("Narrower or wider window")], [", .", t("Lower or higher level")], ["W", t("Next preset")],
    ["+ −", t("Larger or smaller; also the wheel with Ctrl, or two fingers")], ["Shift + ← ↑ ↓ →", t("Move the picture; also dragging with Shift")],
    ["0", t("Reset")], ["L S K F M", t("Liver, spleen, kidney, fatty tissue, focal regions")], ["B H O", t("Boxes, map, fill")],
    ["V I", t("Next view, next image type")],
  ];
  const table = make("table", { class: "table" }, make("tbody", {}, ...rows.map(([keys, words]) => make("tr", {}, make("th", { scope: "row" }, make("kbd", {}, keys)), make("td", {}, words)))));
  const dialog = make("dialog", { class: "dialog", "aria-label": t("Keys of the viewer") }, make("h2", {}, t("Keys of the viewer")),
    make("p", {}, t("They work while the picture has the focus.")), table, make("div", { class: "row" }, make("button", { type: "button", class: "button", click: () => dialog.close() }, t("Close"))));
  return dialog;
}
