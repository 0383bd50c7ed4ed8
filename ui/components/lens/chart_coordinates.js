// Between pixels of a native Plotly chart and places on the plane, by the chart's own axes: right under zoom and pan.

// The standard normal distribution function (Abramowitz and Stegun 7.1.26 refined as in Numerical Recipes, error 1e-7).
const normalShare = (z) => {
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
const normalQuantile = (share) => {
  let [low, high] = [-6, 6];
  for (let i = 0; i < 36; i++) {
    const middle = (low + high) / 2;
    if (normalShare(middle) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
};

export const SCALES = {
  linear: { toAxis: (z) => z, fromAxis: (value) => value },
  quantile: { toAxis: normalShare, fromAxis: normalQuantile },
};

// One state of a chart: where its plot is on the screen and what it shows. Null until the chart is drawn.
export class View {
  static of(graph, scale, strip) {
    const layout = graph?._fullLayout;
    return layout?.xaxis?.range && layout.xaxis._length ? new View(graph, SCALES[scale], strip) : null;
  }

  constructor(graph, scale, strip) {
    const { xaxis, yaxis } = graph._fullLayout;
    const corner = graph.getBoundingClientRect();
    Object.assign(this, { graph, scale, strip });
    this.left = corner.left + xaxis._offset;
    this.top = corner.top + yaxis._offset;
    this.offset = [xaxis._offset, yaxis._offset];
    [this.width, this.height] = [xaxis._length, yaxis._length];
    this.across = xaxis.range.map(Number);
    this.up = yaxis.range.map(Number);
    this.ratio = window.devicePixelRatio || 1; // of the screen's pixels to the page's
  }

  // All that says which place is where; two views that say the same are alike.
  get state() {
    return [this.left, this.top, this.width, this.height, this.across, this.up, this.ratio].join();
  }

  holds(x, y) {
    return x >= this.left && x <= this.left + this.width && y >= this.top && y <= this.top + this.height;
  }

  // Axis values at pixels from the plot's upper left corner, and back.
  axisAt(x, y) {
    return [
      this.across[0] + (x / this.width) * (this.across[1] - this.across[0]),
      this.up[1] - (y / this.height) * (this.up[1] - this.up[0]),
    ];
  }

  pixelAt(horizontal, vertical) {
    return [
      ((horizontal - this.across[0]) / (this.across[1] - this.across[0])) * this.width,
      ((this.up[1] - vertical) / (this.up[1] - this.up[0])) * this.height,
    ];
  }

  // The place on the plane under a pointer. On a strip the height means nothing.
  placeAt(clientX, clientY) {
    const [x, y] = this.axisAt(clientX - this.left, clientY - this.top);
    return [this.scale.fromAxis(x), this.strip ? 0 : this.scale.fromAxis(y)];
  }

  pixelOf([a, b]) {
    const [x, y] = this.pixelAt(this.scale.toAxis(a), this.strip ? 0 : this.scale.toAxis(b));
    return [x, this.strip ? this.height / 2 : y];
  }

  // The code drawn within reach of a pointer: its image's number and its place; null where there is none.
  codeNear(clientX, clientY, reach) {
    const [x, y] = [clientX - this.left, clientY - this.top];
    let best = null;
    let shortest = reach * reach;
    for (const trace of this.graph._fullData) {
      if (trace.visible !== true || !trace.customdata) continue;
      for (let i = 0; i < trace.x.length; i++) {
        const [across, down] = this.pixelAt(trace.x[i], trace.y[i]);
        const distance = (across - x) ** 2 + (down - y) ** 2;
        if (distance >= shortest) continue;
        shortest = distance;
        best = { probe: Number(trace.customdata[i]), place: [trace.x[i], trace.y[i]].map(this.scale.fromAxis) };
      }
    }
    if (best && this.strip) best.place[1] = 0;
    return best;
  }
}
