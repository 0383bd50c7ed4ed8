// A Plotly chart that is redrawn in place when its figure changes: it stands still, and what was zoomed or hidden stays so.

import { endedWithHost } from '../shared/lifecycle.js';
import { coloursAt, painted } from '../shared/theme.js';

const LOOKS_APART = 250; // milliseconds; themes change without a word

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
    this.looking = setInterval(() => this.update(this.told), LOOKS_APART);
  }

  update(told) {
    if (!told) return;
    const { figure, config, alt } = (this.told = told);
    const colours = coloursAt(this.graph);
    const theme = [getComputedStyle(this.graph).color, ...colours].join();
    if (figure === this.figure && theme === this.theme) return; // the server looked, and neither figure nor theme is new
    Object.assign(this, JSON.parse(painted(figure, colours)), { figure, config, theme });
    this.graph.setAttribute('aria-label', alt);
    this.draw();
  }

  async draw() {
    const Plotly = await plotly();
    const { clientWidth: width, clientHeight: height } = this.graph;
    if (this.ended || !this.data || !width || !height) return;
    const { color, fontFamily: family } = getComputedStyle(this.graph);
    const font = { ...this.layout.font, color, family };
    const drawn = Plotly.react(this.graph, this.data, { ...this.layout, template: null, font, width, height }, this.config);
    this.drawing = Promise.allSettled([this.drawing, drawn]);
  }

  end() {
    this.ended = true;
    this.resizing.disconnect();
    clearInterval(this.looking);
    this.drawing?.then(() => window.Plotly.purge(this.graph)); // a drawing that goes on would miss what is purged
  }
}

export default function ({ data, parentElement }) {
  const graph = parentElement.querySelector('.live-chart');
  graph.chart ??= new LiveChart(graph);
  graph.chart.update(data);
  return endedWithHost(graph, 'chart', (chart) => chart.end());
}
