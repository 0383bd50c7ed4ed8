// The plane around the dots: one unit as long on both axes, ticks, titles and the classes' names, as Plotly's planes look.

import { number, roundStep, ticksWithin } from '../shared/ticks.js';

export const NEUTRAL = '#7d8794';
const MARGIN = { left: 56, right: 8, top: 10, bottom: 54 }; // at a root font of 17 pixels
const LETTER = 9; // of a class's name beside a strip
const TICKS_APART = 58; // pixels at least

// The step that keeps ticks apart, with so many pixels to a unit.
export const tickStep = (unit) => roundStep(TICKS_APART / unit);

// Where places of the plane lie on a figure of some size, in CSS pixels from the plot's upper left corner.
export class Layout {
  constructor(width, height, scale, { extent, strip, names }) {
    const { left, right, top, bottom } = MARGIN;
    const longest = Math.max(...names.map((name) => name.length));
    this.titled = !strip || longest < 3; // longer names say themselves that they are classes'
    Object.assign(this, { scale, strip, extent, rows: names.length });
    this.left = Math.round((this.titled ? left : Math.max(left, 16 + LETTER * longest)) * scale);
    this.top = Math.round(top * scale);
    this.width = Math.max(1, Math.round(width - this.left - right * scale));
    this.height = Math.max(1, Math.round(height - this.top - bottom * scale));
  }

  // Pixels per unit of z; on a strip the width alone has a scale, and each class a row.
  get unit() {
    return (this.strip ? this.width : Math.min(this.width, this.height)) / (2 * this.extent);
  }

  get map() {
    const unit = this.unit;
    const row = this.height / this.rows;
    return this.strip
      ? { left: this.width / 2, across: unit, top: this.height - row / 2, down: -row }
      : { left: this.width / 2, across: unit, top: this.height / 2, down: -unit };
  }

  // What is seen of the axes: [low, high] across and up.
  get range() {
    const { across, down } = this.map;
    const up = this.strip ? [-0.5, this.rows - 0.5] : [this.height / 2 / down, -this.height / 2 / down];
    return [[-this.width / 2 / across, this.width / 2 / across], up];
  }

  pixelOf([x, y]) {
    const { left, across, top, down } = this.map;
    return [left + across * x, top + down * y];
  }
}

// The lines at zero, under the dots.
export const drawZeros = (context, layout) => {
  const [x, y] = layout.pixelOf([0, 0]).map((pixel) => Math.round(pixel) + 0.5);
  [context.strokeStyle, context.lineWidth] = [NEUTRAL, 1];
  context.beginPath();
  context.moveTo(x, 0);
  context.lineTo(x, layout.height);
  if (!layout.strip) {
    context.moveTo(0, y);
    context.lineTo(layout.width, y);
  }
  context.stroke();
};

// The manifold under the dots: the grid tiles a square around the origin.
export const drawMosaicUnder = (context, layout, mosaic, extent) => {
  const [x0, y0] = layout.pixelOf([-extent, extent]);
  const [x1, y1] = layout.pixelOf([extent, -extent]);
  context.imageSmoothingEnabled = mosaic.width > x1 - x0;
  context.imageSmoothingQuality = 'high';
  context.drawImage(mosaic, x0, y0, x1 - x0, y1 - y0);
};

// Frame, ticks and titles, around the dots.
export const drawAxes = (context, layout, { axes, names }, { ink, font }) => {
  const { left, top, width, height, scale, strip } = layout;
  const step = tickStep(layout.unit / scale);
  const [across, up] = layout.range;
  context.clearRect(0, 0, context.canvas.width, context.canvas.height);
  [context.strokeStyle, context.fillStyle, context.lineWidth] = [NEUTRAL, ink, 1];
  context.strokeRect(left - 0.5, top - 0.5, width + 1, height + 1);
  context.font = `${17 * scale}px ${font}`;
  [context.textAlign, context.textBaseline] = ['center', 'top'];
  const marks = [];
  for (const value of ticksWithin(...across, step)) {
    const x = Math.round(left + layout.pixelOf([value, 0])[0]) + 0.5;
    marks.push([x, top + height, x, top + height + 5]);
    context.fillText(number(value), x, top + height + 8 * scale);
  }
  [context.textAlign, context.textBaseline] = ['right', 'middle'];
  for (const value of strip ? names.keys() : ticksWithin(...up, step)) {
    const y = Math.round(top + layout.pixelOf([0, value])[1]) + 0.5;
    marks.push([left - 5, y, left, y]);
    context.fillText(strip ? names[value] : number(value), left - 8, y);
  }
  context.beginPath();
  for (const [x0, y0, x1, y1] of marks) {
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
  }
  context.stroke();
  drawTitles(context, layout, axes, font);
};

const drawTitles = (context, { left, top, width, height, scale, strip, titled }, axes, font) => {
  context.font = `${18 * scale}px ${font}`;
  [context.textAlign, context.textBaseline] = ['center', 'alphabetic'];
  context.fillText(axes[0], left + width / 2, top + height + 46 * scale);
  if (!titled) return;
  context.save();
  context.translate(15 * scale, top + height / 2);
  context.rotate(-Math.PI / 2);
  context.fillText(strip ? 'class' : axes[1], 0, 0);
  context.restore();
};
