// Whether this browser can draw by WebGL, which is tried once. A chart that loses what it draws with, as after a restart of
// the graphics driver, stays empty: that counts as well.

const EXTENSIONS = ['ANGLE_instanced_arrays', 'OES_element_index_uint']; // without these Plotly draws nothing

const tryWebgl = () => {
  const context = document.createElement('canvas').getContext('webgl');
  const enough = context !== null && EXTENSIONS.every((name) => context.getExtension(name));
  context?.getExtension('WEBGL_lose_context')?.loseContext(); // there are few at a time
  return enough;
};

const webgl = { works: null, tell: () => {} };

const listenForLoss = () => {
  window.addEventListener('webglcontextlost', () => webgl.tell((webgl.works = false)), true);
  return tryWebgl();
};

// `tell` is called when it cannot, unless that is known.
export const watchWebgl = (isKnown, tell) => {
  webgl.works ??= listenForLoss();
  webgl.tell = tell;
  if (!webgl.works && !isKnown) tell();
};
