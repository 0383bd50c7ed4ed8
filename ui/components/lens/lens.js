// The lens: whatever lies under the pointer, a finger or the arrow keys is decoded from the atlas and shown large; a click,
// a tap or Enter pins it. The plot is a native Plotly chart outside of this component, and one listener serves it.

import { endedWithHost } from '../shared/lifecycle.js';
import { unpackAtlas } from './atlas.js';
import { View } from './chart_coordinates.js';
import { canvasOn, drawOver, drawUnder } from './layers.js';
import { Readout, nameOf } from './readout.js';
import { drawThumbnails, loadOriginals, originalsImage } from './originals.js';
import { showKey } from './key.js';
import { placeNames } from './names.js';
import { hideNames, listen, listenTo } from './events.js';
import { Pointing, UNDER } from './pointing.js';

class Lens extends Pointing {
  constructor(root) {
    super();
    this.readout = new Readout(root);
    this.state = { pictures: {}, atlas: null, cursor: null, traveller: null };
    this.last = null; // the atlas that came last, which may be another slice's by now
    this.originals = null; // the held-out pictures, where they are at hand
    this.thumbnails = false; // whether codes are seen as such
    this.expected = true; // whether there will be an atlas
  }

  // What the server says: the pinned place with its exact image, the layers, and which atlas belongs to them.
  update(data) {
    const pictures = this.state.run === data.run ? this.state.pictures : {};
    const moved = this.state.place?.join() !== data.place.join();
    const chart = this.state.chart !== data.chart || this.state.scale !== data.scale;
    const same = JSON.stringify(this.state.interpolation) === JSON.stringify(data.interpolation);
    this.state = {
      ...data,
      pictures,
      atlas: this.last?.id === data.atlas_id ? this.last : null,
      cursor: moved ? null : this.state.cursor,
      traveller: same ? this.state.traveller : null,
    };
    if (chart) this.view = null;
    this.readout.silent = false;
    if (this.asked && (moved || this.asked.click === data.answered)) {
      this.hear();
      this.readout.tell(`${nameOf(data.place, data)}, ${data.pinned}`);
    }
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

  // Which plane an atlas is of; slices of one plane differ in the other coordinates.
  get plane() {
    return [this.state.run, ...this.state.names].join();
  }

  async loadAtlas() {
    const id = this.state.atlas_id;
    this.expectAtlas(document.querySelector(`.st-key-no-${CSS.escape(id)}`) === null);
    const image = document.querySelector(`.st-key-atlas img[alt^="${CSS.escape(id)} "]`);
    if (!image || this.state.atlas?.id === id || this.loading === id) return;
    this.loading = id;
    try {
      await image.decode();
      const [name, size, extent, error] = image.alt.split(' ');
      const atlas = await unpackAtlas(image, Number(size), Number(extent), Number(error));
      if (name !== this.state.atlas_id) return; // another one is wanted by now
      this.last = this.state.atlas = Object.assign(atlas, { id, plane: this.plane });
      this.draw();
    } finally {
      this.loading = null;
    }
  }

  // Another data set has others, and a run without its data set none.
  async loadOriginals() {
    const image = originalsImage();
    const source = image?.src;
    if (source === this.originalsFrom) return;
    [this.originalsFrom, this.originals] = [source, null];
    const originals = image && (await loadOriginals(image));
    if (source !== this.originalsFrom) return;
    this.originals = originals;
    this.draw();
    if (!this.aims) this.rest();
  }

  // The server says where there is none; the last slice waits for nothing then.
  expectAtlas(expected) {
    if (this.expected === expected) return;
    this.expected = expected;
    if (expected) return;
    this.last = null;
    this.draw();
  }

  async loadFields() {
    for (const { layer, picture } of this.state.fields) {
      if (this.state.pictures[layer]?.src === picture) continue;
      const image = new Image();
      image.src = picture;
      await image.decode();
      if (!this.state.fields.some((field) => field.picture === picture)) continue; // another one is wanted by now
      this.state.pictures[layer] = image;
      this.drawSoon();
    }
  }

  async loadPinned() {
    const { place, pinned: words } = this.state;
    const image = new Image();
    image.src = this.state.image;
    await image.decode();
    if (image.src !== this.state.image) return;
    this.pinned = { image, place, words };
    if (!this.aims || !this.state.atlas) this.rest();
  }

  // Drawing

  draw() {
    if (!this.graph || !this.look() || !this.graph.querySelector('.svg-container')) return;
    const { layers } = this.state;
    const covered = ['manifold', 'density', 'change', 'classes'].some((layer) => layers.includes(layer));
    this.container.classList.toggle('without-codes', !layers.includes('clusters'));
    this.container.classList.toggle('with-classes', layers.includes('classes'));
    this.container.classList.toggle('faint-codes', covered);
    const last = this.last?.plane === this.plane ? this.last : null; // the last slice stays until the next is there
    const atlas = this.state.atlas ?? last;
    showKey(this.view, this.state.fields.flatMap((field) => field.key ?? []));
    this.names = placeNames(this.graph, this.view, this.state.place, layers.includes('clusters') || layers.includes('classes'));
    drawUnder(canvasOn(this.view, 'lens-under', true), this.view, { ...this.state, atlas });
    this.drawOver();
    if (this.aims) this.settle();
  }

  drawOver() {
    if (!this.view) return;
    const context = canvasOn(this.view, 'lens-over', false);
    this.thumbnails = this.state.layers.includes('clusters') && drawThumbnails(context, this.view, this.originals);
    const asked = this.asked && { place: this.asked.place, posterior: null, neighbours: [] };
    drawOver(context, this.view, { ...this.state, names: this.names ?? [], ...asked });
  }

  // The player of the interpolation says where it is.
  travel({ place, moved }) {
    this.state.traveller = place;
    this.drawOver();
    if (moved && !this.pointer) this.show(place, 'on the road from A to B');
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
    const { atlas } = this.state;
    const drawn = atlas?.sample(place, this.readout.grey) ?? false;
    const empty = this.expected ? 'the lens is on its way' : 'there is no lens on this plane';
    this.readout.showGrey(drawn);
    this.readout.say(place, this.state, drawn ? words : atlas ? 'beyond the atlas: click to decode it' : empty);
  }

  // With no pointer on the plane: the pinned image, as the server decoded it.
  rest() {
    if (!this.pinned) return;
    const { image, place, words } = this.pinned;
    this.readout.showImage(image);
    this.readout.showOriginal(this.originals, this.state.probe);
    this.readout.say(place, this.state, words);
  }

  // Whether the lens looks at a place of the visitor's choice.
  get aims() {
    return Boolean(this.pointer ?? this.state.cursor);
  }

  // What is to be seen while nothing moves: what lies under the pointer by now, or else at the cursor, or else what is pinned.
  settle() {
    if (this.press || !this.view) return;
    if (this.pointer && !this.view.holds(...this.pointer)) this.pointer = null;
    const place = this.pointer ? this.view.placeAt(...this.pointer) : this.state.cursor;
    if (!place || !this.state.atlas) return this.rest();
    this.show(place, this.pointer ? UNDER : this.words);
    if (this.pointer) this.showOriginalAt(...this.pointer, this.reachOf({ pointerType: 'mouse' }));
    else this.readout.showOriginal(this.originals, null);
  }

  // Streamlit makes the chart after this component, and anew when it likes: whoever has no ears yet is given some.
  attach() {
    const { graph, container } = this;
    this.loadAtlas();
    this.loadOriginals();
    if (!graph?.on || !graph._fullLayout?.xaxis) return;
    if (graph.ears !== this) {
      if (!graph.ears) listenTo(graph);
      graph.ears = this;
      container.tabIndex = 0;
      container.setAttribute('role', 'application');
      container.setAttribute('aria-label', 'The plane. Arrow keys move the lens, Enter pins what it shows, Escape goes back.');
      hideNames(graph);
      this.draw();
    } else if (!this.view || !graph.querySelector('canvas.lens-over')) this.draw();
    else if (!this.press) this.lookAgain();
  }

  // The page may have scrolled, or moved to a screen of other pixels.
  lookAgain() {
    const before = this.view;
    if (!this.look() || !before || this.view.state === before.state) return;
    if (this.view.ratio !== before.ratio) this.draw();
    else if (this.aims) this.settle();
  }

  stop() {
    this.hear();
    this.unlisten();
    if (window.vaeLens === this) delete window.vaeLens; // it would keep its atlas
  }
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const host = parentElement.host ?? parentElement;
  if (!host.lens) {
    host.lens = new Lens(parentElement);
    host.lens.unlisten = listen(host.lens);
    window.vaeLens = host.lens; // for whoever measures it
  }
  host.lens.send = (picked) => setTriggerValue('pick', picked);
  host.lens.update(data);
  return endedWithHost(host, 'lens', (lens) => lens.stop());
}
