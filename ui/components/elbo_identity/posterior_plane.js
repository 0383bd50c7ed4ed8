// The plane near the true posterior, and q on it to take hold of: its centre moves the mean, its handles, 2 sigma away, the sigmas.

import { lagrange } from './expected_log_likelihood.js';
import { number, roundStep, ticksWithin } from '../shared/ticks.js';
import { significant } from './numbers.js';

const FINER = 5; // pixels of the picture for each value of the posterior's grid, along each axis
const BANDS = { first: 0.1, step: 0.12, last: 0.95 }; // of the square root of the density's share of its peak
const STEPS = { finely: 0.1, coarsely: 1, factor: 1.05 }; // of the arrow keys: in sigmas, and for sigmas
const TICKS = 4; // about so many on an axis
const OUTSIDE = 2; // sigmas from the centre to the outer ellipse
const NEAR = 26; // pixels from which a handle is taken
const KEYS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

// The density as bands, each stronger than the one around it: a mask for a colour.
const picture = ({ columns, rows, values }) => {
  const canvas = Object.assign(document.createElement('canvas'), { width: columns * FINER, height: rows * FINER });
  const context = canvas.getContext('2d');
  const image = context.createImageData(canvas.width, canvas.height);
  const taps = (count) => Array.from({ length: count * FINER }, (_, index) => lagrange((index + 0.5) / FINER - 0.5, count));
  const [across, up] = [taps(columns), taps(rows)];
  for (let y = 0; y < canvas.height; y++) {
    const [bottom, vertical] = up[canvas.height - 1 - y];
    for (let x = 0; x < canvas.width; x++) {
      const [left, horizontal] = across[x];
      let share = 0;
      vertical.forEach((v, i) => horizontal.forEach((h, j) => (share += v * h * values[(bottom + i) * columns + left + j])));
      const level = Math.min(share, BANDS.last);
      if (level < BANDS.first) continue;
      const band = BANDS.first + Math.floor((level - BANDS.first) / BANDS.step) * BANDS.step;
      image.data.set([255, 255, 255, 255 * 0.85 * band], (y * canvas.width + x) * 4);
    }
  }
  context.putImageData(image, 0, 0);
  return canvas.toDataURL();
};

export class PosteriorPlane {
  // `onMove` hears of q while it moves, `onRest` when it was let go.
  constructor(svg, onMove, onRest) {
    Object.assign(this, { svg, onMove, onRest, held: null });
    svg.innerHTML = `<g class="still"></g><g class="q"><ellipse class="wide"/><ellipse/></g>
      <g class="handle mean" tabindex="0" role="slider" aria-label="mean of q"><circle class="ring" r="16"/><circle r="9"/></g>
      ${[0, 1].map((axis) => `<g class="handle sigma" tabindex="0" role="slider" aria-label="sigma of z${axis + 1}">
        <circle class="ring" r="16"/><rect x="-8" y="-8" width="16" height="16" rx="3"/></g>`).join('')}`;
    this.ellipses = [...svg.querySelectorAll('.q ellipse')];
    this.handles = [...svg.querySelectorAll('.handle')];
    svg.onpointerdown = (event) => this.take(event);
    svg.onpointermove = (event) => this.held !== null && this.drag(event);
    svg.onpointerup = svg.onpointercancel = () => this.letGo();
    this.handles.forEach((handle, index) => (handle.onkeydown = (event) => this.step(index, event)));
  }

  update(data) {
    const isNew = this.data?.density.values !== data.density.values;
    this.data = data;
    this.picture = isNew ? picture(data.density) : this.picture;
    this.draw();
  }

  // Where things are

  get side() {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const { clientWidth: width, clientHeight: height } = this.svg;
    const side = Math.max(Math.min(width - 4.6 * rem, height - 3.8 * rem), 10);
    return { rem, side, left: 4.2 * rem + (width - 4.6 * rem - side) / 2, top: 0.4 * rem };
  }

  pixelOf([a, b]) {
    const { side, left, top } = this.box;
    const { centre, half } = this.data.window;
    return [left + ((a - centre[0]) / half + 1) * (side / 2), top + (1 - (b - centre[1]) / half) * (side / 2)];
  }

  placeAt(event) {
    const corner = this.svg.getBoundingClientRect();
    const { side, left, top } = this.box;
    const { centre, half } = this.data.window;
    const share = (pixel, start) => Math.min(Math.max((pixel - start) / side, 0), 1) * 2 - 1;
    return [centre[0] + half * share(event.clientX - corner.left, left), centre[1] - half * share(event.clientY - corner.top, top)];
  }

  // Drawing

