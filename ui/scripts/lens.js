// The lens: whatever lies under the pointer, a finger or the arrow keys is decoded from the atlas and shown large; a click,
// a tap or Enter pins it. The plot is a native Plotly chart outside of this component, and one listener serves it.

const REACH = { mouse: 6, pen: 6, touch: 14 }; // pixels from a code that still mean this code
const STILL = 5; // a press that moves farther is a pan
const NUDGES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };

const signed = (value) => value.toFixed(2).replace('-', '\u2212').padStart(5, '\u2007');

class Lens {
  constructor(root) {
    this.screen = new Screen(root.querySelector('canvas'));
    this.where = root.querySelector('.where');
    this.what = root.querySelector('.what');
    this.state = { pictures: {}, atlas: null, cursor: null, traveller: null };
    this.press = null;
    this.inside = false; // whether the pointer is on the plane
  }

  // What the server says: the pinned place with its exact image, the layers, and which atlas belongs to them.
  update(data) {
    const { pictures, atlas } = this.state;
    const moved = this.state.place?.join() !== data.place.join();
    const chart = this.state.chart !== data.chart || this.state.scale !== data.scale;
    const same = JSON.stringify(this.state.road) === JSON.stringify(data.road);
    this.state = {
      ...data,
      pictures,
      atlas: atlas?.id === data.atlas_id ? atlas : null,
      cursor: moved ? null : this.state.cursor,
      traveller: same ? this.state.traveller : null,
    };
    if (chart) this.view = null;
    this.loadFields();
    this.loadPinned();
    this.draw();
  }

  get container() {
    return document.querySelector(`.st-key-${CSS.escape(this.state.chart)}`);
  }

  get graph() {
    return this.container?.querySelector('.js-plotly-plot');
  }

  look() {
    this.view = View.of(this.graph, this.state.scale, this.state.strip);
    return this.view;
  }

  // Pictures

  async loadAtlas() {
    const id = this.state.atlas_id;
    const image = document.querySelector(`.st-key-atlas img[alt^="${CSS.escape(id)} "]`);
    if (!image || this.state.atlas?.id === id || this.loading === id) return;
    this.loading = id;
    try {
      await image.decode();
      const [name, size, extent, error] = image.alt.split(' ');
      const atlas = await unpackAtlas(image, Number(size), Number(extent), Number(error));
      if (name !== this.state.atlas_id) return; // another one is wanted by now
      this.state.atlas = Object.assign(atlas, { id });
      this.draw();
    } finally {
      this.loading = null;
    }
  }

  async loadFields() {
    for (const { layer, picture } of this.state.fields) {
      if (this.state.pictures[layer]?.src === picture) continue;
      const image = new Image();
      image.src = picture;
      await image.decode();
      this.state.pictures[layer] = image;
      this.drawSoon();
    }
  }

  async loadPinned() {
    const image = new Image();
    image.src = this.state.image;
    await image.decode();
    if (image.src !== this.state.image) return;
    this.pinned = image;
    if (!this.inside && !this.state.cursor) this.rest();
  }

  // Drawing

  draw() {
    if (!this.graph || !this.look() || !this.graph.querySelector('.svg-container')) return;
    const { layers, atlas, run } = this.state;
    const covered = ['manifold', 'density', 'change'].some((layer) => layers.includes(layer));
    this.container.classList.toggle('without-codes', !layers.includes('clusters'));
    this.container.classList.toggle('faint-codes', covered);
    const waiting = layers.includes('manifold') && !atlas && this.drawn === run; // the last slice stays until the next is there
    if (!waiting) drawUnder(canvasOn(this.view, 'lens-under', true), this.view, this.state);
    if (atlas) this.drawn = run;
    this.drawOver();
  }

  drawOver() {
    if (this.view) drawOver(canvasOn(this.view, 'lens-over', false), this.view, this.state);
  }

  // The player of the road says where it is.
  travel({ place, moved }) {
    this.state.traveller = place;
    this.drawOver();
    if (moved && !this.inside) this.show(place, 'on the road from A to B');
  }

