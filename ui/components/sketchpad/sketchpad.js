// A square to draw on with mouse, pen or finger. Each time the pen is lifted, the drawing is sent as a PNG.
//
// The strokes are kept as lists of points beside the component, so that one can be taken back and a rerun loses none.

const SIDE = 280; // pixels of the drawing, however large it is shown

const pointOf = (canvas, event) => {
  const corner = canvas.getBoundingClientRect();
  const scale = SIDE / canvas.clientWidth;
  return [(event.clientX - corner.left - canvas.clientLeft) * scale, (event.clientY - corner.top - canvas.clientTop) * scale];
};

// Through the middles of the segments, with the points themselves as handles: smooth, and never far from the pen.
const drawStroke = (context, { points, thickness }) => {
  context.lineWidth = thickness;
  context.beginPath();
  context.moveTo(...points[0]);
  for (let i = 1; i < points.length - 1; i++) {
    const [[x, y], [nextX, nextY]] = [points[i], points[i + 1]];
    context.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
  }
  const [x, y] = points[points.length - 1];
  context.lineTo(x + 0.01, y); // a stroke without length, a dot, is drawn too
  context.stroke();
};

const draw = (canvas, strokes) => {
  const context = canvas.getContext('2d');
  context.fillStyle = 'black';
  context.fillRect(0, 0, SIDE, SIDE);
  context.strokeStyle = 'white';
  context.lineCap = context.lineJoin = 'round';
  strokes.forEach((stroke) => drawStroke(context, stroke));
};

export default function (component) {
  const { parentElement, setTriggerValue } = component;
  const host = parentElement.host ?? parentElement;
  host.drawing ??= { strokes: [], pen: null };
  const { drawing } = host;
  const [canvas, hint, thickness, undo, clear] = ['canvas', '.hint', 'input', '.undo', '.clear'].map((name) =>
    parentElement.querySelector(name));

  const show = () => {
    draw(canvas, drawing.strokes);
    hint.hidden = drawing.strokes.length > 0;
    undo.disabled = clear.disabled = drawing.strokes.length === 0;
  };
  const send = () => setTriggerValue('drawn', drawing.strokes.length ? canvas.toDataURL('image/png') : '');
  const change = (strokes) => {
    drawing.strokes = strokes;
    drawing.pen = null;
    show();
    send();
  };

  // Properties, not listeners: the next rerun replaces them.
  canvas.onpointerdown = (event) => {
    if (drawing.pen !== null || event.button !== 0) return;
    drawing.pen = event.pointerId;
    canvas.setPointerCapture(event.pointerId);
    drawing.strokes.push({ points: [pointOf(canvas, event)], thickness: Number(thickness.value) });
    show();
  };
  canvas.onpointermove = (event) => {
    if (event.pointerId !== drawing.pen) return;
    const passed = event.getCoalescedEvents?.() ?? [];
    for (const each of passed.length ? passed : [event]) drawing.strokes.at(-1).points.push(pointOf(canvas, each));
    show();
  };
  canvas.onpointerup = canvas.onpointercancel = (event) => {
    if (event.pointerId !== drawing.pen) return;
    drawing.pen = null;
    send();
  };
  undo.onclick = () => change(drawing.strokes.slice(0, -1));
  clear.onclick = () => change([]);
  show();
}
