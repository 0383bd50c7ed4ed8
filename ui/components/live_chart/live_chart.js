// A Plotly chart that is redrawn in place when its figure changes: it stands still, and what was zoomed or hidden stays so.

import { endedWithHost } from '../shared/lifecycle.js';

const plotly = () =>
  new Promise((resolve) => {
    if (window.Plotly) resolve(window.Plotly);
    else window.addEventListener('vae-plotly', () => resolve(window.Plotly), { once: true });
  });

class LiveChart {
  constructor(graph) {
    this.graph = graph;
    this.resizing = new ResizeObserver(() => this.draw());
    this.resizing.observe(graph);
  }

  update({ figure, config, alt }) {
    const { color } = getComputedStyle(this.graph);
    if (figure === this.figure && color === this.color) return; // the server looked, and neither figure nor theme is new
    Object.assign(this, JSON.parse(figure), { figure, config });
    this.graph.setAttribute('aria-label', alt);
    this.draw();
  }

  async draw() {
    const Plotly = await plotly();
    const { clientWidth: width, clientHeight: height } = this.graph;
    if (this.ended || !this.data || !width || !height) return;
    const { color, fontFamily: family } = getComputedStyle(this.graph);
    this.color = color;
    const font = { ...this.layout.font, color, family };
    const drawn = Plotly.react(this.graph, this.data, { ...this.layout, template: null, font, width, height }, this.config);
    this.drawing = Promise.allSettled([this.drawing, drawn]);
  }

  end() {
    this.ended = true;
    this.resizing.disconnect();
    this.drawing?.then(() => window.Plotly.purge(this.graph)); // a drawing that goes on would miss what is purged
  }
}

export default function ({ data, parentElement }) {
  const graph = parentElement.querySelector('.live-chart');
  graph.chart ??= new LiveChart(graph);
  graph.chart.update(data);
  return endedWithHost(graph, 'chart', (chart) => chart.end());
}
