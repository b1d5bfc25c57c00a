// Two viewers side by side that move together until they are unlinked: slices by their relative place, and zoom; the
// window too where both show one modality.
import { createViewer } from "./viewer.js";

const places = [...document.querySelectorAll("[data-compare] [data-viewer]")];
const tools = document.querySelector("[data-link-tools]");
const linked = tools.querySelector("[data-linked]");
let following = false;

async function opened(place) {
  try {
    return await createViewer(place, { studyId: place.dataset.study, version: Number(place.dataset.version) });
  } catch {
    return null; // the viewer itself has said why
  }
}

/** Bring `other` to where `state` is; what that changes in turn is not followed back. */
function follow(state, other, sameModality) {
  if (following || !linked.checked) return;
  following = true;
  try {
    other.setIndex(state.fraction * (other.state.count - 1));
    other.setView(state);
    if (sameModality) other.setWindow(state.center, state.width);
  } finally {
    following = false;
  }
}

function link(left, right, sameModality) {
  tools.hidden = false;
  left.on("change", (state) => follow(state, right, sameModality));
  right.on("change", (state) => follow(state, left, sameModality));
  linked.addEventListener("change", () => follow(left.state, right, sameModality));
}

const viewers = await Promise.all(places.map(opened));
if (viewers.length === 2 && viewers.every(Boolean)) {
  link(...viewers, places[0].dataset.modality === places[1].dataset.modality);
}
document.querySelector("[data-compare]").dataset.ready = "";
