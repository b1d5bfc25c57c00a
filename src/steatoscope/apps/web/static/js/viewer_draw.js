// Draws one image with its overlays on a canvas: window, map, fills, outlines, boxes, sides of the patient.
import { scale } from "./viewer_colours.js";
import { keptOutline } from "./viewer_outline.js";
import { boxName } from "./viewer_words.js";

const UNDEFINED = -32768;

export class Painter {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.grey = layerCanvas();
    this.map = layerCanvas();
    this.fills = new WeakMap();
    this.matrix = new DOMMatrix();
  }

  /** Make the canvas as fine as the screen; returns its size in CSS pixels. */
  fit() {
    const fine = window.devicePixelRatio || 1;
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    const [wide, high] = [Math.max(1, Math.round(width * fine)), Math.max(1, Math.round(height * fine))];
    if (this.canvas.width !== wide || this.canvas.height !== high) Object.assign(this.canvas, { width: wide, height: high });
    this.fine = fine;
    return { width, height };
  }

  /** From pixels of the stored picture to CSS pixels of the canvas. */
  place(view, scene) {
    const { width, height } = this.fit();
    const fitted = Math.min(width / scene.columns, height / (scene.rows * scene.aspect));
    const [across, down] = [fitted * view.zoom, fitted * view.zoom * scene.aspect];
    this.matrix = new DOMMatrix()
      .translate(width / 2 + view.panX, height / 2 + view.panY)
      .scale(scene.flip[1] ? -across : across, scene.flip[0] ? -down : down)
      .translate(-scene.columns / 2, -scene.rows / 2);
    return this.matrix;
  }

  /** The stored pixel under a point of the canvas (CSS pixels), as fractions. */
  pixelAt(x, y) {
    const point = this.matrix.inverse().transformPoint(new DOMPoint(x, y));
    return { column: point.x, row: point.y };
  }

  draw(view, scene, planes, extra) {
    const { context } = this;
    const matrix = this.place(view, scene);
    const screen = new DOMMatrix().scale(this.fine).multiply(matrix);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#000";
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    if (planes.image) {
      this.#window(view, scene, planes.image);
      context.setTransform(screen);
      context.imageSmoothingEnabled = Math.abs(matrix.a) < 6;
      context.drawImage(this.grey.canvas, 0, 0);
      if (planes.heat) this.#heat(view, scene, planes);
      for (const { layer, mask } of planes.masks) if (view.fill || layer.key === "fatty") context.drawImage(this.#filled(mask, layer, scene), 0, 0);
    }
    context.setTransform(this.fine, 0, 0, this.fine, 0, 0);
    for (const { layer, mask, path } of planes.masks) this.#line(path || keptOutline(mask, scene.rows, scene.columns), layer, matrix);
    for (const box of planes.boxes) this.#box(box, matrix, planes.colours);
    for (const site of planes.sites) this.#site(site, matrix);
    if (scene.orientation && view.letters) this.#letters(scene.orientation);
    extra?.(context, matrix);
  }

  #window(view, scene, image) {
    const key = `${view.center}/${view.width}`;
    if (this.grey.content === image && this.grey.key === key) return;
    Object.assign(this.grey, { content: image, key });
    const pixels = sized(this.grey, scene);
    const shades = this.#shades(view, image);
    const offset = image instanceof Int16Array ? 32768 : 0;
    for (let k = 0; k < image.length; k += 1) pixels.words[k] = shades[image[k] + offset];
    this.grey.context.putImageData(pixels.data, 0, 0);
  }

  /** The shade of every stored value. */
  #shades(view, image) {
    const key = `${view.center}/${view.width}/${view.image.slope}/${image.BYTES_PER_ELEMENT}`;
    if (this.shadesKey === key) return this.shadeTable;
    const sixteen = image instanceof Int16Array;
    const table = new Uint32Array(sixteen ? 65536 : 256);
    const low = view.center - view.width / 2;
    for (let k = 0; k < table.length; k += 1) {
      const stored = sixteen ? k - 32768 : k;
      const share = (stored * view.image.slope - low) / view.width;
      const shade = sixteen && stored === UNDEFINED ? 0 : Math.round(255 * Math.min(Math.max(share, 0), 1));
      table[k] = (0xff000000 | (shade << 16) | (shade << 8) | shade) >>> 0;
    }
    Object.assign(this, { shadesKey: key, shadeTable: table });
    return table;
  }

  #heat(view, scene, planes) {
    const inside = view.heatInside ? planes.liver : null;
    if (this.map.content !== planes.heat || this.map.inside !== inside || this.map.key !== view.heat.key) {
      Object.assign(this.map, { content: planes.heat, inside, key: view.heat.key });
      const pixels = sized(this.map, scene);
      const colours = scale(view.heat.diverging);
      for (let k = 0; k < planes.heat.length; k += 1) pixels.words[k] = inside && !inside[k] ? 0 : colours[planes.heat[k]];
      this.map.context.putImageData(pixels.data, 0, 0);
    }
    this.context.globalAlpha = view.opacity;
    this.context.imageSmoothingEnabled = false;
    this.context.drawImage(this.map.canvas, 0, 0);
    this.context.globalAlpha = 1;
  }

  #filled(mask, layer, scene) {
    const known = this.fills.get(mask);
    if (known) return known;
    const made = layerCanvas();
    const pixels = sized(made, scene);
    const [red, green, blue] = [1, 3, 5].map((place) => parseInt(layer.colour.slice(place, place + 2), 16));
    const colour = ((80 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
    for (let k = 0; k < mask.length; k += 1) pixels.words[k] = mask[k] ? colour : 0;
    made.context.putImageData(pixels.data, 0, 0);
    this.fills.set(mask, made.canvas);
    return made.canvas;
  }

  /** A mask was changed in place: its fill has to be made again. */
  changed(mask) {
    this.fills.delete(mask);
  }

  #line(path, layer, matrix) {
    const shown = new Path2D();
    shown.addPath(path, matrix);
    this.#stroke(shown, layer.colour, layer.dash, 1.6);
  }

  #stroke(path, colour, dash, width) {
    const { context } = this;
    context.setLineDash([]);
    context.strokeStyle = "rgb(0 0 0 / .65)";
    context.lineWidth = width + 1.6;
    context.stroke(path);
    context.setLineDash(dash || []);
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke(path);
    context.setLineDash([]);
  }

  #box(box, matrix, look) {
    const { colour, dash } = look[box.kind];
    const frame = this.#frame(box.box, matrix, colour, dash);
    this.#words(`${boxName(box.kind)} ${box.score.toFixed(2)}`, frame.x, frame.y - 5, colour);
  }

  #site(site, matrix) {
    this.#frame(site.box, matrix, "#e69f00", []);
  }

  #frame([x0, y0, x1, y1], matrix, colour, dash) {
    const [a, b] = [matrix.transformPoint(new DOMPoint(x0, y0)), matrix.transformPoint(new DOMPoint(x1, y1))];
    const frame = { x: Math.min(a.x, b.x), y: Math.min(a.y, b.y), width: Math.abs(b.x - a.x), height: Math.abs(b.y - a.y) };
    const path = new Path2D();
    path.rect(frame.x, frame.y, frame.width, frame.height);
    this.#stroke(path, colour, dash, 1.6);
    return frame;
  }

  #words(text, x, y, colour, size = 13) {
    const { context } = this;
    context.font = `600 ${size}px system-ui, sans-serif`;
    const wide = context.measureText(text).width;
    const left = Math.min(Math.max(x, 4), Math.max(4, this.canvas.clientWidth - wide - 4));
    context.lineJoin = "round";
    context.strokeStyle = "#000";
    context.lineWidth = 3.5;
    context.strokeText(text, left, Math.max(y, size + 3));
    context.fillStyle = colour;
    context.fillText(text, left, Math.max(y, size + 3));
  }

  #letters({ left, right, top, bottom }) {
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    this.#words(left, 8, height / 2 + 6, "#fff", 17);
    this.#words(right, width - 22, height / 2 + 6, "#fff", 17);
    this.#words(top, width / 2 - 6, width < 520 ? 44 : 22, "#fff", 17);
    this.#words(bottom, width / 2 - 6, height - 8, "#fff", 17);
  }
}

function layerCanvas() {
  const canvas = document.createElement("canvas");
  return { canvas, context: canvas.getContext("2d"), pixels: null, content: null, key: "" };
}

function sized(layer, scene) {
  if (!layer.pixels || layer.canvas.width !== scene.columns || layer.canvas.height !== scene.rows) {
    Object.assign(layer.canvas, { width: scene.columns, height: scene.rows });
    const data = layer.context.createImageData(scene.columns, scene.rows);
    layer.pixels = { data, words: new Uint32Array(data.data.buffer) };
  }
  return layer.pixels;
}
