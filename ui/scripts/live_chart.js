// A Plotly chart that is redrawn in place when its figure changes: it stands still, and what was zoomed or hidden stays so.

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
    if (figure === this.figure) return; // the server looked, and there was nothing new
    Object.assign(this, JSON.parse(figure), { figure, config });
    this.graph.setAttribute('aria-label', alt);
    this.draw();
  }

  async draw() {
    const Plotly = await plotly();
    const { clientWidth: width, clientHeight: height } = this.graph;
    if (!this.data || !width || !height) return;
    const { color, fontFamily: family } = getComputedStyle(this.graph);
    const font = { ...this.layout.font, color, family };
    await Plotly.react(this.graph, this.data, { ...this.layout, template: null, font, width, height }, this.config);
  }

  end() {
    this.resizing.disconnect();
    window.Plotly?.purge(this.graph);
  }
}

export default function ({ data, parentElement }) {
  const graph = parentElement.querySelector('.live-chart');
  graph.chart ??= new LiveChart(graph);
  graph.chart.update(data);
  // Streamlit keeps the latest call's cleanup alone, but may run an earlier one's late: only the latest ends the chart.
  const turn = (graph.turn = {});
  return () => {
    if (graph.turn !== turn) return;
    graph.chart.end();
    delete graph.chart;
  };
}
