// The replay's screen: how large everything is, and what a place in the film looks like.
//
// Between two frames dots and names are on their way from the one to the other; epoch, figures and manifold are those of the
// frame that was passed last.

import { blend, mosaicOf } from '../playback/frame_decoder.js';
import { Layout, drawAxes, drawMosaicUnder, drawZeros } from '../playback/axes.js';
import { drawLeaders, part, standing } from './labels.js';
import { drawTrail } from './trail.js';
import { Panels, drawLines } from './curve_panels.js';
import { coloursAt, cssOf, painted } from '../shared/theme.js';
import { clamp } from '../playback/playback.js';
import { Screen, element } from '../playback/player_view.js';

const EASE = 0.12; // of the way to other axes, each time the screen is drawn
const GRID_EXTENT = 3; // `vae.latent.grid.make_grid`

const signed = (value, digits) => value.toFixed(digits).replace('-', '\u2212');

export class FilmRenderer extends Screen {
  constructor(root) {
    super(root, 'frame');
    this.hidden = new Set(); // classes
  }

  // Sizes

  // Fit everything to the sizes that the page gives it.
  layOut() {
    const figure = this.find('.plane');
    if (!this.measure(figure)) return;
    this.layOutPlane(figure);
    this.layOutCurves(this.find('.lines'));
    this.sizes = this.names.map((name) => {
      name.hidden = false;
      const size = [name.offsetWidth + 2, name.offsetHeight + 2];
      name.hidden = true;
      return size;
    });
    this.drawn = { plane: this.drawn.plane };
    this.draw();
  }

  layOutPlane(figure) {
    const asked = [figure.clientWidth, figure.clientHeight, this.ratio, this.scale, this.extent, ...Object.values(this.style)].join();
    if (this.drawn.plane === asked) return;
    this.drawn.plane = asked;
    this.layout = new Layout(figure.clientWidth, figure.clientHeight, this.scale, { ...this.data, extent: this.extent });
    const { left, top, width, height } = this.layout;
    for (const part of ['.points', '.names']) {
      this.find(part).style.cssText = `left:${left}px;top:${top}px;width:${width}px;height:${height}px`;
    }
    const [across, down] = [width, height].map((side) => Math.round(side * this.ratio));
    const radius = (this.labels.length < 1500 ? 4.5 : 2.5) * this.ratio * this.scale;
    this.splats.resize(across, down, radius);
    drawAxes(this.sized('.axes', figure), this.layout, this.data, this.style);
  }

  layOutCurves(figure) {
    const { curves, range } = this.data;
    this.find('.curves').hidden = !curves.length;
    this.panels = new Panels(figure.clientWidth, figure.clientHeight, this.scale, range, Math.max(curves.length, 1));
    drawLines(this.sized('.lines canvas', figure), this.panels, this.themed(curves), this.style);
    const heads = this.find('.heads');
    heads.replaceChildren();
    this.values = curves.map(({ name, colour }, panel) => {
      const head = element('p', { style: `color:${cssOf(colour)};top:${this.panels.step * panel}px` }, heads);
      element('span', { textContent: name }, head);
      return element('b', {}, head);
    });
    this.marks = curves.map(({ colour }) => element('i', { style: `background:${cssOf(colour)}` }, heads));
    const cursor = this.find('.cursor');
    const { top, bottom, head: above, step } = this.panels;
    [cursor.style.top, cursor.style.height] = [`${top}px`, `${bottom - top}px`];
    cursor.style.background = `repeating-linear-gradient(transparent 0 ${above}px, currentColor ${above}px ${step}px)`;
  }

  // Curves in the colours of the theme on the screen.
  themed(curves) {
    const theme = coloursAt(this.find('.plane'));
    return curves.map((curve) => ({ ...curve, colour: painted(curve.colour, theme) }));
  }

  // Drawing

  draw() {
    if (!this.layout || !this.frames.length) return;
    this.easeAxes();
    this.drawDots();
    this.drawNow();
  }

  // A training may outgrow its axes; they give way smoothly, and never without a new frame.
  easeAxes() {
    const far = this.data.extent - this.extent;
    if (!far) return;
    this.extent = Math.abs(far) < 1e-3 || this.still.matches ? this.data.extent : this.extent + EASE * far;
    this.layOutPlane(this.find('.plane'));
    this.drawSoon();
  }

