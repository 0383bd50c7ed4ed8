// Particles between noise and codes: dots, decoded images, arrows and trajectories move together, and the server is asked for
// nothing meanwhile. `described` in ui/components/particle_player/particle_player.py says what it says.
//
// `place` counts the steps of the chain that are shown. Forward, z_t = alpha u + sigma epsilon holds at every place; backward,
// between two steps, dots are on a straight line from the one to the other, and numbers and digits are those of the nearest.

import { endedWithHost } from '../shared/lifecycle.js';
import { cssOf } from '../shared/theme.js';
import { SIDE, STEPS, blend } from '../playback/frame_decoder.js';
import { Layout, drawAxes, drawZeros } from '../playback/axes.js';
import { attend, element } from '../playback/player_view.js';
import { bytesOf } from '../shared/bytes.js';
import { levelAt } from './noise_levels.js';
import { ParticleDrawing, letterOf } from './particle_drawing.js';

const SECONDS = 10; // of a whole way at speed 1

// Numbers from -reach to reach, each as two bytes, the low one first.
const numbersOf = (text, reach) => {
  const bytes = bytesOf(text);
  return Float32Array.from({ length: bytes.length / 2 }, (_, index) => {
    const step = bytes[2 * index] + 256 * bytes[2 * index + 1];
    return ((step / STEPS) * 2 - 1) * reach;
  });
};

class Particles extends ParticleDrawing {
  constructor(root) {
    super(root, 'step');
    this.listen();
  }

  // What the server says

  update(data) {
    const another = this.data?.film !== data.film;
    const goOn = another && this.playing;
    if (another) this.pause(false); // while its data are still those of its frames
    this.data = data;
    if (another) this.begin();
    if (goOn) this.play();
    this.fill();
    this.layOut();
  }

  begin() {
    const { data } = this;
    this.frames = data.levels.map((_, index) => ({ id: String(index), at: index, epoch: index }));
    this.labels = bytesOf(data.labels);
    this.shown = new Float32Array(2 * this.labels.length);
    const places = numbersOf(data.places, data.reach);
    const each = this.shown.length;
    this.ways = Array.from({ length: places.length / each }, (_, index) => places.subarray(index * each, (index + 1) * each));
    this.arrows = data.arrows && numbersOf(data.arrows.values, data.arrows.reach);
    this.ghosts = data.ghosts && { places: numbersOf(data.ghosts.places, data.ghosts.reach), labels: bytesOf(data.ghosts.labels) };
    this.tiles = new Image();
    this.tiles.onload = () => this.drawSoon();
    this.tiles.src = data.tiles;
    this.place = 0;
    this.drawn = {};
    this.fillNames();
  }

  unpackedAt(index) {
    return this.frames[index];
  }

  load() {}

  // What stands still is a step: the digits are decoded where the particles are then. Nobody has to hear of it.
  tell() {
    this.seek(this.nearest);
  }

  get seconds() {
    return SECONDS / Math.max(this.last, 1) / this.speed;
  }

  // What the place means

  get nearest() {
    return Math.round(this.place);
  }

  get at() {
    return this.still.matches ? this.nearest : this.place;
  }

  // Noise level s, time t, and alpha and sigma.
  get noise() {
    const { forward, levels, times, schedule, greatest } = this.data;
    const [from, to] = [Math.floor(this.at), Math.ceil(this.at)];
    const time = forward ? times[from] + (this.at - from) * (times[to] - times[from]) : times[this.nearest];
    const level = forward ? levelAt(time, schedule, greatest) : levels[this.nearest];
    const alpha = 1 / Math.hypot(1, level);
    return { time, level, alpha, sigma: level * alpha };
  }

  movePlaces() {
    if (this.data.forward) {
      const { alpha, sigma } = this.noise;
      const [codes, epsilon] = this.ways;
      for (let i = 0; i < this.shown.length; i++) this.shown[i] = alpha * codes[i] + sigma * epsilon[i];
      return;
    }
    const [from, to] = [Math.floor(this.at), Math.ceil(this.at)];
    blend(this.ways[from], this.ways[to], this.at - from, this.shown);
  }

  // What stands on the page

