// Plays an interpolation between two latent points, there and back, and tells the page where it is.
//
// The frames come as one picture for each canvas, side by side. Only decoded frames are shown, none are blended, and the
// place told is the one of the frame that is shown.

import { endedWithHost } from '../shared/lifecycle.js';

const SIDE = 28; // pixels of an image
const SECONDS = 3; // from A to B
const LONGEST_STEP = 0.1; // seconds; a tab that was hidden goes on where it was

const load = async (url) => {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
};

const placeAt = ([a, b], share) => a.map((coordinate, axis) => coordinate + share * (b[axis] - coordinate));

const makePlayer = (root) => {
  const canvases = [...root.querySelectorAll('canvas')];
  const button = root.querySelector('button');
  const slider = root.querySelector('input');
  // The way goes from 0 (A) over 1 (B) to 2 (A again).
  const player = { way: 0, frame: null, interpolation: null, received: null, request: null, before: null };
  const share = () => 1 - Math.abs(1 - player.way);

  const draw = (moved) => {
    const { rows, count, ends } = player.interpolation;
    const frame = Math.round(share() * (count - 1));
    if (frame === player.frame) return;
    player.frame = frame;
    canvases.forEach((canvas, row) =>
      canvas.getContext('2d').drawImage(rows[row], frame * SIDE, 0, SIDE, SIDE, 0, 0, SIDE, SIDE));
    slider.value = frame;
    slider.setAttribute('aria-valuetext', `${Math.round((100 * frame) / (count - 1))} percent of the way from A to B`);
    const place = placeAt(ends, frame / (count - 1));
    window.dispatchEvent(new CustomEvent('vae-travel', { detail: { place, moved } }));
  };

  const step = (now) => {
    const passed = Math.min((now - (player.before ?? now)) / 1000, LONGEST_STEP);
    player.before = now;
    player.way = (player.way + passed / SECONDS) % 2;
    draw(true);
    player.request = requestAnimationFrame(step);
  };

  const name = (word) => {
    button.setAttribute('aria-label', word);
    button.querySelector('span').textContent = word;
    button.classList.toggle('playing', word === 'Pause');
  };
  const play = () => {
    player.before = null;
    player.request = requestAnimationFrame(step);
    name('Pause');
  };
  player.pause = () => {
    cancelAnimationFrame(player.request);
    player.request = null;
    name('Play');
  };

  // The last picture stays until both of the next are there.
  player.receive = async (data) => {
    const received = JSON.stringify(data);
    if (received === player.received) return;
    player.received = received;
    const rows = await Promise.all([load(data.along), load(data.faded)]);
    if (received !== player.received) return;
    player.interpolation = { rows, count: data.count, ends: data.ends };
    player.frame = null;
    slider.max = data.count - 1;
    draw(false);
  };

  button.onclick = () => {
    if (player.request !== null) player.pause();
    else if (player.interpolation) play();
  };
  slider.oninput = () => {
    player.pause();
    if (!player.interpolation) return;
    player.way = slider.value / slider.max;
    draw(true);
  };
  return player;
};

export default function (component) {
  const { data, parentElement } = component;
  const host = parentElement.host ?? parentElement;
  host.interpolation ??= makePlayer(parentElement);
  host.interpolation.receive(data);
  return endedWithHost(host, 'interpolation', (interpolation) => {
    interpolation.pause();
    interpolation.received = null;
  });
}
