// A particle's colour: its class's as far as it is signal, grey as far as it is noise.

import { NEUTRAL } from '../playback/axes.js';

const channelsOf = (colour) => [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));

// "#rrggbb" with a share of the colour from 0 to 1, the rest grey.
export const faded = (colour, share) => {
  const [own, grey] = [channelsOf(colour), channelsOf(NEUTRAL)];
  return `#${own.map((value, index) => Math.round(share * value + (1 - share) * grey[index]).toString(16).padStart(2, '0')).join('')}`;
};
