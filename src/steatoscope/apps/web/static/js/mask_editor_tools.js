// Drawing on a mask (one byte a pixel): discs, strokes and polygons, with what was changed kept for undo.

/** Set all pixels within an ellipse around a point; the radius is in columns, `aspect` is row over column spacing. */
export function disc(mask, scene, column, row, radius, value) {
  const high = radius / scene.aspect;
  for (let r = Math.max(0, Math.floor(row - high)); r <= Math.min(scene.rows - 1, Math.ceil(row + high)); r += 1) {
    for (let c = Math.max(0, Math.floor(column - radius)); c <= Math.min(scene.columns - 1, Math.ceil(column + radius)); c += 1) {
      const [across, down] = [(c + 0.5 - column) / radius, (r + 0.5 - row) / high];
      if (across * across + down * down <= 1 || (c === Math.floor(column) && r === Math.floor(row))) mask[r * scene.columns + c] = value;
    }
  }
}

/** A stroke of discs from one point to the next. */
export function stroke(mask, scene, from, to, radius, value) {
  const long = Math.hypot(to.column - from.column, (to.row - from.row) * scene.aspect);
  const steps = Math.max(1, Math.ceil(long / Math.max(0.5, radius / 2)));
  for (let k = 0; k <= steps; k += 1) {
    const share = k / steps;
    disc(mask, scene, from.column + (to.column - from.column) * share, from.row + (to.row - from.row) * share, radius, value);
  }
}

/** Set all pixels whose centre lies within a polygon (even-odd rule). */
export function polygon(mask, scene, points, value) {
  for (let row = 0; row < scene.rows; row += 1) {
    const cuts = [];
    for (let k = 0; k < points.length; k += 1) {
      const [a, b] = [points[k], points[(k + 1) % points.length]];
      const y = row + 0.5;
      if (a.row <= y !== b.row <= y) cuts.push(a.column + ((y - a.row) / (b.row - a.row)) * (b.column - a.column));
    }
    cuts.sort((a, b) => a - b);
    for (let k = 0; k + 1 < cuts.length; k += 2) {
      const first = Math.max(0, Math.ceil(cuts[k] - 0.5));
      const last = Math.min(scene.columns - 1, Math.ceil(cuts[k + 1] - 0.5) - 1);
      for (let column = first; column <= last; column += 1) mask[row * scene.columns + column] = value;
    }
  }
}

/** Masks between two others, by their distances from the edge: for images between two that were edited. */
export function between(first, second, scene, share) {
  const [a, b] = [signedDistance(first, scene), signedDistance(second, scene)];
  return Uint8Array.from(a, (value, k) => (value * (1 - share) + b[k] * share > 0 ? 1 : 0));
}

/** Distance from the edge in pixels, positive inside (two passes, chamfer 3-4). */
function signedDistance(mask, scene) {
  const [inside, outside] = [1, 0].map((value) => chamfer(mask, scene, value));
  return Float32Array.from(inside, (value, k) => (mask[k] ? value : -outside[k]));
}

function chamfer(mask, { rows, columns }, value) {
  const far = new Float32Array(rows * columns);
  for (let k = 0; k < far.length; k += 1) far[k] = mask[k] === value ? 1e6 : 0;
  const relax = (k, row, column, steps) => {
    for (const [down, across, cost] of steps) {
      const [r, c] = [row + down, column + across];
      if (r >= 0 && r < rows && c >= 0 && c < columns) far[k] = Math.min(far[k], far[r * columns + c] + cost);
    }
  };
  const ahead = [[0, -1, 1], [-1, 0, 1], [-1, -1, 4 / 3], [-1, 1, 4 / 3]];
  const back = ahead.map(([down, across, cost]) => [-down, -across, cost]);
  for (let row = 0; row < rows; row += 1) for (let column = 0; column < columns; column += 1) relax(row * columns + column, row, column, ahead);
  for (let row = rows - 1; row >= 0; row -= 1) for (let column = columns - 1; column >= 0; column -= 1) relax(row * columns + column, row, column, back);
  return far;
}
