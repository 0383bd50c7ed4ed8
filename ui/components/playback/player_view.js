// What the players of films have in common on the screen: sizes, canvases, buttons and keys.

import { Player } from './playback.js';
import { PointRenderer, wordOf } from './point_renderer.js';
import { coloursAt, painted } from '../shared/theme.js';

const BELOW = 34; // of the page below all this, in pixels at a root font of 17
const SPACE_IS_THEIRS = 'button, select, input[type=checkbox]'; // of what stands in here
const STEPS_OF_KEYS = { ArrowLeft: -1, ArrowDown: -1, PageDown: -5, ArrowRight: 1, ArrowUp: 1, PageUp: 5 };

export const element = (tag, properties, parent) => parent.appendChild(Object.assign(document.createElement(tag), properties));

// The sentences at the lower edge while a lesson is played; its keys are then Page Up and Page Down.
const lessonStrip = () => document.querySelector('.st-key-lesson_strip, .st-key-lesson_hidden');

// Pixels that are drawn for one of CSS.
const sharpness = () => Math.min(window.devicePixelRatio || 1, 2);

const buttonsOf = (unit) => `
  <button type="button" class="first" aria-label="To the first ${unit}" title="To the first ${unit} (Home)"><i></i></button>
  <button type="button" class="back" aria-label="One ${unit} back" title="One ${unit} back (left arrow)"><i></i></button>
  <button type="button" class="play" title="Play or pause (space)"><i></i><span>Play</span></button>
  <button type="button" class="forth" aria-label="One ${unit} on" title="One ${unit} on (right arrow)"><i></i></button>`;
const SPEEDS = `
  <select class="speed" aria-label="Speed" title="Speed">
    <option value="0.25">¼ ×</option><option value="0.5">½ ×</option><option value="1" selected>1 ×</option>
    <option value="2">2 ×</option><option value="4">4 ×</option>
  </select>`;

export class Screen extends Player {
  // What is played goes from `unit` to unit: frames, or steps.
  constructor(root, unit) {
    super();
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.find('.track').insertAdjacentHTML('beforebegin', buttonsOf(unit));
    this.find('.track').insertAdjacentHTML('afterend', SPEEDS);
    this.drawn = {}; // what the screen shows of what changes rarely
    this.splats = new PointRenderer(this.find('.points'));
    this.still = window.matchMedia('(prefers-reduced-motion: reduce)');
  }

  // Learn the page's sizes and colours; whether there is anything to draw on.
  measure(figure) {
    this.scale = parseFloat(getComputedStyle(document.documentElement).fontSize) / 17;
    this.fitHeight();
    if (!this.data || !figure.clientWidth || !figure.clientHeight) return false;
    const style = getComputedStyle(figure);
    this.style = { ink: style.color, paper: style.getPropertyValue('--st-background-color').trim() || '#ffffff', font: style.fontFamily };
    this.ratio = sharpness();
    this.paint();
    return true;
  }

  // The classes' colours and inks in the theme on the screen.
  paint() {
    const theme = coloursAt(this.find('.plane'));
    this.style.theme = theme.join();
    [this.colours, this.inks] = [this.data.colours, this.data.inks].map((words) => words.map((word) => painted(word, theme)));
    this.words = this.colours.map(wordOf);
  }

  get isPainted() {
    return !this.style || this.style.theme === coloursAt(this.find('.plane')).join();
  }

  // Down to the end of the screen, from wherever the page lets this begin.
  fitHeight() {
    const { host } = this.root;
    if (!this.data) return;
    const above = host.getBoundingClientRect().top + (host.closest('[data-testid="stMain"]')?.scrollTop ?? 0);
    const height = Math.floor(window.innerHeight - above - (lessonStrip()?.offsetHeight ?? 0) - BELOW * this.scale);
    this.find('.replay').style.setProperty('--replay', `${height}px`);
  }

  // A canvas as large as its figure, in CSS pixels.
  sized(selector, figure) {
    const canvas = this.find(selector);
    [canvas.width, canvas.height] = [figure.clientWidth, figure.clientHeight].map((side) => Math.round(side * this.ratio));
    canvas.style.cssText = `width:${figure.clientWidth}px;height:${figure.clientHeight}px`;
    const context = canvas.getContext('2d');
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    return context;
  }

  say(selector, words) {
    const place = this.find(selector);
    if (place.textContent !== String(words)) place.textContent = words;
  }

  listenToTransport() {
    this.find('.play').onclick = () => this.toggle();
    this.find('.first').onclick = () => this.nudge(-this.frames.length);
    this.find('.back').onclick = () => this.nudge(-1);
    this.find('.forth').onclick = () => this.nudge(1);
    this.find('.speed').onchange = (event) => (this.speed = Number(event.target.value));
  }

  // With the focus in here, or nowhere; and then not where half of the screen shows what stands below: the keys scroll there.
  hears(event) {
    if (event.composedPath().includes(this.root)) return true;
    const { bottom } = this.find('.replay').getBoundingClientRect();
    return event.target.matches?.('body, [data-testid="stMain"]') && bottom > window.innerHeight / 2;
  }

  onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented || !this.canPlay || !this.hears(event)) return;
    if (event.key.startsWith('Page') && lessonStrip()) return;
    const target = event.composedPath()[0];
    if (event.key === ' ' && !target.closest?.(SPACE_IS_THEIRS)) this.toggle();
    else if (target.closest?.('select')) return;
    else if (event.key in STEPS_OF_KEYS) this.nudge(STEPS_OF_KEYS[event.key]);
    else if (event.key === 'Home') this.nudge(-this.frames.length);
    else if (event.key === 'End') this.nudge(this.frames.length);
    else return;
    event.preventDefault();
  }
}

// Keys and sizes from now on, and a look every so many milliseconds. What it returns ends that.
export const attend = (screen, figures, look, milliseconds) => {
  const onKey = (event) => screen.onKey(event);
  const onResize = () => screen.layOut();
  const observer = new ResizeObserver(onResize);
  for (const figure of figures) observer.observe(screen.find(figure));
  window.addEventListener('keydown', onKey);
  window.addEventListener('resize', onResize);
  const timer = setInterval(() => {
    if (screen.ratio !== sharpness() || !screen.isPainted) screen.layOut(); // on another screen, or in another theme
    look(screen);
  }, milliseconds);
  return () => {
    screen.pause(false);
    observer.disconnect();
    window.removeEventListener('keydown', onKey);
    window.removeEventListener('resize', onResize);
    clearInterval(timer);
  };
};
