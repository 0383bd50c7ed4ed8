// Back and forward in the browser, and Ctrl-Z: one entry for each choice of the visitor, none for what the page settles itself.
//
// Streamlit writes an entry whenever the address changes. It is kept where a hand touched something since the last one, and
// takes that one's place otherwise.

const INPUTS = ['pointerdown', 'keydown', 'wheel', 'drop', 'paste', 'change'];
const NO_FIELDS = '[type="checkbox"], [type="radio"], [type="range"], [role="combobox"][aria-expanded="false"]';
const TYPING = `input:not(${NO_FIELDS}), textarea, [contenteditable="true"]`;

// Whether a key goes to a field.
export const isTyping = (event) => event.composedPath()[0].matches?.(TYPING) ?? false;

let chose = false;

const depth = () => window.history.state?.depth ?? 0;

// Where the browser stands: how many choices deep, and at which address.
const place = () => ({ depth: depth(), address: window.location.href });

const keepChoices = () => {
  const { history } = window;
  const push = history.pushState.bind(history);
  const replace = history.replaceState.bind(history);
  const early = history.state !== null && history.state.depth === undefined; // an entry that was written before this listened
  if (early) replace({ ...history.state, depth: 0 }, '');
  let here = place();
  history.replaceState = (state, ...address) => {
    replace({ ...state, depth: depth() }, ...address);
    here = place();
  };
  history.pushState = (state, ...address) => {
    if (!chose) return history.replaceState(state, ...address);
    chose = false;
    push({ ...state, depth: depth() + 1 }, ...address);
    here = place();
  };
  for (const kind of INPUTS) window.addEventListener(kind, () => (chose = true), { capture: true, passive: true });
  const onMove = (event) => {
    chose = false;
    const before = here;
    here = place();
    if (!early || event.state !== null || before.depth > 0 || window.location.hash) return;
    event.stopImmediatePropagation(); // the address as it was opened, which the page settled: nothing to go back to
    replace({ depth: 0 }, '', before.address);
    history.back();
  };
  window.addEventListener('popstate', onMove, true);
};

// Never out of the app: only back over what was chosen since the page was opened.
const onKey = (event) => {
  const letter = event.key.toLowerCase();
  if (!(event.ctrlKey || event.metaKey) || event.altKey || event.defaultPrevented || !['z', 'y'].includes(letter)) return;
  if (isTyping(event)) return; // there it takes back what was typed
  event.preventDefault();
  if (letter === 'y' || event.shiftKey) window.history.forward();
  else if (depth() > 0) window.history.back();
};

// Once for as long as the page is open, on whichever of its pages the bar is drawn.
export const keepHistory = () => {
  if (window.vaeHistory) return;
  window.vaeHistory = true;
  keepChoices();
  window.addEventListener('keydown', onKey);
};
