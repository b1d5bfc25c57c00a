// Colour scales of maps: viridis for amounts, purple to orange for differences.

const VIRIDIS = ["440154", "482475", "414487", "355f8d", "2a788e", "21918c", "22a884", "44bf70", "7ad151", "bddf26", "fde725"];
const DIVERGING = ["2d004b", "542788", "8073ac", "b2abd2", "d8daeb", "f7f7f7", "fee0b6", "fdb863", "e08214", "b35806", "7f3b08"];

const channels = (hex) => [0, 2, 4].map((place) => parseInt(hex.slice(place, place + 2), 16));

function mixed(stops, share) {
  const place = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const first = Math.min(Math.floor(place), stops.length - 2);
  const [from, to] = [channels(stops[first]), channels(stops[first + 1])];
  return from.map((value, k) => Math.round(value + (to[k] - value) * (place - first)));
}

/** 256 colours as packed ABGR, 0 wholly clear; of differences the small ones fade away. */
export function scale(diverging) {
  const stops = diverging ? DIVERGING : VIRIDIS;
  const table = new Uint32Array(256);
  for (let k = 1; k < 256; k += 1) {
    const share = (k - 1) / 254;
    const [red, green, blue] = mixed(stops, share);
    const strength = diverging ? Math.min(0.1 + 1.5 * Math.abs(2 * share - 1), 1) : 1;
    table[k] = ((Math.round(255 * strength) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  }
  return table;
}

/** The colour bar as a canvas of 256 x 1 pixels. */
export function bar(canvas, diverging) {
  canvas.width = 255;
  canvas.height = 1;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(255, 1);
  const stops = diverging ? DIVERGING : VIRIDIS;
  for (let k = 0; k < 255; k += 1) pixels.data.set([...mixed(stops, k / 254), 255], 4 * k);
  context.putImageData(pixels, 0, 0);
}
