// What is drawn on the plane besides the codes: below them pictures (manifold, fields), above them lines and marks.

import { SIDE, Screen } from './atlas.js';
import { overlap } from './names.js';
import { SCALES } from './chart_coordinates.js';

const HALO = '#000000';
const INK = '#ffffff';
const PRIOR = '#7d8794';
const INTERPOLATION = '#e8b000';
const NEIGHBOUR = '#9be7ff';

// A canvas of the plot's own size and place, made anew where Plotly threw it away.
export const canvasOn = (view, name, below) => {
  const box = view.graph.querySelector('.svg-container');
  let canvas = box.querySelector(`canvas.${name}`);
  if (!canvas) {
    canvas = document.createElement('canvas');
    canvas.className = name;
    if (below) box.prepend(canvas);
    else box.append(canvas);
  }
  const { ratio } = view;
  const [width, height] = [Math.round(view.width * ratio), Math.round(view.height * ratio)];
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  canvas.style.cssText = `position:absolute;left:${view.offset[0]}px;top:${view.offset[1]}px;
    width:${view.width}px;height:${view.height}px;pointer-events:none;`;
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, view.width, view.height);
  return context;
};

// The manifold: cells of even size on the axes, each decoded at its centre; zooming in halves them as often as needed.
const drawManifold = (context, view, atlas, cells) => {
  const linear = view.scale === SCALES.linear;
  const [low, high] = linear ? [-atlas.extent, atlas.extent] : [0, 1];
  const zoom = Math.max(0, Math.round(Math.log2((high - low) / (view.across[1] - view.across[0]))));
  const step = (high - low) / (cells * 2 ** zoom);
  const screen = new Screen(Object.assign(document.createElement('canvas'), { width: SIDE, height: SIDE }));
  context.imageSmoothingEnabled = false;
  const edges = (index) => [low + index * step, low + (index + 1) * step];
  const range = ([from, to]) => [
    Math.max(0, Math.floor((from - low) / step)),
    Math.min(cells * 2 ** zoom - 1, Math.floor((to - low) / step)),
  ];
  const [left, right] = range(view.across);
  const [bottom, top] = view.strip ? [0, 0] : range(view.up);
  for (let row = bottom; row <= top; row++) {
    for (let column = left; column <= right; column++) {
      const [x, y] = [low + (column + 0.5) * step, low + (row + 0.5) * step];
      const place = [view.scale.fromAxis(x), view.strip ? 0 : view.scale.fromAxis(y)];
      if (!atlas.sample(place, screen.grey)) continue;
      screen.show();
      drawCell(context, view, screen.context.canvas, edges(column), edges(row));
    }
  }
};

const drawCell = (context, view, picture, [left, right], [bottom, top]) => {
  const [x0, y0] = view.pixelAt(left, top).map(Math.round);
  const [x1, y1] = view.pixelAt(right, bottom).map(Math.round);
  const tall = Math.round(((right - left) / (view.across[1] - view.across[0])) * view.width);
  if (view.strip) context.drawImage(picture, x0, view.height - tall, x1 - x0, tall);
  else context.drawImage(picture, x0, y0, x1 - x0, y1 - y0);
};

// A field: a picture of cells that tile the extent.
const drawField = (context, view, picture, extent) => {
  if (view.scale !== SCALES.linear) return drawWarped(context, view, picture, extent);
  const [x0, y0] = view.pixelAt(-extent, extent);
  const [x1, y1] = view.pixelAt(extent, -extent);
  const [top, bottom] = view.strip ? [0, view.height] : [y0, y1];
  context.imageSmoothingEnabled = true;
  context.drawImage(picture, x0, top, x1 - x0, bottom - top);
};

