// Buttons that only the browser can serve: the address to the clipboard, the other theme, and all keys.

import { isTyping, keepHistory } from './history.js';
import { watchWebgl } from './webgl.js';

const MESSAGE_STAYS = 1600; // milliseconds

// Whether the browser let it.
const copy = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Clipboards are closed to pages that came by plain http from another machine: the old way still works there.
    const area = Object.assign(document.createElement('textarea'), { value: text });
    document.body.append(area);
    area.select();
    const copied = document.execCommand('copy');
    area.remove();
    return copied;
  }
};

const letCopyByHand = (dialog, text) => {
  const field = dialog.querySelector('input');
  field.value = text;
  dialog.showModal();
  field.select();
};

// Streamlit takes a theme from the address, so a copied link keeps it.
const otherTheme = (dark) => {
  const address = new URL(window.location.href);
  address.searchParams.set('embed_options', dark ? 'light_theme' : 'dark_theme');
  window.location.assign(address);
};

// Streamlit writes a link's address when it draws the bar, and a click on the plane draws only what belongs to it.
const keepAddress = ({ target }) => {
  const link = target.closest?.('.st-key-bar [data-testid="stPageLink"] a');
  if (link) link.search = window.location.search;
};

const isDark = () => {
  const colour = getComputedStyle(document.querySelector('.stApp')).backgroundColor;
  const [red, green, blue] = colour.match(/\d+/g).map(Number);
  return red + green + blue < 384;
};

// The question mark shows the keys, wherever the focus is but in a field.
const listenForQuestions = (dialog) => {
  if (window.vaeKeys) window.removeEventListener('keydown', window.vaeKeys); // the bar was drawn anew
  window.vaeKeys = (event) => {
    if (event.key !== '?' || event.ctrlKey || event.metaKey || isTyping(event)) return;
    dialog.showModal();
  };
  window.addEventListener('keydown', window.vaeKeys);
};

export default function ({ data, parentElement, setTriggerValue }) {
  if (data.cookie) document.cookie = data.cookie; // the owner's, for other tabs
  keepHistory();
  watchWebgl(data.lacks_webgl, () => setTriggerValue('lacks_webgl', true));
  const bar = parentElement.closest?.('.st-key-bar') ?? document.querySelector('.st-key-bar');
  bar.setAttribute('role', 'navigation');
  bar.setAttribute('aria-label', 'Pages, run and view');
  for (const kind of ['pointerdown', 'focusin']) bar.addEventListener(kind, keepAddress, true);
  const [link, theme, keys] = parentElement.querySelectorAll('button');
  link.onclick = async () => {
    if (!(await copy(window.location.href))) {
      letCopyByHand(parentElement.querySelector('.copying'), window.location.href);
      return;
    }
    link.textContent = 'Copied';
    setTimeout(() => (link.textContent = 'Copy link'), MESSAGE_STAYS);
  };
  const list = parentElement.querySelector('.keys');
  keys.onclick = () => list.showModal();
  listenForQuestions(list);
  theme.textContent = isDark() ? 'Light' : 'Dark';
  theme.onclick = () => otherTheme(isDark());
}
