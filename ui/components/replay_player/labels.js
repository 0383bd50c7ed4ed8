// Where the classes' names stand: at the middles of their clusters, or beside them where there is no room.
//
// Before training all codes lie in one spot. There the names make a ring around it, and they go inwards as the codes unfold.

import { clamp } from '../playback/playback.js';

const ROUNDS = 24; // of moving names apart
const CROWDED = [10, 40]; // pixels of spread: below the first a full ring, above the second none
const LEADER = 12; // pixels; a name that stands farther from its middle has a line to it
const MOST_PARTED = 30; // names

// Pixels for names whose middles are at `places` (null: not shown), of `sizes`, on a plot of some width and height; the codes'
// spread is in pixels too.
export const standing = (places, sizes, spread, { width, height }) => {
  const shown = places.map((place, label) => place && { place: [...place], size: sizes[label] });
  const all = shown.filter(Boolean);
  if (!all.length || all.length > MOST_PARTED) return places;
  const centre = [0, 1].map((axis) => all.reduce((sum, { place }) => sum + place[axis], 0) / all.length);
  const ring = clamp((CROWDED[1] - spread) / (CROWDED[1] - CROWDED[0]), 0, 1);
  const room = all.reduce((sum, { size }) => sum + size[0] + size[1], 0) / 11; // a ring's radius: 2 pi of it hold the names
  const radius = ring * (room + spread);
  for (let round = 0; round < ROUNDS; round++) {
    let moved = false;
    for (const one of all) moved = leave(one.place, centre, radius) || moved;
    for (let i = 0; i < all.length; i++) for (let j = 0; j < i; j++) moved = part(all[i], all[j], ring > 0) || moved;
    if (!moved) break;
  }
  return shown.map((one) => one && inside(one, width, height));
};

const inside = ({ place: [x, y], size: [wide, high] }, width, height) => [
  clamp(x, wide / 2, Math.max(width - wide / 2, wide / 2)),
  clamp(y, high / 2, Math.max(height - high / 2, high / 2)),
];

// Out of a circle.
const leave = (place, centre, radius) => {
  const [dx, dy] = [place[0] - centre[0], place[1] - centre[1]];
  const distance = Math.hypot(dx, dy);
  if (distance >= radius - 0.5) return false;
  const grow = radius / Math.max(distance, 1e-6);
  [place[0], place[1]] = [centre[0] + dx * grow, centre[1] + dy * grow];
  return true;
};

// Two names that overlap: along the line between them where they stand in a ring, else the shortest way.
export const part = (a, b, alongLine) => {
  const [dx, dy] = [a.place[0] - b.place[0], a.place[1] - b.place[1]];
  const over = [0, 1].map((axis) => (a.size[axis] + b.size[axis]) / 2 - Math.abs(axis ? dy : dx));
  if (over[0] <= 0.5 || over[1] <= 0.5) return false;
  const distance = Math.hypot(dx, dy);
  const shortest = Math.min(...over) / 2;
  const way = alongLine && distance > 1e-6 ? [dx / distance, dy / distance] : over[0] < over[1] ? [dx < 0 ? -1 : 1, 0] : [0, dy < 0 ? -1 : 1];
  for (const axis of [0, 1]) {
    a.place[axis] += way[axis] * shortest;
    b.place[axis] -= way[axis] * shortest;
  }
  return true;
};

// Lines from middles to names that do not stand on them.
export const drawLeaders = (context, from, to, colours, width) => {
  from.forEach((place, label) => {
    if (!place || Math.hypot(place[0] - to[label][0], place[1] - to[label][1]) < LEADER) return;
    [context.strokeStyle, context.lineWidth] = [colours[label], width];
    context.beginPath();
    context.moveTo(...place);
    context.lineTo(...to[label]);
    context.stroke();
  });
};