  drawDots() {
    const from = this.unpackedAt(this.index);
    if (!from) return this.splats.empty && this.drawGround(null); // else the last picture stays until the next is there
    const to = this.unpackedAt(this.index + 1) ?? from;
    const share = this.still.matches ? 0 : this.place - this.index;
    blend(from.places, to.places, share, this.shown);
    this.drawGround(from);
    const colours = this.words.map((word, label) => (this.hidden.has(label) ? 0 : word));
    this.splats.draw(this.shown, this.labels, colours, this.layout.map, this.ratio);
    this.moveNames(from, to, share);
    this.drawFollowed();
    if (this.drawn.manifold !== from) this.drawManifold((this.drawn.manifold = from));
  }

  // Below the dots: the page's colour, the manifold if it is asked for, the lines at zero.
  drawGround(frame) {
    const under = this.find('.under input').checked && frame?.grey ? frame : null;
    if (this.drawn.layout === this.layout && this.drawn.under === under) return;
    Object.assign(this.drawn, { layout: this.layout, under });
    this.splats.setGround(this.ratio, (context) => {
      context.fillStyle = this.style.paper;
      context.fillRect(0, 0, this.layout.width + 1, this.layout.height + 1);
      if (under) drawMosaicUnder(context, this.layout, mosaicOf(under.grey, under.side), GRID_EXTENT);
      drawZeros(context, this.layout);
    });
  }

  drawManifold(frame) {
    const canvas = this.find('.manifold canvas');
    this.find('.manifold').classList.toggle('absent', !frame.grey);
    if (!frame.grey) return;
    if (canvas.width !== frame.side) canvas.width = canvas.height = frame.side;
    canvas.getContext('2d').drawImage(mosaicOf(frame.grey, frame.side), 0, 0);
  }

  moveNames(from, to, share) {
    const between = from.middles.map((place, label) => {
      if (!place || this.hidden.has(label)) return null;
      return this.layout.pixelOf(place.map((value, axis) => value + share * ((to.middles[label] ?? place)[axis] - value)));
    });
    const spread = (from.spread + share * (to.spread - from.spread)) * this.layout.unit;
    const places = this.data.strip ? between : standing(between, this.sizes, spread, this.layout);
    this.splats.drawOver(this.ratio, (context) => drawLeaders(context, between, places, this.colours, 2));
    this.names.forEach((name, label) => {
      name.hidden = !places[label];
      if (places[label]) name.style.transform = `translate(${places[label][0]}px, ${places[label][1]}px) translate(-50%, -50%)`;
    });
  }

  // The way of the followed dot, through those of its places that are here, to where it is.
  drawFollowed() {
    if (this.followed === null || this.hidden.has(this.labels[this.followed])) return;
    const before = this.frames.slice(0, this.index + 1).map((_, index) => this.unpackedAt(index)?.places);
    const places = [...before.filter(Boolean), this.shown];
    const points = places.map((each) => this.layout.pixelOf(each.subarray(2 * this.followed, 2 * this.followed + 2)));
    this.splats.drawOver(this.ratio, (context) => drawTrail(context, points, this.style, this.scale));
  }

  // Slider, cursor, epoch and figures.
  drawNow() {
    const { panels, epochs } = this;
    const frame = this.frames[this.index];
    const slider = this.find('.slider');
    slider.value = epochs;
    slider.style.setProperty('--done', `${100 * this.shareOf(epochs)}%`);
    this.find('.cursor').style.transform = `translateX(${panels.x(epochs)}px)`;
    this.say('.where', this.whereabouts());
    if (this.drawn.frame === frame) return;
    this.drawn.frame = frame;
    this.say('.epoch b', frame.word);
    slider.setAttribute('aria-valuetext', `epoch ${frame.word}`);
    this.data.curves.forEach(({ term, range }, panel) => {
      this.values[panel].textContent = signed(frame[term], 2);
      const y = panels.y(panel, clamp(frame[term], ...range), range);
      this.marks[panel].style.transform = `translate(${panels.x(frame.at)}px, ${y}px) translate(-50%, -50%)`;
    });
  }

  whereabouts() {
    if (!this.unpackedAt(this.index)) return 'on its way \u2026';
    if (this.playing && this.atEnd && this.data.active) return 'awaiting the next frame';
    if (this.place - this.index > 1e-3 && !this.still.matches) return `on the way to epoch ${this.frames[this.index + 1].word}`;
    return `frame ${this.index + 1} of ${this.frames.length}`;
  }

  shareOf(epochs) {
    const [first, last] = this.data.range;
    return (epochs - first) / Math.max(last - first, 1e-9);
  }
}
