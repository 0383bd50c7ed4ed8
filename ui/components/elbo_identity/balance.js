// Both sides of the equation as columns: the whole, what is taken off its top, and what is left, which is the ELBO twice.

import { number, roundStep, ticksWithin } from '../shared/ticks.js';
import { signed } from './numbers.js';

const RUNGS = Array.from({ length: 24 }, (_, step) => 5 * 2 ** step);
const TICKS = 6; // about so many
const WIDTH = 0.62; // of a column, where two share the width

// From where to where the axis reaches: on either side of log p(x) the lowest rung that shows all there is, with room for
// a label; so it stands still while q moves.
export const axisRange = ({ evidence, gap, reconstruction, kl }) => {
  const below = evidence - Math.min(evidence - gap, reconstruction - kl);
  const above = reconstruction - evidence;
  const rung = (needed) => RUNGS.find((each) => each >= needed) ?? needed;
  return [evidence - rung(below / 0.7), evidence + rung(Math.max(above / 0.8, below / 12))];
};

const column = (middle, y, bottom, { name, whole, rest, colour, taken, wide }) => `
  <rect x="${middle - wide / 2}" y="${y(rest)}" width="${wide}" height="${Math.max(y(bottom) - y(rest), 0)}" style="fill: var(--${colour})"/>
  <rect x="${middle - wide / 2}" y="${Math.min(y(whole), y(rest))}" width="${wide}" height="${Math.abs(y(rest) - y(whole))}"
    fill="url(#${taken})" style="stroke: var(--${taken})" stroke-width="2.5"/>
  <text class="name" x="${middle}" y="${y(whole) - 8}" style="fill: var(--${colour})">${name}</text>
  <text class="rest" x="${middle}" y="${(y(rest) + y(bottom)) / 2 - 6}">= ELBO<tspan x="${middle}" dy="1.25em">${signed(rest)}</tspan></text>`;

const hatching = (name) => `<pattern id="${name}" width="9" height="9" patternUnits="userSpaceOnUse"
  patternTransform="rotate(45)"><rect width="4" height="9" style="fill: var(--${name})"/></pattern>`;

export const drawBalance = (svg, terms) => {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const { clientWidth: width, clientHeight: height } = svg;
  const [left, right, top, foot] = [4.6 * rem, width - 4, 0.5 * rem, height - 3.3 * rem];
  const [low, high] = axisRange(terms);
  const y = (value) => foot - ((value - low) / (high - low)) * (foot - top);
  const wide = ((right - left) / 2) * WIDTH;
  const middles = [0.25, 0.75].map((share) => left + share * (right - left));
  const sides = [
    { name: 'log p(x)', whole: terms.evidence, rest: terms.evidence - terms.gap, colour: 'evidence', taken: 'gap' },
    {
      name: 'E<tspan class="index" dy="0.3em">q</tspan><tspan dy="-0.3em">[log p(x|z)]</tspan>',
      whole: terms.reconstruction, rest: terms.reconstruction - terms.kl, colour: 'reconstruction', taken: 'kl',
    },
  ];
  const [first, second] = sides.map(({ rest }) => y(rest));
  svg.innerHTML = `<defs>${hatching('gap')}${hatching('kl')}</defs>
    ${ticksWithin(low, high, roundStep((high - low) / TICKS)).map((value) => `<line class="grid" x1="${left}" x2="${right}" y1="${y(value)}" y2="${y(value)}"/>
      <text class="tick" x="${left - 8}" y="${y(value)}" dy="0.35em">${number(value)}</text>`).join('')}
    <text class="title" transform="translate(${rem}, ${(top + foot) / 2}) rotate(-90)">nats</text>
    ${sides.map((side, index) => column(middles[index], y, low, { ...side, wide })).join('')}
    <line class="elbo" x1="${middles[0] - wide / 2}" x2="${middles[0] + wide / 2}" y1="${first}" y2="${first}"/>
    <line class="elbo" x1="${middles[1] - wide / 2}" x2="${middles[1] + wide / 2}" y1="${second}" y2="${second}"/>
    <line class="elbo between" x1="${middles[0] + wide / 2}" x2="${middles[1] - wide / 2}" y1="${first}" y2="${second}"/>
    <line class="axis" x1="${left}" x2="${right}" y1="${foot}" y2="${foot}"/>
    <text class="side" x="${middles[0]}" y="${foot + 1.3 * rem}">left side</text>
    <text class="side" x="${middles[1]}" y="${foot + 1.3 * rem}">right side</text>
    <text class="base" x="${(left + right) / 2}" y="${foot + 2.8 * rem}">The columns start at ${signed(low, 0)} nats.</text>`;
};