  drawSoon() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = null;
      this.draw();
    });
  }

  // Show the image at a place. Only what was decoded is drawn: beyond the atlas, and before it is there, nothing is.
  show(place, words) {
    const drawn = this.state.atlas?.sample(place, this.screen.grey) ?? false;
    if (!drawn) this.screen.grey.fill(0);
    this.screen.show();
    this.where.textContent = this.nameOf(place);
    this.what.textContent = drawn ? words : this.state.atlas ? 'beyond the atlas: click to decode it' : 'the lens is on its way';
  }

  nameOf([a, b]) {
    const { names, strip, latent } = this.state;
    if (strip) return `z = ${signed(a)}`;
    return latent === 2 ? `z = (${signed(a)}, ${signed(b)})` : `${names[0]} ${signed(a)}, ${names[1]} ${signed(b)}`;
  }

  // With no pointer on the plane: the pinned image, as the server decoded it.
  rest() {
    if (!this.pinned) return;
    this.screen.context.drawImage(this.pinned, 0, 0, SIDE, SIDE);
    this.where.textContent = this.nameOf(this.state.place);
    this.what.textContent = this.state.pinned;
  }

  // Pointer and keys

  onMove(event) {
    if (!this.view) return;
    const mine = this.press || (this.view.holds(event.clientX, event.clientY) && this.container?.contains(event.target));
    if (!mine) return this.leave();
    this.inside = true;
    const place = this.view.placeAt(event.clientX, event.clientY);
    this.show(place, 'under the pointer');
    if (event.pointerType === 'touch') this.moveCursor(place);
  }

  leave() {
    if (!this.inside) return;
    this.inside = false;
    if (!this.state.cursor) this.rest();
  }

  moveCursor(place) {
    this.state.cursor = place;
    this.drawOver();
  }

  onPress(event) {
    const mine = event.isPrimary && event.button === 0 && event.target.closest?.('.nsewdrag');
    this.press = mine && this.container?.contains(event.target) ? { x: event.clientX, y: event.clientY } : null;
    if (!this.press) return;
    this.look();
    if (event.pointerType === 'touch') this.onMove(event);
  }

  onRelease(event) {
    const { press } = this;
    this.letGo(event);
    if (!press || Math.hypot(event.clientX - press.x, event.clientY - press.y) > STILL || !this.look()) return;
    this.pin(event.clientX, event.clientY, REACH[event.pointerType] ?? REACH.mouse);
  }

  // A finger that is lifted is nowhere, and no move will tell.
  letGo(event) {
    this.press = null;
    if (event.pointerType === 'touch') this.inside = false;
  }

  pin(clientX, clientY, reach) {
    const place = this.view.placeAt(clientX, clientY);
    const code = this.state.layers.includes('clusters') ? this.view.codeNear(clientX, clientY, reach) : null;
    const picked = code ?? { place, probe: null };
    if (!picked.place.every(Number.isFinite)) return;
    Object.assign(this.state, { place: picked.place, posterior: null, neighbours: [], cursor: null });
    this.drawOver(); // the mark answers at once, the exact image as soon as the server has decoded it
    this.send(picked);
  }

  onKey(event) {
    if (document.activeElement !== this.container || !this.look()) return;
    const nudge = NUDGES[event.key];
    const from = this.state.cursor ?? this.state.place;
    if (nudge) {
      const step = (this.view.across[1] - this.view.across[0]) / (event.shiftKey ? 400 : 60);
      const axis = from.map((value, index) => this.view.scale.toAxis(value) + nudge[index] * step);
      const place = axis.map(this.view.scale.fromAxis);
      if (this.state.strip) place[1] = 0;
      this.moveCursor(place);
      this.show(place, 'under the arrow keys');
    } else if (event.key === 'Enter') {
      const [x, y] = this.view.pixelOf(from);
      this.inside = false;
      this.pin(this.view.left + x, this.view.top + y, 2);
    } else if (event.key === 'Escape') {
      this.moveCursor(null);
      this.rest();
    } else return;
    event.preventDefault();
  }

  // One finger moves the lens; Plotly would pan instead.
  onTouch(event) {
    if (event.touches.length === 1 && event.target.closest?.('.nsewdrag') && this.container?.contains(event.target)) {
      event.stopImmediatePropagation();
    }
  }

  // Streamlit makes the chart after this component, and anew when it likes: whoever has no ears yet is given some.
  attach() {
    const { graph, container } = this;
    this.loadAtlas();
    if (!graph?.on || !graph._fullLayout?.xaxis) return;
    if (!graph.hasEars) {
      graph.hasEars = true;
      for (const name of ['plotly_afterplot', 'plotly_relayout', 'plotly_relayouting', 'plotly_redraw']) {
        graph.on(name, () => {
          this.drawSoon();
          hideNames(graph);
        });
      }
      container.tabIndex = 0;
      container.setAttribute('role', 'application');
      container.setAttribute('aria-label', 'The plane. Arrow keys move the lens, Enter pins what it shows, Escape goes back.');
      hideNames(graph);
      this.draw();
    } else if (!this.view || !graph.querySelector('canvas.lens-over')) this.draw();
    else if (!this.press) this.look(); // the page may have scrolled or been resized
  }
}

// A class that the legend hides takes its name off the plane too.
const hideNames = (graph) => {
  const hidden = new Set(graph._fullData.filter((trace) => trace.visible !== true).map((trace) => trace.name));
  graph._fullLayout.annotations.forEach((annotation, index) => {
    const element = graph.querySelector(`.annotation[data-index="${index}"]`);
    if (element) element.style.display = hidden.has(annotation.name) ? 'none' : '';
  });
};

const listen = (lens) => {
  const ears = {
    pointermove: (event) => lens.onMove(event),
    pointerdown: (event) => lens.onPress(event),
    pointerup: (event) => lens.onRelease(event),
    pointercancel: (event) => lens.letGo(event),
    keydown: (event) => lens.onKey(event),
    touchstart: (event) => lens.onTouch(event),
    scroll: () => lens.look(),
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

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const host = parentElement.host ?? parentElement;
  if (!host.lens) {
    host.lens = new Lens(parentElement);
    host.lens.stop = listen(host.lens);
    window.vaeLens = host.lens; // for whoever measures it
  }
  host.lens.send = (picked) => setTriggerValue('pick', picked);
  host.lens.update(data);
  return endedByLatest(host, 'lens', (lens) => lens.stop());
}
