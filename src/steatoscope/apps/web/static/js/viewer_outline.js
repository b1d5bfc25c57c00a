// Outlines of masks as paths along the edges of pixels, in pixel coordinates of the stored picture.

/** The edge between inside and outside of a mask, straight runs as one line each. */
export function outline(mask, rows, columns) {
  const path = new Path2D();
  for (let row = 0; row <= rows; row += 1) {
    let start = -1;
    for (let column = 0; column <= columns; column += 1) {
      const edge = column < columns && at(mask, row - 1, column, rows, columns) !== at(mask, row, column, rows, columns);
      if (edge && start < 0) start = column;
      if (!edge && start >= 0) {
        path.moveTo(start, row);
        path.lineTo(column, row);
        start = -1;
      }
    }
  }
  for (let column = 0; column <= columns; column += 1) {
    let start = -1;
    for (let row = 0; row <= rows; row += 1) {
      const edge = row < rows && at(mask, row, column - 1, rows, columns) !== at(mask, row, column, rows, columns);
      if (edge && start < 0) start = row;
      if (!edge && start >= 0) {
        path.moveTo(column, start);
        path.lineTo(column, row);
        start = -1;
      }
    }
  }
  return path;
}

function at(mask, row, column, rows, columns) {
  return row >= 0 && row < rows && column >= 0 && column < columns ? mask[row * columns + column] : 0;
}

const kept = new WeakMap();

/** The outline of a mask that does not change, made once. */
export function keptOutline(mask, rows, columns) {
  if (!kept.has(mask)) kept.set(mask, outline(mask, rows, columns));
  return kept.get(mask);
}