// The same under axes that are not linear: column by column of the screen, then row by row.
const drawWarped = (context, view, picture, extent) => {
  const size = picture.width;
  const width = Math.round(view.width);
  const cellOf = (z) => Math.floor(((z / extent + 1) / 2) * size);
  const columns = Object.assign(document.createElement('canvas'), { width, height: size });
  const across = columns.getContext('2d');
  for (let x = 0; x < width; x++) {
    const [value] = view.axisAt(x + 0.5, 0);
    across.drawImage(picture, cellOf(view.scale.fromAxis(value)), 0, 1, size, x, 0, 1, size);
  }
  if (view.strip) return context.drawImage(columns, 0, 0, width, view.height);
  for (let y = 0; y < view.height; y++) {
    const [, value] = view.axisAt(0, y + 0.5);
    context.drawImage(columns, 0, size - 1 - cellOf(view.scale.fromAxis(value)), width, 1, 0, y, width, 1);
  }
};

// A line through places of the plane, with a halo that keeps it seen on any ground.
const drawLine = (context, view, places, colour, width, dash = []) => {
  context.beginPath();
  places.forEach((place, index) => context[index ? 'lineTo' : 'moveTo'](...view.pixelOf(place)));
  context.setLineDash([]);
  [context.strokeStyle, context.lineWidth] = [HALO, width + 2];
  context.globalAlpha = 0.9;
  if (!dash.length) context.stroke();
  context.setLineDash(dash);
  [context.strokeStyle, context.lineWidth, context.globalAlpha] = [colour, width, 1];
  context.stroke();
  context.setLineDash([]);
};

// mean + radius * L (cos, sin), where L L^T is the covariance: an ellipse at the axes' true scale.
const ellipse = (mean, [[xx, xy], [, yy]], radius) => {
  const a = Math.sqrt(Math.max(xx, 0));
  const b = a > 0 ? xy / a : 0;
  const c = Math.sqrt(Math.max(yy - b * b, 0));
  return Array.from({ length: 97 }, (_, index) => {
    const angle = (index / 96) * 2 * Math.PI;
    const [u, v] = [radius * Math.cos(angle), radius * Math.sin(angle)];
    return [mean[0] + a * u, mean[1] + b * u + c * v];
  });
};

const drawUpright = (context, view, a, colour, width, dash) => {
  const [x] = view.pixelOf([a, 0]);
  context.beginPath();
  context.moveTo(x, 0);
  context.lineTo(x, view.height);
  context.setLineDash(dash ?? []);
  [context.strokeStyle, context.lineWidth] = [colour, width];
  context.stroke();
  context.setLineDash([]);
};

const drawSpread = (context, view, mean, covariance, radius, colour, width, dash) => {
  if (!view.strip) return drawLine(context, view, ellipse(mean, covariance, radius), colour, width, dash);
  for (const side of [-1, 1]) drawUpright(context, view, mean[0] + side * radius * Math.sqrt(covariance[0][0]), colour, width, dash);
};

const UNIT = [[1, 0], [0, 1]];
const LINE_OF_TEXT = 18; // pixels
const AROUND = [-90, -60, -120, -30, -150, 0, 180, 90, 45, 135]; // degrees: where on its circle a number of sigma may stand

// The first place on a circle where words lie on no name, on no other words and within the plane; else the first.
const freeBox = (context, view, centre, radius, text, taken) => {
  const boxes = AROUND.map((degrees) => {
    const angle = (degrees * Math.PI) / 180;
    const [x, y] = view.pixelOf([centre[0] + radius * Math.cos(angle), centre[1] + radius * Math.sin(angle)]);
    return { x, y, w: context.measureText(text).width / 2 + 3, h: LINE_OF_TEXT / 2 };
  });
  const inside = ({ x, y, w, h }) => x >= w && y >= h && x <= view.width - w && y <= view.height - h;
  return boxes.find((box) => inside(box) && taken.every((other) => overlap(box, other) <= 0)) ?? boxes[0];
};

