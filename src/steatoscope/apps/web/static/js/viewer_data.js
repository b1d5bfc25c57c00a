// Slices of a study for the viewer: fetched, decoded and kept, with the neighbours fetched ahead.

const KEPT_BYTES = 384 * 1024 * 1024;

export class Source {
  constructor(studyId, version) {
    this.address = `/api/v1/studies/${studyId}/viewer`;
    this.version = version;
    this.planes = new Map(); // address -> {promise, content, bytes}
    this.bytes = 0;
  }

  async describe() {
    const query = this.version ? `?version=${this.version}` : "";
    const answer = await fetch(this.address + query, { headers: { Accept: "application/json" } });
    const document = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error([document.error?.message, document.error?.cause].filter(Boolean).join(" ") || String(answer.status));
    this.version = document.version;
    return document;
  }

  /** The index under which a layer's plane is kept, or null where the layer has none for this image. */
  static planeOf(layer, index) {
    layer.held ||= new Set(layer.indexes);
    if (!layer.held.has(index)) return null;
    return layer.shared ? 0 : index;
  }

  /** What is loaded already: typed array, or null. */
  ready(scene, layer, index) {
    const plane = Source.planeOf(layer, index);
    return plane === null ? null : (this.planes.get(`${layer.layer}/${plane}`)?.content ?? null);
  }

  load(scene, layer, index) {
    const plane = Source.planeOf(layer, index);
    if (plane === null) return Promise.resolve(null);
    const key = `${layer.layer}/${plane}`;
    const known = this.planes.get(key);
    if (known) {
      this.planes.delete(key);
      this.planes.set(key, known);
      return known.promise;
    }
    const entry = { content: null, bytes: 0 };
    entry.promise = this.#fetch(key, scene, layer).then(
      (content) => {
        entry.content = content;
        entry.bytes = content.byteLength;
        this.bytes += entry.bytes;
        this.#forget();
        return content;
      },
      (fault) => {
        this.planes.delete(key);
        throw fault;
      },
    );
    this.planes.set(key, entry);
    return entry.promise;
  }

  /** Fetch images and layers around an index, nearest first. */
  ahead(scene, layers, index, reach) {
    for (let step = 1; step <= reach; step += 1) {
      for (const place of [index + step, index - step]) {
        if (place < 0 || place >= scene.count) continue;
        for (const layer of layers) this.load(scene, layer, place).catch(() => {});
      }
    }
  }

  async #fetch(key, scene, layer) {
    const answer = await fetch(`${this.address}/${key}?version=${this.version}`);
    if (!answer.ok) throw new Error(String(answer.status));
    const raw = new Uint8Array(await answer.arrayBuffer());
    const pixels = scene.rows * scene.columns;
    if (layer.encoding === "int16") return sixteen(raw, pixels);
    return layer.encoding || "low" in layer ? raw : unpacked(raw, pixels);
  }

  #forget() {
    for (const [key, entry] of this.planes) {
      if (this.bytes <= KEPT_BYTES) return;
      if (!entry.content) continue;
      this.planes.delete(key);
      this.bytes -= entry.bytes;
    }
  }
}

/** Low bytes first, then high bytes. */
export function sixteen(raw, pixels) {
  const values = new Int16Array(pixels);
  for (let k = 0; k < pixels; k += 1) values[k] = raw[k] | (raw[pixels + k] << 8);
  return values;
}

/** One byte a pixel from one bit a pixel. */
export function unpacked(raw, pixels) {
  const mask = new Uint8Array(pixels);
  for (let k = 0; k < pixels; k += 1) mask[k] = (raw[k >> 3] >> (k & 7)) & 1;
  return mask;
}

/** Lengths of runs, the first of them outside. */
export function runs(mask) {
  const lengths = [];
  let inside = 0;
  let length = 0;
  for (const value of mask) {
    if (value === inside) length += 1;
    else {
      lengths.push(length);
      inside = value;
      length = 1;
    }
  }
  lengths.push(length);
  return lengths;
}