  fillNames() {
    const { names, colours, handful } = this.data;
    this.find('.legend').replaceChildren();
    names.forEach((name, label) => {
      const item = element('span', { title: name }, this.find('.legend'));
      element('i', { style: `background:${cssOf(colours[label])}` }, item);
      element('span', { textContent: name }, item);
    });
    this.find('.digits').replaceChildren();
    this.digits = Array.from({ length: handful }, (_, index) => {
      const figure = element('figure', {}, this.find('.digits'));
      const canvas = element('canvas', { width: SIDE, height: SIDE }, figure);
      canvas.setAttribute('role', 'img');
      canvas.setAttribute('aria-label', `Particle ${letterOf(index)}, the image expected at the nearest step`);
      element('figcaption', { textContent: letterOf(index) }, figure);
      return canvas.getContext('2d');
    });
    this.tags = this.root.querySelectorAll('.digits figcaption');
  }

  fill() {
    const { data } = this;
    const title = this.playing ? 'Pause' : data.forward ? 'Add noise' : 'Remove noise';
    this.find('.play').classList.toggle('playing', this.playing);
    this.find('.play span').textContent = title;
    this.find('.slider').max = this.last;
    this.find('.sense').textContent = data.sense;
    this.find('.notes').replaceChildren(...data.notes.map((note) => Object.assign(document.createElement('p'), { innerHTML: note })));
    this.find('.field').hidden = !data.arrows;
    this.find('.ghosts').hidden = !data.ghosts;
    this.explainArrows();
  }

  explainArrows() {
    this.find('.arrows').hidden = !this.data.arrows || !this.find('.field input').checked;
  }

  get canPlay() {
    return this.last > 0;
  }

  // Sizes

  layOut() {
    const figure = this.find('.plane');
    if (!this.measure(figure)) return;
    const asked = [figure.clientWidth, figure.clientHeight, this.ratio, this.scale, this.data.extent, this.data.axes, ...Object.values(this.style), this.labels.length, this.data.ghosts?.places].join();
    if (this.drawn.asked !== asked) {
      this.drawn.asked = asked;
      this.layout = new Layout(figure.clientWidth, figure.clientHeight, this.scale, this.data);
      const { left, top, width, height } = this.layout;
      this.find('.points').style.cssText = `left:${left}px;top:${top}px;width:${width}px;height:${height}px`;
      const radius = (this.labels.length < 1500 ? 4 : 2.5) * this.ratio * this.scale;
      this.splats.resize(Math.round(width * this.ratio), Math.round(height * this.ratio), radius);
      drawAxes(this.sized('.axes', figure), this.layout, this.data, this.style);
      this.drawGround();
    }
    this.draw();
  }

  // Below the particles: the page's colour, the codes they came from or go to, the lines at zero.
  drawGround() {
    const { width, height, unit } = this.layout;
    this.splats.setGround(this.ratio, (context) => {
      context.fillStyle = this.style.paper;
      context.fillRect(0, 0, width + 1, height + 1);
      if (this.ghosts && this.find('.ghosts input').checked) this.drawGhosts(context, Math.max(1.5, unit / 45));
      drawZeros(context, this.layout);
      this.drawPrior(context);
    });
  }

  // Hands

  listen() {
    const slider = this.find('.slider');
    this.listenToTransport();
    this.find('.ghosts input').onchange = () => {
      this.drawGround();
      this.drawSoon();
    };
    this.find('.trails input').onchange = () => this.drawSoon();
    this.find('.field input').onchange = () => {
      this.explainArrows();
      this.drawSoon();
    };
    slider.oninput = () => {
      this.pause(false);
      this.seek(Number(slider.value));
    };
    slider.onchange = () => this.settle();
  }
}

const LOOKS_APART = 250; // milliseconds; themes and sizes change without a word

export default function (component) {
  const { data, parentElement } = component;
  const host = parentElement.host ?? parentElement;
  if (!host.particles) {
    host.particles = new Particles(parentElement);
    host.particles.stop = attend(host.particles, ['.plane'], (particles) => particles.fitHeight(), LOOKS_APART);
    window.vaeParticles = host.particles; // for whoever measures it
  }
  host.particles.update(data);
  return endedWithHost(host, 'particles', (particles) => {
    particles.stop();
    if (window.vaeParticles === particles) delete window.vaeParticles;
  });
}
