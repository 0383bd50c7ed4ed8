// The names of classes on the plane, which Plotly drew: smaller on a small plane, and beside the pin that would hide them.

const FULL = 640; // pixels a side of a plane whose names are as large as Plotly drew them
const SMALLEST = 0.55;
const PIN = 17; // pixels around the pin that are kept free

export const overlap = (one, other) =>
  Math.min(one.w + other.w - Math.abs(one.x - other.x), one.h + other.h - Math.abs(one.y - other.y));

// The shortest way aside, up or down that leaves the pin free, and if there is such a one the other names too.
const wayFrom = (box, pin, others) => {
  if (overlap(box, pin) <= 0) return [0, 0];
  const [aside, up] = [box.w + pin.w, box.h + pin.h];
  const ways = [[pin.x - aside - box.x, 0], [pin.x + aside - box.x, 0], [0, pin.y - up - box.y], [0, pin.y + up - box.y]];
  ways.sort((one, other) => Math.hypot(...one) - Math.hypot(...other));
  const isFree = ([dx, dy]) => others.every((other) => overlap({ ...box, x: box.x + dx, y: box.y + dy }, other) <= 0);
  return ways.find(isFree) ?? ways[0];
};

// Returns the boxes that names take: middles and half their sizes, in pixels of the plot.
export const placeNames = (graph, view, place, seen) => {
  const scale = Math.max(SMALLEST, Math.min(1, view.width / FULL, view.height / FULL));
  const [x, y] = view.pixelOf(place);
  const pin = { x, y, w: PIN, h: PIN };
  const boxes = [];
  graph._fullLayout.annotations.forEach((annotation, index) => {
    const element = graph.querySelector(`.annotation[data-index="${index}"]`);
    if (!element || annotation.xref === 'paper' || element.style.display === 'none') return;
    const { x: left, y: top, width, height } = element.getBBox();
    if (!width) return;
    const [across, down] = [left + width / 2, top + height / 2];
    const box = { x: across - view.offset[0], y: down - view.offset[1], w: (scale * width) / 2, h: (scale * height) / 2 };
    element.style.transformOrigin = `${across}px ${down}px`;
    boxes.push({ ...box, element });
  });
  for (const box of boxes) {
    const [dx, dy] = wayFrom(box, pin, boxes.filter((other) => other !== box));
    box.element.style.transform = `translate(${dx}px, ${dy}px) scale(${scale})`;
    [box.x, box.y] = [box.x + dx, box.y + dy];
  }
  return seen ? boxes : [];
};
