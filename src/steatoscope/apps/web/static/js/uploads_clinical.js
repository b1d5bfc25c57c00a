// Reads the clinical form: numbers with comma or point, the chosen unit, ranges.
import { t } from "./speech.js";

/** Values by key, and what does not fit in words; fields that do not fit are marked. */
export function clinicalValues(form) {
  const values = {};
  const faults = [];
  for (const field of form.querySelectorAll("[data-clinical]")) {
    field.removeAttribute("aria-invalid");
    const text = field.value.trim();
    if (!text) continue;
    const { clinical: name, label, low, high } = field.dataset;
    if (field.tagName === "SELECT") {
      values[name] = "flag" in field.dataset ? text === "true" : text;
      continue;
    }
    const value = Number(text.replace(",", "."));
    const outside = (low && value < Number(low)) || (high && value > Number(high));
    if (!Number.isFinite(value) || outside) {
      field.setAttribute("aria-invalid", "true");
      faults.push(low ? t("{label}: {low} to {high}.", { label, low, high }) : t("{label}: a number.", { label }));
      continue;
    }
    const unit = form.querySelector(`[data-unit-of="${name}"]`);
    values[unit ? unit.value : name] = value;
  }
  return { values, faults };
}