  draw() {
    this.box = this.side;
    const { rem, side, left, top } = this.box;
    const { centre, half, names } = { ...this.data.window, ...this.data };
    const { first, spacing, columns, rows } = this.data.density;
    const [x0, y0] = this.pixelOf([first[0] - spacing[0] / 2, first[1] + (rows - 0.5) * spacing[1]]);
    const [x1, y1] = this.pixelOf([first[0] + (columns - 0.5) * spacing[0], first[1] - spacing[1] / 2]);
    const box = `x="${x0}" y="${y0}" width="${x1 - x0}" height="${y1 - y0}"`;
    const unit = side / (2 * half);
    const [x, y] = this.pixelOf([0, 0]);
    const marks = (axis) => ticksWithin(centre[axis] - half, centre[axis] + half, roundStep((2 * half) / TICKS));
    this.svg.querySelector('.still').innerHTML = `
      <clipPath id="frame"><rect x="${left}" y="${top}" width="${side}" height="${side}"/></clipPath>
      <g clip-path="url(#frame)">
        <mask id="density"><image href="${this.picture}" ${box} preserveAspectRatio="none"/></mask>
        <rect class="posterior" ${box} mask="url(#density)"/>
        ${[1, 2, 3].map((radius) => `<circle class="prior" cx="${x}" cy="${y}" r="${radius * unit}"/>`).join('')}
      </g>
      <rect class="frame" x="${left}" y="${top}" width="${side}" height="${side}"/>
      ${marks(0).map((value) => `<text class="tick" x="${this.pixelOf([value, 0])[0]}" y="${top + side + 1.2 * rem}"
        text-anchor="middle">${number(value)}</text>`).join('')}
      ${marks(1).map((value) => `<text class="tick" x="${left - 0.4 * rem}" y="${this.pixelOf([0, value])[1]}" dy="0.35em"
        text-anchor="end">${number(value)}</text>`).join('')}
      <text class="title" x="${left + side / 2}" y="${top + side + 2.7 * rem}">${names[0]}</text>
      <text class="title" transform="translate(${left - 3.2 * rem}, ${top + side / 2}) rotate(-90)">${names[1]}</text>`;
    this.place();
  }

  // Put q where it is.
  place() {
    const { mean, sigma } = this.data.q;
    const unit = this.box.side / (2 * this.data.window.half);
    const [x, y] = this.pixelOf(mean);
    this.ellipses.forEach((ellipse, index) => {
      ellipse.setAttribute('transform', `translate(${x}, ${y})`);
      ellipse.setAttribute('rx', sigma[0] * unit * (OUTSIDE - index));
      ellipse.setAttribute('ry', sigma[1] * unit * (OUTSIDE - index));
    });
    this.places = [[x, y], [x + OUTSIDE * sigma[0] * unit, y], [x, y - OUTSIDE * sigma[1] * unit]];
    const said = [`z1 ${significant(mean[0])}, z2 ${significant(mean[1])}`, ...sigma.map(significant)];
    this.handles.forEach((handle, index) => {
      handle.setAttribute('transform', `translate(${this.places[index]})`);
      handle.setAttribute('aria-valuenow', index ? sigma[index - 1] : mean[0]);
      handle.setAttribute('aria-valuetext', said[index]);
    });
  }

  // Moving

  // The handle that is nearest, or else q itself where the pointer is within it.
  take(event) {
    const corner = this.svg.getBoundingClientRect();
    const at = [event.clientX - corner.left, event.clientY - corner.top];
    const away = this.places.map((place) => Math.hypot(place[0] - at[0], place[1] - at[1]));
    const nearest = away.indexOf(Math.min(...away));
    const [a, b] = this.placeAt(event);
    const { mean, sigma } = this.data.q;
    const within = Math.hypot((a - mean[0]) / sigma[0], (b - mean[1]) / sigma[1]) <= OUTSIDE;
    if (event.button !== 0 || (away[nearest] > NEAR && !within)) return;
    this.held = away[nearest] > NEAR ? 0 : nearest;
    this.grip = [a - mean[0], b - mean[1]];
    this.svg.setPointerCapture(event.pointerId);
  }

  drag(event) {
    const place = this.placeAt(event);
    const { mean, sigma } = this.data.q;
    const axis = this.held - 1;
    if (axis < 0) return this.move({ mean: place.map((z, other) => z - this.grip[other]), sigma });
    const reach = Math.max((place[axis] - mean[axis]) / OUTSIDE, this.data.window.half / 500);
    this.move({ mean, sigma: sigma.map((each, other) => (other === axis ? reach : each)) });
  }

  letGo() {
    if (this.held === null) return;
    this.held = null;
    this.onRest(this.data.q);
  }

  step(index, event) {
    const direction = KEYS[event.key];
    if (!direction || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    const { mean, sigma } = this.data.q;
    const size = event.shiftKey ? STEPS.coarsely : STEPS.finely;
    const factor = STEPS.factor ** ((direction[0] + direction[1]) * (event.shiftKey ? 5 : 1));
    if (index === 0) this.move({ mean: mean.map((m, axis) => m + direction[axis] * size * sigma[axis]), sigma });
    else this.move({ mean, sigma: sigma.map((each, axis) => (axis === index - 1 ? each * factor : each)) });
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.onRest(this.data.q), 400);
  }

  move(q) {
    const [least, most] = this.data.limits;
    const sigma = q.sigma.map((each) => Math.min(Math.max(each, least), most));
    this.data = { ...this.data, q: { mean: q.mean, sigma } };
    this.place();
    this.onMove(this.data.q);
  }
}
