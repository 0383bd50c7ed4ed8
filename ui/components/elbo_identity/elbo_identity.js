// The central equation for one image: four numbers, both sides as columns, and q on the plane to move by hand. While q moves,
// all of it is computed here, from the image's values on two grids; when it rests, the server's exact numbers take their place.

import { endedWithHost } from '../shared/lifecycle.js';
import { drawBalance } from './balance.js';
import { ExpectedLogLikelihood, floatsOf, klToPrior } from './expected_log_likelihood.js';
import { signed } from './numbers.js';
import { PosteriorPlane } from './posterior_plane.js';

const TERMS = ['evidence', 'gap', 'reconstruction', 'kl'];

const withFloats = (grid) => ({ ...grid, values: floatsOf(grid.values) });

class Identity {
  constructor(root) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.asked = null; // q as it was sent, with the numbers that stood beside it
    this.worst = null; // nats that the exact numbers changed a term by, at most, for this image; null before q was moved
    this.resizing = new ResizeObserver(() => this.data && this.drawAgain());
    this.resizing.observe(this.find('.pictures'));
  }

  update(data, send) {
    if (this.data?.image !== data.image) [this.worst, this.asked] = [null, null];
    this.data = data;
    this.send = send;
    this.find('.pictures').classList.toggle('alone', !data.plane);
    for (const word of this.root.querySelectorAll('dfn')) word.setAttribute('aria-description', data.meanings[word.dataset.word]);
    if (this.plane?.held != null || (this.asked && data.answered !== this.asked.number)) return; // q is elsewhere by now
    this.compare();
    this.show(data.terms, data.texts, data.check);
    if (data.plane) this.showPlane();
  }

  end() {
    this.resizing.disconnect();
  }

  showPlane() {
    this.plane ??= new PosteriorPlane(this.find('svg.posterior_plane'), (q) => this.onMove(q), (q) => this.onRest(q));
    const { density } = this.data.plane;
    if (this.density?.text !== density.values) this.density = { ...withFloats(density), text: density.values };
    this.plane.update({ ...this.data.plane, density: this.density });
  }

  drawAgain() {
    drawBalance(this.find('svg.balance'), this.shown);
    this.plane?.draw();
  }

  // The numbers and the columns.
  show(terms, texts, check) {
    this.shown = terms;
    for (const name of TERMS) this.find(`.${name} b`).textContent = texts[name];
    this.find('.both b').textContent = texts.elbo;
    this.find('.check').textContent = check.map((part) => part.join(' ')).join(', ');
    drawBalance(this.find('svg.balance'), terms);
  }

  // What the grids of this image say, once they are here.
  get expected() {
    const { grids } = this.data.plane;
    if (this.grids?.name === grids) return this.grids.expected;
    const host = [...document.querySelectorAll('.st-key-grids *')].find((element) => element.grids);
    if (host?.grids.name !== grids) return null;
    const { extent, coarse, fine } = host.grids;
    this.grids = { name: grids, expected: new ExpectedLogLikelihood({ extent, coarse: withFloats(coarse), fine: withFloats(fine) }) };
    return this.grids.expected;
  }

  onMove({ mean, sigma }) {
    const { evidence } = this.data.terms;
    const kl = klToPrior(mean, sigma);
    const expected = this.expected;
    if (!expected?.covers(mean, sigma)) {
      this.moved = null;
      this.find('.kl b').textContent = signed(kl);
      for (const name of ['.gap b', '.reconstruction b', '.both b']) this.find(name).textContent = '…';
      this.tell(expected ? 'q reaches farther than the browser knows: the numbers come when you let go.' : 'The numbers come when you let go.');
      return;
    }
    const reconstruction = expected.under(mean, sigma);
    const terms = { evidence, gap: evidence - reconstruction + kl, reconstruction, kl };
    const texts = Object.fromEntries(TERMS.map((name) => [name, signed(terms[name])]));
    this.moved = terms;
    this.show(terms, { ...texts, evidence: this.data.texts.evidence, elbo: signed(reconstruction - kl) }, this.data.check.map(([name]) => [name, '…']));
    this.tell('Computed in the browser while q moves; exact when you let go.');
  }

  onRest({ mean, sigma }) {
    this.asked = { number: Date.now(), terms: this.moved };
    this.moved = null;
    this.send({ mean, sigma, number: this.asked.number });
  }

  // How far the numbers of the browser were from the exact ones.
  compare() {
    const { terms } = this.data;
    if (this.asked?.terms) {
      this.worst = Math.max(this.worst, ...TERMS.map((name) => Math.abs(terms[name] - this.asked.terms[name])));
      this.find('.said').textContent = `ELBO ${this.data.texts.elbo} nats, gap ${this.data.texts.gap} nats`;
    }
    const differed = this.worst < 0.001 ? 'less than 0.001' : signed(this.worst, 3);
    this.tell(this.worst !== null ? `When you let go, exact numbers replace the browser's; they differed by ${differed} nats at most.` : this.data.hint);
    this.asked = null;
  }

  tell(sentence) {
    this.find('.told').textContent = sentence;
  }
}

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const host = parentElement.host ?? parentElement;
  host.identity ??= new Identity(parentElement);
  host.identity.update(data, (q) => setTriggerValue('moved', q));
  return endedWithHost(host, 'identity', (identity) => identity.end());
}
