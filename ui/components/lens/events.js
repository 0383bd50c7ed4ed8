// Where the lens hears from: the chart, the window, and a clock for what tells nobody.

// A class that the legend hides takes its name off the plane too.
export const hideNames = (graph) => {
  const hidden = new Set(graph._fullData.filter((trace) => trace.visible !== true).map((trace) => trace.name));
  graph._fullLayout.annotations.forEach((annotation, index) => {
    const element = graph.querySelector(`.annotation[data-index="${index}"]`);
    if (element) element.style.display = hidden.has(annotation.name) ? 'none' : '';
  });
};

// A chart that outlives a lens tells the next one.
export const listenTo = (graph) => {
  for (const name of ['plotly_afterplot', 'plotly_relayout', 'plotly_relayouting', 'plotly_redraw']) {
    graph.on(name, () => {
      graph.ears.drawSoon();
      hideNames(graph);
    });
  }
};

export const listen = (lens) => {
  const ears = {
    pointermove: (event) => lens.onMove(event),
    pointerdown: (event) => lens.onPress(event),
    pointerup: (event) => lens.onRelease(event),
    pointercancel: (event) => lens.letGo(event),
    pointerout: (event) => lens.onOut(event),
    keydown: (event) => lens.onKey(event),
    touchstart: (event) => lens.onTouch(event),
    scroll: () => lens.lookAgain(),
    resize: () => lens.drawSoon(),
    'vae-travel': (event) => lens.travel(event.detail),
  };
  for (const [name, ear] of Object.entries(ears)) {
    window.addEventListener(name, ear, { capture: true, passive: name !== 'keydown' });
  }
  const timer = setInterval(() => lens.attach(), 200);
  return () => {
    for (const [name, ear] of Object.entries(ears)) window.removeEventListener(name, ear, true);
    clearInterval(timer);
  };
};