const drawPrior = (context, view, { centre, names, place }) => {
  const [x, y] = view.pixelOf(place);
  const taken = [...names, { x, y, w: LINE_OF_TEXT, h: LINE_OF_TEXT }];
  const unit = Math.abs(view.pixelOf([centre[0], centre[1] - 1])[1] - view.pixelOf([centre[0], centre[1]])[1]);
  context.font = '600 15px sans-serif';
  context.textAlign = 'center';
  for (const radius of [1, 2, 3]) {
    drawSpread(context, view, centre, UNIT, radius, PRIOR, 2.5, [8, 6]);
    if (view.strip || (unit < LINE_OF_TEXT && radius < 3)) continue; // an autoencoder's plane is so wide that words would overlap
    const box = freeBox(context, view, centre, radius, `${radius} sigma`, taken);
    taken.push(box);
    drawText(context, `${radius} sigma`, box.x, Math.min(box.y, view.height - LINE_OF_TEXT / 2) + 5); // no code beyond 3 sigma: its border
  }
};

const drawText = (context, text, x, y) => {
  [context.strokeStyle, context.lineWidth, context.lineJoin, context.fillStyle] = [HALO, 4, 'round', INK];
  context.strokeText(text, x, y);
  context.fillText(text, x, y);
};

const drawDot = (context, view, place, radius, colour) => {
  const [x, y] = view.pixelOf(place);
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  [context.fillStyle, context.strokeStyle, context.lineWidth] = [colour, HALO, 2];
  context.fill();
  context.stroke();
};

const drawNumbered = (context, view, place, number) => {
  drawDot(context, view, place, 10, INK);
  const [x, y] = view.pixelOf(place);
  [context.font, context.textAlign, context.fillStyle] = ['700 12px sans-serif', 'center', HALO];
  context.fillText(number, x, y + 4);
};

const drawRing = (context, view, place, radius) => {
  const [x, y] = view.pixelOf(place);
  for (const [width, colour] of [[7.5, HALO], [3.5, INK]]) {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    [context.strokeStyle, context.lineWidth] = [colour, width];
    context.stroke();
  }
};

const drawCross = (context, view, place) => {
  const [x, y] = view.pixelOf(place);
  for (const [width, colour] of [[5, HALO], [2, INK]]) {
    context.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(x + 5 * dx, y + 5 * dy);
      context.lineTo(x + 14 * dx, y + 14 * dy);
    }
    [context.strokeStyle, context.lineWidth] = [colour, width];
    context.stroke();
  }
};

const drawEnds = (context, view, interpolation) => {
  if (interpolation.length === 2) drawLine(context, view, interpolation, INTERPOLATION, 3.5);
  context.font = '700 17px sans-serif';
  context.textAlign = 'center';
  interpolation.forEach((place, index) => {
    drawDot(context, view, place, 7, INTERPOLATION);
    const [x, y] = view.pixelOf(place);
    drawText(context, 'AB'[index], x, y - 13);
  });
};

export const drawUnder = (context, view, state) => {
  if (state.layers.includes('manifold') && state.atlas) drawManifold(context, view, state.atlas, state.cells);
  context.globalAlpha = state.layers.includes('manifold') ? 0.6 : 1;
  for (const { layer, extent } of state.fields) {
    if (state.pictures[layer]) drawField(context, view, state.pictures[layer], extent);
  }
  context.globalAlpha = 1;
};

export const drawOver = (context, view, state) => {
  if (state.layers.includes('prior')) drawPrior(context, view, state);
  if (state.interpolation.length) drawEnds(context, view, state.interpolation);
  for (const place of state.neighbours) drawDot(context, view, place, 4, NEIGHBOUR);
  if (state.posterior) {
    const { mean, covariance, samples } = state.posterior;
    for (const radius of [1, 2]) drawSpread(context, view, mean, covariance, radius, INK, 2);
    for (const place of samples) drawDot(context, view, place, 4, INTERPOLATION);
  }
  drawRing(context, view, state.place, state.posterior || state.draws.length ? 13 : 9);
  state.draws.forEach((place, index) => drawNumbered(context, view, place, index + 1));
  if (state.traveller) drawDot(context, view, state.traveller, 8, INTERPOLATION);
  if (state.cursor) drawCross(context, view, state.cursor);
};
