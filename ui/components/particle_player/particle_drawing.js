// How particles are drawn: dots, where they came from, their codes, the score, the decoded handful with its letters.

import { NEUTRAL } from '../playback/axes.js';
import { wordOf } from '../playback/point_renderer.js';
import { SIDE } from '../playback/frame_decoder.js';
import { Screen } from '../playback/player_view.js';
import { faded } from './fading.js';
import { levelAt } from './noise_levels.js';
import { drawField } from './vector_field.js';

const RADII = [1, 2, 3]; // standard deviations of N(0, I)
const TRAILS = 60; // trajectories that are drawn

// What a particle of the handful is called: a number might be taken for the digit.
export const letterOf = (index) => String.fromCharCode(65 + index);

export class ParticleDrawing extends Screen {
  drawGhosts(context, radius) {
    const { places, labels } = this.ghosts;
    context.globalAlpha = 0.35;
    labels.forEach((label, index) => {
      context.fillStyle = this.colours[label];
      context.beginPath();
      context.arc(...this.pixelOf(places, index), radius, 0, 2 * Math.PI);
      context.fill();
    });
    context.globalAlpha = 1;
  }

  // N(0, I), that all becomes.
  drawPrior(context) {
    const { unit, height, scale } = this.layout;
    context.save();
    [context.strokeStyle, context.fillStyle, context.lineWidth] = [NEUTRAL, this.style.ink, 1.5 * scale];
    context.font = `${15 * scale}px ${this.style.font}`;
    [context.textAlign, context.textBaseline] = ['center', 'top'];
    for (const radius of RADII) {
      const [x, y] = this.layout.pixelOf([0, 0]);
      context.setLineDash([8 * scale, 6 * scale]);
      context.beginPath();
      context.arc(x, y, radius * unit, 0, 2 * Math.PI);
      context.stroke();
      const name = radius === RADII.at(-1) ? `N(0, I), ${radius} sigma` : `${radius} sigma`;
      if (unit > 30 * scale || radius === RADII.at(-1)) context.fillText(name, x, Math.min(y + radius * unit + 3, height - 17 * scale));
    }
    context.restore();
  }

  // Drawing

  draw() {
    if (!this.layout || !this.frames.length) return;
    this.movePlaces();
    this.fading = this.colours.map((colour) => faded(colour, this.noise.alpha ** 2));
    this.words = this.fading.map(wordOf);
    this.splats.draw(this.shown, this.labels, this.words, this.layout.map, this.ratio);
    this.splats.drawOver(this.ratio, (context) => {
      if (this.find('.trails input').checked) this.drawTrails(context);
      if (this.arrows && this.find('.field input').checked) this.drawArrows(context);
      this.drawRings(context);
    });
    this.drawDigits();
    this.drawTags();
    this.drawNow();
  }

  pixelOf(places, particle) {
    return this.layout.pixelOf([places[2 * particle], places[2 * particle + 1]]);
  }

  drawTrails(context) {
    const { data } = this;
    const until = this.index + 1;
    context.lineJoin = 'round';
    for (let particle = 0; particle < Math.min(TRAILS, this.labels.length); particle++) {
      [context.strokeStyle, context.lineWidth] = [this.fading[this.labels[particle]], (particle < data.handful ? 2.5 : 1.2) * this.scale];
      context.beginPath();
      for (let step = 0; step < until; step++) {
        if (data.forward) {
          const level = levelAt(data.times[step], data.schedule, data.greatest);
          const alpha = 1 / Math.hypot(1, level);
          const place = [0, 1].map((axis) => alpha * (this.ways[0][2 * particle + axis] + level * this.ways[1][2 * particle + axis]));
          context.lineTo(...this.layout.pixelOf(place));
        } else context.lineTo(...this.pixelOf(this.ways[step], particle));
      }
      context.lineTo(...this.pixelOf(this.shown, particle));
      context.stroke();
    }
  }

  // The score of the noisy codes at this time, on a grid; each arrow as long as a cell at most.
  drawArrows(context) {
    const { size, half, times } = this.data.arrows;
    const nearest = times.reduce((best, time, index) => (Math.abs(time - this.noise.time) < Math.abs(times[best] - this.noise.time) ? index : best), 0);
    const field = this.arrows.subarray(nearest * size * size * 2, (nearest + 1) * size * size * 2);
    drawField(context, field, size, half, this.layout, this.style, this.scale);
  }

  // The handful that is decoded, lettered.
  drawRings(context) {
    const { handful } = this.data;
    const radius = 11 * this.scale;
    context.font = `bold ${14 * this.scale}px ${this.style.font}`;
    [context.textAlign, context.textBaseline] = ['center', 'middle'];
    for (let particle = handful - 1; particle >= 0; particle--) {
      const label = this.labels[particle];
      const [x, y] = this.pixelOf(this.shown, particle);
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      [context.fillStyle, context.strokeStyle, context.lineWidth] = [this.fading[label], 'white', 2 * this.scale];
      context.fill();
      context.stroke();
      context.fillStyle = this.inkOf(particle);
      context.fillText(letterOf(particle), x, y + this.scale);
    }
  }

  // On the images, in the colours that their particles have.
  drawTags() {
    this.tags.forEach((tag, particle) => {
      [tag.style.background, tag.style.color] = [this.fading[this.labels[particle]], this.inkOf(particle)];
    });
  }

  inkOf(particle) {
    return this.noise.alpha ** 2 < 0.5 ? 'black' : this.inks[this.labels[particle]];
  }

  drawDigits() {
    const step = this.nearest;
    if (this.drawn.digits === step || !this.tiles.complete || !this.tiles.naturalWidth) return;
    this.drawn.digits = step;
    this.digits.forEach((context, index) => context.drawImage(this.tiles, index * SIDE, step * SIDE, SIDE, SIDE, 0, 0, SIDE, SIDE));
  }

  drawNow() {
    const { time, level, alpha, sigma } = this.noise;
    const slider = this.find('.slider');
    slider.value = this.place;
    slider.style.setProperty('--done', `${(100 * this.place) / Math.max(this.last, 1)}%`);
    slider.setAttribute('aria-valuetext', `time ${time.toFixed(2)}`);
    this.say('.time b', time.toFixed(2));
    this.say('.level b', level < 10 ? level.toFixed(2) : level.toFixed(1));
    this.say('.shares', `z\u209c = ${alpha.toFixed(2)} u + ${sigma.toFixed(2)} \u03b5`);
    const { forward, steps, times } = this.data;
    const step = Math.round(steps * (forward ? times[this.nearest] : 1 - times[this.nearest]));
    this.say('.step', `step ${step.toLocaleString('en')} of ${steps.toLocaleString('en')}`);
  }
}
