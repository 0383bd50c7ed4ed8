// The place in a film of frames and how it moves on. Whoever extends this shows it: `draw` what moves, `fill` the controls,
// `fillTicks` which frames are here.
//
// `place` counts frames: 2.5 is half the way from the third to the fourth.

import { unpackFrame } from './frame_decoder.js';

const FILM_SECONDS = 12; // at speed 1, where a frame then lasts neither longer nor shorter than these:
const FRAME_SECONDS = [0.25, 1];
const LONGEST_STEP = 0.1; // seconds; a tab that was hidden goes on where it was
const END_SECONDS = 1; // before the film begins anew
const ASKS_APART = 1000; // milliseconds; for a picture that did not arrive

export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// For a picture that the network lost; who shows it looks by itself whether it came.
const askAgain = (image) => {
  const now = performance.now();
  if (now - (image.asked ?? -Infinity) < ASKS_APART) return;
  image.asked = now;
  image.src = image.src;
};

export class Player {
  constructor() {
    Object.assign(this, { place: 0, frames: [], unpacked: new Map(), speed: 1, looping: false, playing: false });
  }

  // Frames

  get last() {
    return Math.max(this.frames.length - 1, 0);
  }

  get atEnd() {
    return this.place >= this.last;
  }

  get canPlay() {
    return this.last > 0 || this.data.active;
  }

  // The frame passed last.
  get index() {
    return Math.min(Math.floor(this.place + 1e-6), this.last);
  }

  // The place in epochs, and back.
  get epochs() {
    const [from, to] = [this.frames[this.index], this.frames[Math.min(this.index + 1, this.last)]];
    return from ? from.at + (this.place - this.index) * (to.at - from.at) : 0;
  }

  placeOf(epochs) {
    const next = this.frames.findIndex((frame) => frame.at > epochs);
    if (next < 0) return this.last;
    if (next === 0) return 0;
    const [from, to] = [this.frames[next - 1].at, this.frames[next].at];
    return next - 1 + (epochs - from) / (to - from);
  }

  // Unpack what is there and not yet unpacked, the frame on the screen first.
  async load() {
    if (this.loading) return;
    this.loading = true;
    try {
      for (let frame = this.wanted(); frame; frame = this.wanted()) {
        const unpacked = await unpackFrame(frame.image, frame, this.labels, this.data.names.length);
        if (!this.frames.some(({ id }) => id === frame.id)) continue; // another run is looked at by now
        this.unpacked.set(frame.id, unpacked);
        this.fillTicks();
        this.drawSoon();
      }
    } finally {
      this.loading = false;
    }
  }

  wanted() {
    const order = [this.index, this.index + 1, ...this.frames.keys()];
    for (const frame of order.map((index) => this.frames[index])) {
      if (!frame || this.unpacked.has(frame.id)) continue;
      const image = document.querySelector(`.st-key-frames img[alt="${CSS.escape(frame.id)}"]`);
      if (!image?.complete) continue;
      if (image.naturalWidth) return { ...frame, image };
      askAgain(image);
    }
    return null;
  }

  unpackedAt(index) {
    return this.unpacked.get(this.frames[index]?.id);
  }

  // Time

  get seconds() {
    return clamp(FILM_SECONDS / Math.max(this.last, 1), ...FRAME_SECONDS) / this.speed;
  }

  play() {
    if (this.playing || !this.canPlay) return;
    if (this.atEnd && !this.data.active) this.place = 0; // of a training, what comes next is awaited
    Object.assign(this, { playing: true, before: null, waited: 0 });
    this.request = requestAnimationFrame((now) => this.step(now));
    this.fill();
  }

  pause(tell = true) {
    if (!this.playing) return;
    cancelAnimationFrame(this.request);
    this.playing = false;
    this.fill();
    this.draw();
    if (tell) this.tell();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  step(now) {
    const passed = Math.min((now - (this.before ?? now)) / 1000, LONGEST_STEP);
    this.before = now;
    this.advance(passed);
    this.draw();
    if (this.playing) this.request = requestAnimationFrame((later) => this.step(later));
  }

  advance(passed) {
    if (!this.unpackedAt(this.index)) return; // it is on its way
    if (!this.atEnd) {
      if (this.unpackedAt(this.index + 1)) this.place = Math.min(this.place + passed / this.seconds, this.last);
      this.waited = 0;
      return;
    }
    this.waited += passed;
    if (this.looping && this.waited > END_SECONDS) this.place = this.waited = 0;
    else if (!this.looping && !this.data.active) this.pause();
  }

  // Go to a place; what plays goes on from there.
  seek(place) {
    this.place = clamp(place, 0, this.last);
    this.waited = 0;
    this.drawSoon();
    this.load();
  }

  // To the next or the previous frame, or on to it from in between.
  nudge(frames) {
    this.pause(false);
    this.seek(frames > 0 ? Math.floor(this.place + 1e-6) + frames : Math.ceil(this.place - 1e-6) + frames);
    this.tell();
  }

  // What stands still after a seek is a frame.
  settle() {
    if (this.playing) return;
    this.seek(Math.round(this.place));
    this.tell();
  }

  // The address is the server's: it hears where the film stands still, and of nothing in between.
  tell() {
    const epoch = this.frames[this.index]?.epoch;
    if (epoch !== undefined && epoch !== this.told) this.send?.((this.told = epoch));
  }

  drawSoon() {
    if (this.drawing || this.playing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = null;
      this.draw();
    });
  }
}
