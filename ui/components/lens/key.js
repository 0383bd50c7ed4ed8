// What the colours of density and change stand for, in a corner of the plane.

const element = (tag, text = '') => Object.assign(document.createElement(tag), { textContent: text });

const rowOf = ({ name, low, middle, high, unit, hue }) => {
  const row = element('div');
  const bar = element('i');
  bar.style.background = `linear-gradient(to right, rgb(${hue} / 0), rgb(${hue} / 0.92))`;
  const numbers = element('span');
  numbers.append(element('span', low), element('span', middle), element('span', high));
  const scale = element('div');
  scale.append(bar, numbers);
  row.append(element('b', name), scale, element('span', unit));
  return row;
};

export const showKey = (view, keys) => {
  const box = view.graph.querySelector('.svg-container');
  let key = box.querySelector('.lens-key');
  if (!keys.length) return key?.remove();
  if (!key) {
    key = Object.assign(element('div'), { className: 'lens-key' });
    box.append(key);
  }
  key.style.left = `${view.offset[0] + 8}px`;
  key.style.bottom = `${box.clientHeight - view.offset[1] - view.height + 8}px`;
  key.style.background = getComputedStyle(document.querySelector('.stApp')).backgroundColor;
  key.replaceChildren(...keys.map(rowOf));
};
