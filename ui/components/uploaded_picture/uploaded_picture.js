// An uploaded picture with what was found in it: drag over it to cut it, turn ink and paper around, or take all of it again.
//
// What is chosen is sent as {inverted, crop}; the server answers with a new outline.

const WHOLE = [0, 0, 1, 1]; // left, top, right, bottom, in shares of the picture
const SMALLEST = 0.03; // what is dragged less far was a click
const STEP = 0.02; // an arrow key moves one side by so much

const shareOf = (stage, event) => {
  const box = stage.getBoundingClientRect();
  const share = (value, from, length) => Math.min(1, Math.max(0, (value - from) / length));
  return [share(event.clientX, box.left, box.width), share(event.clientY, box.top, box.height)];
};

const between = ([x, y], [u, v]) => [Math.min(x, u), Math.min(y, v), Math.max(x, u), Math.max(y, v)];
const isLarge = ([left, top, right, bottom]) => right - left >= SMALLEST && bottom - top >= SMALLEST;

// The arrow points to the side that moves: inwards, with Shift outwards.
const moved = (crop, key, outwards) => {
  const side = ['ArrowLeft', 'ArrowUp', 'ArrowRight', 'ArrowDown'].indexOf(key);
  if (side < 0) return null;
  const inwards = side < 2 ? STEP : -STEP;
  const next = crop.map((value, i) => (i === side ? Math.min(1, Math.max(0, value + (outwards ? -inwards : inwards))) : value));
  return isLarge(next) ? next : null;
};

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const host = parentElement.host ?? parentElement;
  host.uploaded ??= { start: null };
  const { uploaded } = host;
  const [stage, frame, invert, whole] = ['.stage', '.crop', '.invert', '.whole'].map((name) => parentElement.querySelector(name));
  const [picture, outline] = parentElement.querySelectorAll('img');

  const show = (crop) => {
    const [left, top, right, bottom] = crop.map((share) => 100 * share);
    frame.style.inset = `${top}% ${100 - right}% ${100 - bottom}% ${left}%`;
    whole.disabled = crop.every((value, i) => value === WHOLE[i]);
  };
  const send = (inverted, crop) => setTriggerValue('corrected', { inverted, crop });

  if (picture.src !== data.picture) picture.src = data.picture;
  outline.src = data.outline;
  invert.setAttribute('aria-pressed', data.inverted);
  uploaded.start = null;
  show(data.crop);

  // Properties, not listeners: the next rerun replaces them.
  stage.onpointerdown = (event) => {
    if (event.button !== 0) return;
    uploaded.start = shareOf(stage, event);
    stage.setPointerCapture(event.pointerId);
  };
  stage.onpointermove = (event) => {
    if (uploaded.start) show(between(uploaded.start, shareOf(stage, event)));
  };
  stage.onpointerup = (event) => {
    if (!uploaded.start) return;
    const crop = between(uploaded.start, shareOf(stage, event));
    uploaded.start = null;
    if (isLarge(crop)) send(data.inverted, crop);
    else show(data.crop);
  };
  stage.onpointercancel = () => {
    uploaded.start = null;
    show(data.crop);
  };
  stage.onkeydown = (event) => {
    const crop = moved(data.crop, event.key, event.shiftKey);
    if (!crop) return;
    event.preventDefault();
    send(data.inverted, crop);
  };
  invert.onclick = () => send(!data.inverted, data.crop);
  whole.onclick = () => send(data.inverted, WHOLE);
}
