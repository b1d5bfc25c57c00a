// Words of the page's language for scripts: t("Save") gives the translation, t("{n} files", { n: 3 }) fills in values.

async function catalogue() {
  const address = document.documentElement.dataset.catalogue;
  if (!address) return {};
  try {
    const answer = await fetch(address);
    return answer.ok ? await answer.json() : {};
  } catch {
    return {};
  }
}

const words = await catalogue();
const language = document.documentElement.lang || "en";

/** The translation of an English text, with {names} filled in from `values`. */
export function t(text, values = {}) {
  return (words[text] || text).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
}

/** A number as people write it in the page's language. */
export function number(value, digits = 1) {
  return new Intl.NumberFormat(language, { maximumFractionDigits: digits, minimumFractionDigits: digits }).format(value);
}

/** A point in time (ISO text or Date) in the page's language and the reader's time zone. */
export function moment(value) {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(value));
}

/** Headers that a changing request needs: the page's secret, and that an answer as JSON is wanted. */
export function headers(extra = {}) {
  const secret = document.querySelector('meta[name="csrf-token"]')?.content || "";
  return { "X-CSRFToken": secret, Accept: "application/json", ...extra };
}
