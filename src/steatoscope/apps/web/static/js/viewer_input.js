// Mouse, touch and keyboard of the viewer.

const STEP = 1.2;

/** Listen on the canvas; `actions` are the viewer's own ways to change what it shows. */
export function listen(canvas, actions) {
  const touching = new Map();
  let drag = null;
  let turned = 0;

  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (event.ctrlKey) return actions.zoomBy(event.deltaY < 0 ? STEP : 1 / STEP, event.offsetX, event.offsetY);
    turned += event.deltaMode === 1 ? event.deltaY * 33 : event.deltaY;
    const steps = Math.trunc(turned / 50);
    turned -= steps * 50;
    return steps && actions.step(steps);
  }, { passive: false });

  canvas.addEventListener("contextmenu", (event) => event.preventDefault());

  canvas.addEventListener("pointerdown", (event) => {
    canvas.focus({ preventScroll: true });
    try { canvas.setPointerCapture(event.pointerId); } catch { /* a pointer that is gone already */ }
    touching.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    if (touching.size === 2) {
      actions.captured()?.cancel?.();
      drag = { tool: "pinch", ...spread(touching) };
      return;
    }
    const tool = toolOf(event, actions);
    drag = { tool, x: event.offsetX, y: event.offsetY, rest: 0 };
    if (tool === "captured") actions.captured().down(event);
  });

  canvas.addEventListener("pointermove", (event) => {
    if (touching.has(event.pointerId)) touching.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    actions.point(event.offsetX, event.offsetY);
    if (!drag) return actions.captured()?.hover?.(event);
    if (drag.tool === "pinch") return touching.size === 2 && pinch();
    if (drag.tool === "captured") return actions.captured()?.move(event);
    const [across, down] = [event.offsetX - drag.x, event.offsetY - drag.y];
    Object.assign(drag, { x: event.offsetX, y: event.offsetY });
    return dragged(across, down, event);
  });

  function pinch() {
    const now = spread(touching);
    actions.panBy(now.x - drag.x, now.y - drag.y);
    actions.zoomBy(now.apart / drag.apart, now.x, now.y);
    Object.assign(drag, now);
  }

  function dragged(across, down) {
    if (drag.tool === "pan") return actions.panBy(across, down);
    if (drag.tool === "zoom") return actions.zoomBy(STEP ** (-down / 25), canvas.clientWidth / 2, canvas.clientHeight / 2);
    if (drag.tool === "window") return actions.windowBy(across, down);
    drag.rest += down;
    const steps = Math.trunc(drag.rest / 12);
    drag.rest -= steps * 12;
    return steps && actions.step(steps);
  }

  const end = (event) => {
    touching.delete(event.pointerId);
    if (drag?.tool === "captured") actions.captured()?.up(event);
    drag = null;
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("pointerleave", () => drag || actions.point(null));
  canvas.addEventListener("dblclick", (event) => actions.captured()?.twice?.(event));
  canvas.addEventListener("keydown", (event) => pressed(event, actions));
}

function toolOf(event, actions) {
  if (event.button === 1 || event.shiftKey) return "pan";
  if (event.button === 2) return "zoom";
  return actions.captured() ? "captured" : actions.tool();
}

function spread(touching) {
  const [a, b] = [...touching.values()];
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, apart: Math.max(10, Math.hypot(a.x - b.x, a.y - b.y)) };
}

function pressed(event, actions) {
  if (event.ctrlKey || event.metaKey || event.altKey) return actions.captured()?.key?.(event);
  if (actions.captured()?.key?.(event)) return event.preventDefault();
  const act = (event.shiftKey && MOVED[event.key]) || KEYS[event.key] || KEYS[event.key.toLowerCase()];
  if (!act) return undefined;
  event.preventDefault();
  return act(actions);
}

const MOVED = {
  ArrowUp: (a) => a.panBy(0, 40),
  ArrowDown: (a) => a.panBy(0, -40),
  ArrowLeft: (a) => a.panBy(40, 0),
  ArrowRight: (a) => a.panBy(-40, 0),
};
const KEYS = {
  ArrowUp: (a) => a.step(-1),
  ArrowLeft: (a) => a.step(-1),
  ArrowDown: (a) => a.step(1),
  ArrowRight: (a) => a.step(1),
  PageUp: (a) => a.step(-10),
  PageDown: (a) => a.step(10),
  Home: (a) => a.step(-1e6),
  End: (a) => a.step(1e6),
  " ": (a) => a.play(),
  "+": (a) => a.zoomBy(STEP),
  "=": (a) => a.zoomBy(STEP),
  "-": (a) => a.zoomBy(1 / STEP),
  "0": (a) => a.reset(),
  "[": (a) => a.windowKey(0, -1),
  "]": (a) => a.windowKey(0, 1),
  ",": (a) => a.windowKey(-1, 0),
  ".": (a) => a.windowKey(1, 0),
  w: (a) => a.nextPreset(),
  l: (a) => a.toggle("liver"),
  s: (a) => a.toggle("spleen"),
  k: (a) => a.toggle("kidney"),
  f: (a) => a.toggle("fatty"),
  m: (a) => a.toggle("lesion"),
  b: (a) => a.toggle("boxes"),
  h: (a) => a.toggle("heat"),
  o: (a) => a.toggle("fill"),
  v: (a) => a.nextScene(),
  i: (a) => a.nextImage(),
  "?": (a) => a.help(),
};
