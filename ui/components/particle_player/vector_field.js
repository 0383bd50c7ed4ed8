// A field on the plane, as arrows: one in the middle of each cell.

// `field` holds x0, y0, x1, y1, ... of size * size cells that span -half to half, in lengths of a cell.
export const drawField = (context, field, size, half, layout, style, scale) => {
  const cell = ((2 * half) / size) * layout.unit;
  [context.strokeStyle, context.fillStyle, context.lineCap] = [style.ink, style.ink, 'round'];
  context.globalAlpha = 0.75;
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const at = 2 * (row * size + column);
      const place = [column, row].map((index) => ((index + 0.5) / size) * 2 * half - half);
      drawArrow(context, layout.pixelOf(place), [field[at] * cell, -field[at + 1] * cell], scale);
    }
  }
  context.globalAlpha = 1;
};

const drawArrow = (context, [x, y], [dx, dy], scale) => {
  const length = Math.hypot(dx, dy);
  if (length < 1.5) return;
  const [endX, endY] = [x + dx, y + dy];
  const head = Math.min(6 * scale, 0.5 * length);
  const angle = Math.atan2(dy, dx);
  context.lineWidth = 1.5 * scale;
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(endX, endY);
  for (const turn of [-0.5, 0.5]) {
    context.moveTo(endX, endY);
    context.lineTo(endX - head * Math.cos(angle + turn), endY - head * Math.sin(angle + turn));
  }
  context.stroke();
};
