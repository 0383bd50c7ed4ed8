// E_q[log p(x|z)] for any Gaussian q with upright axes, from the image's values on two grids; `vae/evidence/log_likelihood_grids.py`
// makes them. Between the grids' points it takes polynomials, and integrates each axis under q by itself.

import { bytesOf } from '../shared/bytes.js';

const DEGREE = 5;
const TAPS = DEGREE + 1;
const REACH = 6.5; // standard deviations
const NODES = [48, 4000]; // along an axis, at least and at most

// The first of the points around place `t` (in spacings from the first point) and their shares in the value there.
export const lagrange = (t, count) => {
  const first = Math.min(Math.max(Math.floor(t) - TAPS / 2 + 1, 0), count - TAPS);
  const shares = Array.from({ length: TAPS }, (_, j) => {
    let share = 1;
    for (let k = 0; k < TAPS; k++) if (k !== j) share *= (t - first - k) / (j - k);
    return share;
  });
  return [first, shares];
};

// Each point's share in the expectation along one axis, under N(mean, sigma^2). Beyond the grid stands what stands at its border,
// or nothing where it is a correction.
const axisShares = (mean, sigma, first, spacing, count, isCorrection) => {
  const shares = new Float64Array(count);
  const nodes = Math.min(Math.max(Math.ceil((4 * REACH * sigma) / spacing), NODES[0]), NODES[1]);
  let total = 0;
  for (let node = 0; node < nodes; node++) {
    const u = ((2 * node + 1) / nodes - 1) * REACH;
    const weight = Math.exp((-u * u) / 2);
    total += weight;
    const t = (mean + sigma * u - first) / spacing;
    if (isCorrection && !(t >= 0 && t <= count - 1)) continue;
    const [start, taps] = lagrange(Math.min(Math.max(t, 0), count - 1), count);
    for (let k = 0; k < TAPS; k++) shares[start + k] += weight * taps[k];
  }
  return shares.map((share) => share / total);
};

const expectation = ({ first, spacing, columns, rows, values }, mean, sigma, isCorrection) => {
  const across = axisShares(mean[0], sigma[0], first[0], spacing, columns, isCorrection);
  const up = axisShares(mean[1], sigma[1], first[1], spacing, rows, isCorrection);
  let sum = 0;
  for (let row = 0; row < rows; row++) {
    if (!up[row]) continue;
    let inner = 0;
    for (let column = 0; column < columns; column++) inner += across[column] * values[row * columns + column];
    sum += up[row] * inner;
  }
  return sum;
};

// What the fine grid adds to the polynomials through the coarse one.
const correction = (coarse, fine) => {
  const along = (axis, count, size) =>
    Array.from({ length: size }, (_, index) => {
      const t = (fine.first[axis] + index * fine.spacing - coarse.first[axis]) / coarse.spacing;
      return lagrange(Math.min(Math.max(t, 0), count - 1), count);
    });
  const across = along(0, coarse.columns, fine.columns);
  const up = along(1, coarse.rows, fine.rows);
  const values = fine.values.map((value, index) => {
    const [left, horizontal] = across[index % fine.columns];
    const [bottom, vertical] = up[Math.floor(index / fine.columns)];
    let sum = 0;
    for (let i = 0; i < TAPS; i++) {
      const start = (bottom + i) * coarse.columns + left;
      for (let j = 0; j < TAPS; j++) sum += vertical[i] * horizontal[j] * coarse.values[start + j];
    }
    return value - sum;
  });
  return { ...fine, values };
};

export class ExpectedLogLikelihood {
  constructor({ extent, coarse, fine }) {
    Object.assign(this, { extent, coarse, correction: correction(coarse, fine) });
  }

  // Whether the plane was decoded as far as q reaches.
  covers(mean, sigma) {
    return Math.hypot(...mean.map((m, axis) => Math.abs(m) + 4.5 * sigma[axis])) <= this.extent;
  }

  under(mean, sigma) {
    return expectation(this.coarse, mean, sigma, false) + expectation(this.correction, mean, sigma, true);
  }
}

export const floatsOf = (text) => new Float32Array(bytesOf(text).buffer);

// KL(q to N(0, I)) in closed form.
export const klToPrior = (mean, sigma) =>
  mean.reduce((sum, m, axis) => sum + (sigma[axis] ** 2 + m * m - 1) / 2 - Math.log(sigma[axis]), 0);
