// Between pixels of a native Plotly chart and places on the plane, by the chart's own axes: right under zoom and pan.

import { normalQuantile, normalShare } from './quantiles.js';

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

  // The codes in view, each with its image's number, its pixel and its colour; none where there are more than `most`.
  codesInView(most) {
    const found = [];
    for (const trace of this.graph._fullData) {
      if (trace.visible !== true || !trace.customdata) continue;
      for (let i = 0; i < trace.x.length; i++) {
        const at = this.pixelAt(trace.x[i], trace.y[i]);
        if (at[0] < 0 || at[1] < 0 || at[0] > this.width || at[1] > this.height) continue;
        if (found.length === most) return [];
        found.push({ probe: Number(trace.customdata[i]), at, colour: trace.marker.color });
      }
    }
    return found;
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
