// Where an axis has its ticks, and how they read.

export const number = (value) => String(Number(value.toFixed(6))).replace('-', '\u2212');

// 1, 2 or 5 times a power of ten: the least that is so large.
export const roundStep = (least) => {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= least);
};

export const ticksWithin = (low, high, step) => {
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, index) => (first + index) * step);
};
