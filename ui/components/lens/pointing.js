// What pointers and keys ask of the lens: to look at a place, or to pin it. The lens itself shows, draws and sends.

import { THUMBNAIL } from './originals.js';

const REACH = { mouse: 6, pen: 6, touch: 14 }; // pixels from a code that still mean this code
const STILL = 5; // a press that moves farther is a pan
const NUDGES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };
const PATIENCE = 5000; // milliseconds that a click waits for the server
export const UNDER = 'under the pointer';

export class Pointing {
  constructor() {
    this.press = null;
    this.pointer = null; // its pixel of the window, while it is on the plane
    this.asked = null; // the click that the server has not answered yet
  }

  // Whether a pointer is felt only where it touches: a finger, and a pen that was never seen to hover.
  touches({ pointerType }) {
    return pointerType === 'touch' || (pointerType === 'pen' && !this.penHovers);
  }

  onMove(event) {
    if (event.pointerType === 'pen' && !event.buttons) this.penHovers = true;
    if (!this.view) return;
    const mine = this.press || (this.view.holds(event.clientX, event.clientY) && this.container?.contains(event.target));
    if (!mine) return this.leave();
    this.pointer = [event.clientX, event.clientY];
    const place = this.view.placeAt(...this.pointer);
    this.show(place, UNDER);
    this.showOriginalAt(...this.pointer, this.reachOf(event));
    if (this.touches(event)) this.moveCursor(place, UNDER);
  }

  leave() {
    if (!this.pointer) return;
    this.pointer = null;
    this.settle();
  }

  // Out of the window no move will tell.
  onOut(event) {
    if (!event.relatedTarget && !this.press) this.leave();
  }

  moveCursor(place, words) {
    [this.state.cursor, this.words] = [place, words];
    this.drawOver();
  }

  onPress(event) {
    const mine = event.isPrimary && event.button === 0 && event.target.closest?.('.nsewdrag');
    this.press = mine && this.container?.contains(event.target) ? { x: event.clientX, y: event.clientY } : null;
    if (!this.press) return;
    this.look();
    if (this.touches(event)) this.onMove(event);
  }

  onRelease(event) {
    const { press } = this;
    this.letGo(event);
    if (!press || Math.hypot(event.clientX - press.x, event.clientY - press.y) > STILL || !this.look()) return;
    this.pin(event.clientX, event.clientY, this.reachOf(event));
  }

  // How far from a code a pointer still means it: a thumbnail is larger than a dot.
  reachOf({ pointerType }) {
    return Math.max(REACH[pointerType] ?? REACH.mouse, this.thumbnails ? THUMBNAIL / 2 : 0);
  }

  codeAt(x, y, reach) {
    return this.state.layers.includes('clusters') ? this.view.codeNear(x, y, reach) : null;
  }

  showOriginalAt(x, y, reach) {
    this.readout.showOriginal(this.originals, this.codeAt(x, y, reach)?.probe ?? null);
  }

  // A finger that is lifted is nowhere, and no move will tell.
  letGo(event) {
    this.press = null;
    if (this.touches(event)) this.pointer = null;
  }

  pin(clientX, clientY, reach) {
    const place = this.view.placeAt(clientX, clientY);
    const code = this.codeAt(clientX, clientY, reach);
    const picked = code ?? { place, probe: null };
    if (!picked.place.every(Number.isFinite)) return;
    this.hear();
    this.readout.silent = false;
    this.state.cursor = null;
    this.asked = { ...picked, click: Date.now(), timer: setTimeout(() => this.giveUp(), PATIENCE) };
    this.drawOver(); // the mark answers at once, the exact image as soon as the server has decoded it
    this.send({ ...picked, click: this.asked.click });
  }

  // The answer to a click is there; the server names the click, for the same z twice would tell nothing new.
  hear() {
    if (this.asked) clearTimeout(this.asked.timer);
    this.asked = null;
  }

  // No answer came: the mark goes back to what is pinned.
  giveUp() {
    this.hear();
    this.readout.giveUp();
    this.drawOver();
  }

  onKey(event) {
    if (document.activeElement !== this.container || !this.look()) return;
    const nudge = NUDGES[event.key];
    const from = this.state.cursor ?? this.asked?.place ?? this.state.place;
    if (nudge) {
      const step = (this.view.across[1] - this.view.across[0]) / (event.shiftKey ? 400 : 60);
      const axis = from.map((value, index) => this.view.scale.toAxis(value) + nudge[index] * step);
      const place = axis.map(this.view.scale.fromAxis);
      if (this.state.strip) place[1] = 0;
      this.pointer = null; // until it moves
      this.moveCursor(place, 'under the arrow keys');
      this.show(place, this.words);
      this.readout.tell();
    } else if (event.key === 'Enter') {
      const [x, y] = this.view.pixelOf(from);
      this.pointer = null;
      this.pin(this.view.left + x, this.view.top + y, 2);
    } else if (event.key === 'Escape') {
      this.pointer = null;
      this.moveCursor(null);
      this.rest();
      this.readout.tell();
    } else return;
    event.preventDefault();
  }

  // One finger moves the lens; Plotly would pan instead.
  onTouch(event) {
    if (event.touches.length === 1 && event.target.closest?.('.nsewdrag') && this.container?.contains(event.target)) {
      event.stopImmediatePropagation();
    }
  }
}
