// Answers a click on a plane and draws the mark of the pinned point.
//
// The plots are native Plotly charts outside of this component. Their own axes turn pixels into z, so that zoom and pan
// are respected. One listener for all plots; the nearest code within reach is taken, else the place itself.

const REACH = 9; // pixels
const STILL = 5; // a press that moves farther is a pan

const plotOf = (key) => document.querySelector(`.st-key-${CSS.escape(key)} .js-plotly-plot`);

// From axis coordinates to z and back, along one axis of a plot: both are the same unless cells were laid out by quantiles.
const interpolate = (from, to, value) => {
  if (from.length < 2) return to[0];
  let right = from.findIndex((position) => position > value);
  right = Math.min(Math.max(right < 0 ? from.length - 1 : right, 1), from.length - 1);
  const share = (value - from[right - 1]) / (from[right] - from[right - 1]);
  return to[right - 1] + share * (to[right] - to[right - 1]);
};
const nearestCell = (cells, position) => {
  let best = 0;
  cells.positions.forEach((other, index) => {
    if (Math.abs(other - position) < Math.abs(cells.positions[best] - position)) best = index;
  });
  return cells.values[best];
};
const zToAxis = (plot, z) => (plot.cells ? z.map((value) => interpolate(plot.cells.values, plot.cells.positions, value)) : z);

const nearestCode = (graph, x, y) => {
  const { xaxis, yaxis } = graph._fullLayout;
  let best = null;
  let bestDistance = REACH * REACH;
  for (const trace of graph._fullData) {
    if (trace.visible !== true || !trace.customdata) continue;
    for (let i = 0; i < trace.x.length; i++) {
      const dx = xaxis.d2p(trace.x[i]) - x;
      const dy = yaxis.d2p(trace.y[i]) - y;
      if (dx * dx + dy * dy < bestDistance) {
        bestDistance = dx * dx + dy * dy;
        best = { z: [trace.x[i], trace.y[i]], probe: Number(trace.customdata[i]) };
      }
    }
  }
  return best;
};

const pickAt = (plot, graph, event) => {
  const { xaxis, yaxis } = graph._fullLayout;
  const corner = graph.getBoundingClientRect();
  const x = event.clientX - corner.left - xaxis._offset;
  const y = event.clientY - corner.top - yaxis._offset;
  const place = [xaxis.p2d(x), yaxis.p2d(y)];
  if (plot.cells) return { z: place.map((position) => nearestCell(plot.cells, position)), probe: null };
  return nearestCode(graph, x, y) ?? { z: place, probe: null };
};

const drawMark = (plot, z) => {
  const graph = plotOf(plot.key);
  const box = graph?.querySelector('.svg-container');
  if (!box || !graph._fullLayout?.xaxis?.d2p) return;
  let mark = box.querySelector('.pin-mark');
  if (!mark) {
    mark = document.createElement('div');
    mark.className = 'pin-mark';
    box.appendChild(mark);
  }
  const { xaxis, yaxis } = graph._fullLayout;
  const [x, y] = zToAxis(plot, z);
  const [left, top] = [xaxis.d2p(x), yaxis.d2p(y)];
  const inside = left >= 0 && left <= xaxis._length && top >= 0 && top <= yaxis._length;
  mark.style.display = inside ? 'block' : 'none';
  mark.style.left = `${xaxis._offset + left}px`;
  mark.style.top = `${yaxis._offset + top}px`;
};

// A class that the legend hides takes its name off the plane too.
const hideNames = (graph) => {
  const hidden = new Set(graph._fullData.filter((trace) => trace.visible !== true).map((trace) => trace.name));
  graph._fullLayout.annotations.forEach((annotation, index) => {
    const element = graph.querySelector(`.annotation[data-index="${index}"]`);
    if (element) element.style.display = hidden.has(annotation.name) ? 'none' : '';
  });
};

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const host = parentElement.host ?? parentElement;
  const redraw = () => host.pick.plots.forEach((plot) => drawMark(plot, host.pick.z));
  const first = !host.pick;
  host.pick = { ...data, send: (picked) => setTriggerValue('pick', picked) };
  redraw();
  if (!first) return;

  let press = null;
  const onPress = (event) => {
    const plot = host.pick.plots.find(({ key }) => event.target.closest?.(`.st-key-${CSS.escape(key)} .nsewdrag`));
    press = plot && event.isPrimary && event.button === 0 ? { plot, x: event.clientX, y: event.clientY } : null;
  };
  const onRelease = (event) => {
    if (!press || Math.hypot(event.clientX - press.x, event.clientY - press.y) > STILL) return;
    const graph = plotOf(press.plot.key);
    const picked = pickAt(press.plot, graph, event);
    press = null;
    if (!picked.z.every(Number.isFinite)) return;
    host.pick.z = picked.z; // the mark answers at once, the image as soon as the server has decoded it
    redraw();
    host.pick.send(picked);
  };
  // Streamlit makes the charts after this component, and anew when it likes: whoever has no ears yet is given some.
  const attach = () => {
    for (const { key } of host.pick.plots) {
      const graph = plotOf(key);
      if (!graph?.on || graph.hasEars || !graph._fullLayout?.xaxis) continue;
      graph.hasEars = true;
      const refresh = () => (redraw(), hideNames(graph));
      ['plotly_afterplot', 'plotly_relayout', 'plotly_relayouting', 'plotly_redraw'].forEach((name) => graph.on(name, refresh));
      refresh();
    }
  };
  window.addEventListener('pointerdown', onPress, true);
  window.addEventListener('pointerup', onRelease, true);
  const timer = setInterval(attach, 200);
  attach();
  return () => {
    window.removeEventListener('pointerdown', onPress, true);
    window.removeEventListener('pointerup', onRelease, true);
    clearInterval(timer);
    delete host.pick;
  };
}
