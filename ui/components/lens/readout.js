// What the lens shows: an image, the z that it belongs to, and a few words on it.

import { SIDE, Screen } from './atlas.js';

const SILENCE = 'the server did not answer: click again';

const signed = (value) => value.toFixed(2).replace('-', '\u2212').padStart(5, '\u2007');

export const nameOf = ([a, b], { names, strip, latent }) => {
  if (strip) return `z = ${signed(a)}`;
  return latent === 2 ? `z = (${signed(a)}, ${signed(b)})` : `${names[0]} ${signed(a)}, ${names[1]} ${signed(b)}`;
};

export class Readout {
  constructor(root) {
    this.screen = new Screen(root.querySelector('.decoded'));
    this.figure = root.querySelector('figure');
    this.original = this.figure.querySelector('canvas').getContext('2d');
    this.caption = this.figure.querySelector('figcaption');
    [this.where, this.what, this.said] = ['.where', '.what', '.said'].map((name) => root.querySelector(name));
    this.silent = false; // whether a click was left without an answer
  }

  // Where the next image is written.
  get grey() {
    return this.screen.grey;
  }

  showGrey(drawn) {
    if (!drawn) this.grey.fill(0);
    this.screen.show();
  }

  showImage(image) {
    this.screen.context.drawImage(image, 0, 0, SIDE, SIDE);
  }

  // The original of this number, where there is one.
  showOriginal(originals, number) {
    const drawn = number !== null && Boolean(originals?.draw(this.original, number, 0, 0, SIDE));
    this.figure.classList.toggle('shown', drawn);
    if (drawn) this.caption.textContent = `image ${number.toLocaleString('en')}`;
  }

  say(place, plane, words) {
    this.where.textContent = nameOf(place, plane);
    this.what.textContent = this.silent ? SILENCE : words;
  }

  // For those who listen. What merely follows the pointer would never let them hear the end of it.
  tell(words = `${this.where.textContent}, ${this.what.textContent}`) {
    this.said.textContent = words;
  }

  giveUp() {
    this.silent = true;
    this.what.textContent = SILENCE;
    this.tell(SILENCE);
  }
}
