// Words of the viewer: names of layers, presets and units in the page's language.
import { t } from "./speech.js";

const LAYERS = {
  liver: () => t("Liver"),
  spleen: () => t("Spleen"),
  kidney: () => t("Kidney"),
  sector: () => t("Scan sector"),
  lesion: () => t("Focal region"),
  fatty: () => t("Fatty tissue"),
  spared: () => t("Spared region"),
};
const PRESETS = {
  liver: () => t("Liver"),
  enhanced: () => t("Liver, with contrast"),
  abdomen: () => t("Abdomen"),
  wide: () => t("Bone and lung"),
  automatic: () => t("Automatic"),
  brighter: () => t("Brighter"),
  contrast: () => t("More contrast"),
  full: () => t("Full range"),
  fat: () => t("Fat, 0 to 40 %"),
  r2star: () => t("R2*, 0 to 200 per second"),
};
const IMAGES = {
  CT: () => t("CT"),
  MR: () => t("MR image"),
  US: () => t("Ultrasound"),
  fat: () => t("Fat fraction"),
  r2star: () => t("R2*"),
};
const HEATS = {
  fat: () => t("Local fat"),
  r2star: () => t("Local R2*"),
  points: () => t("Where the estimate comes from"),
  focal: () => t("Focal region"),
};
const BOXES = { fatty: () => t("Fatty region"), spared: () => t("Spared region"), lesion: () => t("Focal region") };
const UNITS = { percent: "%", "1/s": "s⁻¹", au: "", grey: "", points: "" };

const word = (table, key) => (table[key] ? table[key]() : key);
export const layerName = (key) => word(LAYERS, key);
export const presetName = (key) => word(PRESETS, key);
export const imageName = (key) => word(IMAGES, key);
export const heatName = (key) => word(HEATS, key);
export const boxName = (key) => word(BOXES, key);
export const unitName = (unit) => (unit in UNITS ? UNITS[unit] : unit);
export const heatUnit = (heat) => (heat.unit === "points" ? t("points of fat") : unitName(heat.unit));

/** The name of a scene: a view, or nothing where there is only one thing to see. */
export function sceneName(scene, index) {
  return scene.name ? t("View {name}", { name: scene.name }) : t("View {name}", { name: index + 1 });
}

/** "Slice 3 of 40", or "Frame 3 of 100". */
export function placeName(scene, index) {
  const values = { number: scene.numbers[index] + 1, count: scene.frames_in_clip || scene.count };
  return scene.kind === "volume" ? t("Slice {number} of {count}", values) : t("Frame {number} of {count}", values);
}

/** Where a voxel lies and what it holds, in words. */
export function readout(scene, image, sample, heat, decimals) {
  if (!sample) return "";
  const parts = [`x ${sample.column}, y ${sample.row}`];
  if (sample.value === null) parts.push(t("no value"));
  else parts.push(`${sample.value.toFixed(decimals)} ${image.unit === "grey" ? t("grey") : unitName(image.unit)}`.trim());
  if (heat && sample.heat !== null) {
    const sign = sample.heat <= heat.low ? "≤ " : sample.heat >= heat.high ? "≥ " : "";
    parts.push(`${heatName(heat.key)} ${sign}${sample.heat.toFixed(1)} ${heatUnit(heat)}`.trim());
  }
  if (sample.inside.length) parts.push(sample.inside.map(layerName).join(", "));
  return parts.join(" · ");
}
