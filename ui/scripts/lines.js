// ELBO, reconstruction and KL over the epochs, with room for a cursor; where one presses, the film goes.

const GAP = 0.28; // of a panel's height, above it: for its name and its number
const LINES = { left: 58, right: 8, top: 0, bottom: 40 }; // at a root font of 17 pixels

// Where the panels lie, in CSS pixels.
class Panels {
  constructor(width, height, scale, range, count) {
    const { left, right, top, bottom } = LINES;
    Object.assign(this, { scale, range });
    [this.left, this.right] = [left * scale, width - right * scale];
    [this.top, this.bottom] = [top, height - bottom * scale];
    this.step = (this.bottom - this.top) / count;
    this.head = Math.max(this.step * GAP, 24 * scale);
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

// Round numbers within a range: two to four of them.
const roundNumbers = (low, high) => {
  const least = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(least));
  return ticksWithin(low, high, power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= least));
};

const drawLines = (context, panels, curves, { ink, font }) => {
  context.clearRect(0, 0, context.canvas.width, context.canvas.height);
  context.font = `${14 * panels.scale}px ${font}`;
  curves.forEach((curve, panel) => drawPanel(context, panels, curve, panel, ink));
  drawEpochs(context, panels, ink, font);
};

const drawPanel = (context, panels, { colour, train, held_out, range }, panel, ink) => {
  const [top, bottom] = [panels.y(panel, range[1], range), panels.y(panel, range[0], range)];
  context.fillStyle = ink;
  [context.textAlign, context.textBaseline, context.lineWidth] = ['right', 'middle', 1];
  for (const value of roundNumbers(...range)) {
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

const drawEpochs = (context, panels, ink, font) => {
  const [first, last] = panels.range;
  const step = Math.max(1, tickStep((panels.right - panels.left) / Math.max(last - first, 1) / panels.scale));
  [context.fillStyle, context.textAlign, context.textBaseline] = [ink, 'center', 'top'];
  for (const epoch of ticksWithin(first, last, step)) context.fillText(number(epoch), panels.x(epoch), panels.bottom + 4);
  context.font = `${15 * panels.scale}px ${font}`;
  context.textBaseline = 'alphabetic';
  context.fillText('epoch', (panels.left + panels.right) / 2, panels.bottom + 37 * panels.scale);
};
