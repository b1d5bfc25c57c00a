// Two viewers side by side that move together by relative position until they are unlinked.
import { createViewer } from "./viewer.js";

const places = [...document.querySelectorAll("[data-compare] [data-viewer]")];
const viewers = await Promise.all(
  places.map((place) => createViewer(place, { studyId: place.dataset.study, version: Number(place.dataset.version) })),
);
const tools = document.querySelector("[data-link-tools]");
const linked = tools.querySelector("[data-linked]");
let following = false;

function relative(view) {
  return view.count > 1 ? view.index / (view.count - 1) : 0;
}

/** Bring the other viewer to the same share of its own slices; the same window where both show the same modality. */
function follow(view, other) {
  if (following || !linked.checked) return;
  following = true;
  try {
    const aim = Math.round(relative(view) * (other.count - 1));
    if (other.count > 1 && aim !== other.index) other.setIndex(aim);
  } finally {
    following = false;
  }
}

if (viewers.length === 2) {
  tools.hidden = false;
  viewers.forEach((viewer, place) => viewer.on("change", () => follow(viewer, viewers[1 - place])));
  linked.addEventListener("change", () => follow(viewers[0], viewers[1]));
}
