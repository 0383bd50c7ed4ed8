// Replays a training: dots, names, manifold, curves' cursor and figures move together, and the server is asked for nothing.
// Here is what the server says and what hands do.

import { endedWithHost } from '../shared/lifecycle.js';
import { cssOf } from '../shared/theme.js';
import { REACH, dotNear } from './trail.js';
import { attend, element } from '../playback/player_view.js';
import { bytesOf } from '../shared/bytes.js';
import { FilmRenderer } from './renderer.js';

class Replay extends FilmRenderer {
  constructor(root) {
    super(root);
    this.listen();
  }

  // What the server says: see `described` in ui/replay/film_panel.py.
  update(data) {
    const another = this.data?.film !== data.film;
    if (another) this.pause(false); // while its data are still those of its frames
    const epochs = another ? (data.epoch ?? Infinity) : this.epochs;
    this.data = data;
    this.frames = data.frames;
    if (another) this.begin();
    for (const id of this.unpacked.keys()) if (!this.frames.some((frame) => frame.id === id)) this.unpacked.delete(id);
    this.place = this.placeOf(epochs);
    this.fill();
    this.layOut();
    if (another && data.active && data.epoch === null) this.play();
    this.load();
  }

  // Another film: nothing of the last one is kept.
  begin() {
    this.labels = bytesOf(this.data.labels);
    this.shown = new Float32Array(2 * this.labels.length);
    this.unpacked.clear();
    this.hidden.clear();
    this.extent = this.data.extent;
    this.told = this.data.epoch;
    this.followed = this.data.probe < this.labels.length ? this.data.probe : null;
    this.splats.empty = true;
    this.drawn = {};
    this.fillNames();
  }

  // What stands on the page

  fillNames() {
    const { names, colours, inks } = this.data;
    this.find('.names').replaceChildren();
    this.find('.legend').replaceChildren();
    this.names = names.map((name, label) => {
      const style = `background:${cssOf(colours[label])};color:${cssOf(inks[label])}`;
      this.fillLegend(name, label, colours[label]);
      return element('b', { textContent: name, style, hidden: true }, this.find('.names'));
    });
  }

  fillLegend(name, label, colour) {
    const button = element('button', { type: 'button', title: `Hide or show ${name}` }, this.find('.legend'));
    element('i', { style: `background:${cssOf(colour)}` }, button);
    element('span', { textContent: name }, button);
    button.setAttribute('aria-pressed', true);
    button.onclick = () => {
      if (!this.hidden.delete(label)) this.hidden.add(label);
      button.setAttribute('aria-pressed', !this.hidden.has(label));
      this.drawSoon();
    };
  }

  // All that the server's word decides, and no frame.
  fill() {
    const { data } = this;
    this.find('.play').classList.toggle('playing', this.playing);
    this.find('.play').setAttribute('aria-label', this.playing ? 'Pause' : 'Play');
    this.find('.play span').textContent = this.playing ? 'Pause' : 'Play';
    for (const control of this.root.querySelectorAll('.transport button, .slider')) control.disabled = !this.canPlay;
    this.find('.epoch small').textContent = `of ${data.epochs}`;
    this.find('.manifold').hidden = !data.manifold;
    [this.find('.slider').min, this.find('.slider').max] = data.range;
    this.find('.notes').replaceChildren(...data.notes.map((note) => Object.assign(document.createElement('p'), { innerHTML: note })));
    this.fillTicks();
  }

  // Where the frames are on the slider; those still on their way are pale.
  fillTicks() {
    const ticks = this.find('.ticks');
    if (ticks.childElementCount !== this.frames.length) {
      ticks.replaceChildren();
      this.frames.forEach(() => element('i', {}, ticks));
    }
    this.frames.forEach((frame, index) => {
      ticks.children[index].style.left = `${100 * this.shareOf(frame.at)}%`;
      ticks.children[index].classList.toggle('there', this.unpacked.has(frame.id));
    });
  }

  // Hands

  listen() {
    const slider = this.find('.slider');
    this.listenToTransport();
    this.find('.under input').onchange = () => this.drawSoon();
    this.find('.loop').onclick = ({ currentTarget }) => {
      this.looping = !this.looping;
      currentTarget.setAttribute('aria-pressed', this.looping);
    };
    slider.oninput = () => this.goTo(Number(slider.value));
    slider.onchange = () => this.settle();
    this.listenToCurves(this.find('.lines'));
    this.find('.points').onclick = ({ offsetX, offsetY, pointerType }) => {
      if (!this.shown) return;
      const reach = REACH[pointerType] ?? REACH.mouse;
      const probe = dotNear(this.shown, this.labels, this.hidden, this.layout, offsetX, offsetY, reach);
      this.followed = probe === this.followed ? null : probe;
      this.drawSoon();
    };
  }

  goTo(epochs) {
    this.pause(false);
    this.seek(this.placeOf(epochs));
  }

  listenToCurves(figure) {
    const go = (event) => this.goTo(this.panels.epochAt(event.clientX - figure.getBoundingClientRect().left));
    figure.onpointerdown = (event) => {
      if (event.button !== 0 || !this.last) return;
      figure.setPointerCapture(event.pointerId);
      go(event);
    };
    figure.onpointermove = (event) => figure.hasPointerCapture(event.pointerId) && go(event);
    figure.onpointerup = figure.onpointercancel = () => this.last && this.settle();
  }
}

// Pictures arrive when they arrive, and themes and sizes change without a word: look now and then.
const LOOKS_APART = 120; // milliseconds

const look = (replay) => {
  replay.fitHeight();
  replay.load();
};

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const host = parentElement.host ?? parentElement;
  if (!host.replay) {
    host.replay = new Replay(parentElement);
    host.replay.stop = attend(host.replay, ['.plane', '.lines'], look, LOOKS_APART);
    window.vaeReplay = host.replay; // for whoever measures it
  }
  host.replay.send = (epoch) => setTriggerValue('rest', epoch);
  host.replay.update(data);
  return endedWithHost(host, 'replay', (replay) => {
    replay.stop();
    if (window.vaeReplay === replay) delete window.vaeReplay;
  });
}
