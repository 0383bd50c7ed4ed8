// Ten thousand dots at once: soft discs blended straight into a canvas's pixels, at a quarter of a pixel's precision.

const PHASES = 4; // places of a disc within a pixel, on each axis
const OPACITY = 0.75;

const reachOf = (radius) => Math.ceil(radius) + 1; // how many pixels from its centre's a disc may touch

// How much of each pixel around it a disc covers, as [column, row, weight of 256], when its centre lies at a phase.
const discAt = (radius, phaseX, phaseY) => {
  const [x, y] = [(phaseX + 0.5) / PHASES, (phaseY + 0.5) / PHASES];
  const reach = reachOf(radius);
  const cells = [];
  for (let row = -reach; row <= reach; row++) {
    for (let column = -reach; column <= reach; column++) {
      const distance = Math.hypot(column + 0.5 - x, row + 0.5 - y);
      const weight = Math.round(256 * OPACITY * Math.min(Math.max(radius + 0.5 - distance, 0), 1));
      if (weight) cells.push([column, row, weight]);
    }
  }
  return cells;
};

// "#rrggbb" or "rgb(r, g, b)" as a pixel of ImageData: 0xffbbggrr.
export const wordOf = (colour) => {
  const [red, green, blue] = colour.startsWith('#')
    ? [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16))
    : colour.match(/\d+/g).map(Number);
  return (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
};

export class PointRenderer {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d', { alpha: false, willReadFrequently: true });
  }

  // Pixels of the canvas and the dots' radius in them. Around the picture there is a margin, so that a dot at its edge is cut.
  resize(width, height, radius) {
    [this.canvas.width, this.canvas.height] = [width, height];
    this.reach = reachOf(radius);
    this.margin = 2 * this.reach;
    this.stride = width + 2 * this.margin;
    this.empty = true;
    this.image = new ImageData(this.stride, height + 2 * this.margin);
    this.words = new Uint32Array(this.image.data.buffer);
    this.ground = new Uint32Array(this.words.length);
    this.discs = Array.from({ length: PHASES * PHASES }, (_, phase) => {
      const cells = discAt(radius, phase % PHASES, Math.floor(phase / PHASES));
      return {
        offsets: Int32Array.from(cells, ([column, row]) => row * this.stride + column),
        weights: Int32Array.from(cells, ([, , weight]) => weight),
      };
    });
  }

  // What lies under the dots: whatever `paint` draws. It is seen alone until dots are drawn.
  setGround(ratio, paint) {
    const { width, height } = this.canvas;
    this.drawOver(ratio, paint);
    const painted = new Uint32Array(this.context.getImageData(0, 0, width, height).data.buffer);
    for (let row = 0; row < height; row++) {
      this.ground.set(painted.subarray(row * width, (row + 1) * width), (row + this.margin) * this.stride + this.margin);
    }
  }

  // Whatever `paint` draws, in CSS pixels, of which each is `ratio` of the canvas's.
  drawOver(ratio, paint) {
    this.context.save();
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    paint(this.context);
    this.context.restore();
  }

  // Dots at places (x0, y0, x1, ...) in the colours of their classes; a class of colour 0 is hidden. A place (x, y) has the
  // CSS pixel (left + across * x, top + down * y), and `ratio` of the canvas's pixels make one of these.
  draw(places, labels, colours, map, ratio) {
    const [left, across, top, down] = [map.left, map.across, map.top, map.down].map((length) => length * ratio);
    const { words, stride, reach, margin, discs } = this;
    const [farRight, farDown] = [this.canvas.width + reach, this.canvas.height + reach];
    this.empty = false;
    words.set(this.ground);
    for (let probe = 0; probe < labels.length; probe++) {
      const colour = colours[labels[probe]];
      if (!colour) continue;
      const x = left + across * places[2 * probe];
      const y = top + down * places[2 * probe + 1];
      const [column, row] = [Math.floor(x), Math.floor(y)];
      if (column < -reach || row < -reach || column >= farRight || row >= farDown) continue;
      const phase = Math.floor((x - column) * PHASES) + PHASES * Math.floor((y - row) * PHASES);
      stamp(words, (row + margin) * stride + column + margin, discs[phase], colour);
    }
    this.context.putImageData(this.image, -margin, -margin);
  }
}

// One disc; red with blue, and green, are blended as whole words.
const stamp = (words, origin, { offsets, weights }, colour) => {
  const [redBlue, green] = [colour & 0xff00ff, colour & 0x00ff00];
  for (let cell = 0; cell < offsets.length; cell++) {
    const at = origin + offsets[cell];
    const under = words[at];
    const weight = weights[cell];
    const rest = 256 - weight;
    const mixed = (Math.imul(redBlue, weight) + Math.imul(under & 0xff00ff, rest)) >>> 8;
    const mixedGreen = (Math.imul(green, weight) + Math.imul(under & 0x00ff00, rest)) >>> 8;
    words[at] = 0xff000000 | (mixed & 0xff00ff) | (mixedGreen & 0x00ff00);
  }
};
