// ELBO, reconstruction and KL over the epochs, with room for a cursor; where one presses, the film goes.

import { NEUTRAL, tickStep } from '../playback/axes.js';
import { number, ticksWithin } from '../shared/ticks.js';

const LINES = { left: 58, right: 16, top: 0, bottom: 24, head: 28 }; // at a root font of 17 pixels
const TICK_HEIGHT = 20; // likewise: what a number beside an axis needs

// Where the panels lie, in CSS pixels.
export class Panels {
  constructor(width, height, scale, range, count) {
    const { left, right, top, bottom, head } = LINES;
    Object.assign(this, { scale, range, head: head * scale });
    [this.left, this.right] = [left * scale, width - right * scale];
    [this.top, this.bottom] = [top, height - bottom * scale];
    this.step = (this.bottom - this.top) / count;
    this.share = Math.max((TICK_HEIGHT * scale) / Math.max(this.step - this.head, 1), 0.2); // of an axis, for a number at it
  }

  x(epoch) {
    const [first, last] = this.range;
    return this.left + ((epoch - first) / Math.max(last - first, 1e-9)) * (this.right - this.left);
  }

  epochAt(x) {
    const [first, last] = this.range;
    return first + ((x - this.left) / Math.max(this.right - this.left, 1)) * (last - first);
  }

  y(panel, value, [low, high]) {
    const top = this.top + panel * this.step + this.head;
    return top + (1 - (value - low) / (high - low)) * (this.step - this.head);
  }
}

// Round numbers within a range, as many as have room when each needs a share of it; at least one where there is any.
const roundNumbers = ([low, high], share) => {
  const power = 10 ** Math.floor(Math.log10(high - low) - 1);
  let numbers = [];
  for (const factor of [1, 2, 2.5, 5, 10, 20, 25, 50, 100]) {
    const next = ticksWithin(low, high, factor * power);
    if (!next.length) break;
    numbers = next;
    if ((factor * power) / (high - low) >= share) return numbers;
  }
  return numbers.slice(0, 1);
};

export const drawLines = (context, panels, curves, { ink, font }) => {
  context.clearRect(0, 0, context.canvas.width, context.canvas.height);
  context.font = `${17 * panels.scale}px ${font}`;
  curves.forEach((curve, panel) => drawPanel(context, panels, curve, panel, ink));
  drawEpochs(context, panels, ink);
};

const drawPanel = (context, panels, { colour, train, held_out, range }, panel, ink) => {
  const [top, bottom] = [panels.y(panel, range[1], range), panels.y(panel, range[0], range)];
  context.fillStyle = ink;
  [context.textAlign, context.textBaseline, context.lineWidth] = ['right', 'middle', 1];
  for (const value of roundNumbers(range, panels.share)) {
    const y = panels.y(panel, value, range);
    context.strokeStyle = 'rgba(125,135,148,0.25)';
    path(context, [[panels.left, y], [panels.right, y]]);
    context.fillText(number(value), panels.left - 7, y);
  }
  context.strokeStyle = NEUTRAL;
  path(context, [[panels.left, top], [panels.left, bottom], [panels.right, bottom]]);
  context.save();
  context.beginPath();
  context.rect(panels.left, top - 2, panels.right - panels.left + 2, bottom - top + 4);
  context.clip();
  context.strokeStyle = colour;
  for (const [[x, y], width, alpha, dash] of [[train, 2.2, 0.65, []], [held_out, 2.6, 1, [8, 5]]]) {
    [context.lineWidth, context.globalAlpha] = [width * panels.scale, alpha];
    context.setLineDash(dash);
    path(context, x.map((epoch, index) => [panels.x(epoch), panels.y(panel, y[index], range)]));
  }
  context.restore();
};

const path = (context, points) => {
  context.beginPath();
  for (const point of points) context.lineTo(...point);
  context.stroke();
};

const drawEpochs = (context, panels, ink) => {
  const [first, last] = panels.range;
  const step = Math.max(1, tickStep((panels.right - panels.left) / Math.max(last - first, 1) / panels.scale));
  const below = panels.bottom + 5;
  [context.fillStyle, context.textAlign, context.textBaseline] = [ink, 'center', 'top'];
  for (const epoch of ticksWithin(first, last, step)) context.fillText(number(epoch), panels.x(epoch), below);
  context.textAlign = 'left';
  context.fillText('epoch', 0, below);
};
