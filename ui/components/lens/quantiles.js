// Shares of the standard normal distribution, and its quantiles.

// The standard normal distribution function (Abramowitz and Stegun 7.1.26 refined as in Numerical Recipes, error 1e-7).
export const normalShare = (z) => {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.5 * x);
  const terms = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
    0.17087277,
  ];
  const tail = (t * Math.exp(-x * x + terms.reduceRight((sum, term) => sum * t + term, 0))) / 2;
  return z > 0 ? 1 - tail : tail;
};

// Its inverse, by bisection: it is asked for a few hundred times at most.
export const normalQuantile = (share) => {
  let [low, high] = [-6, 6];
  for (let i = 0; i < 36; i++) {
    const middle = (low + high) / 2;
    if (normalShare(middle) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
};
