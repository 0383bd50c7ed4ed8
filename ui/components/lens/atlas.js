// The atlas: the plane decoded once by the server, from which any point is drawn here. `vae/latent/atlas.py` says how it is stored.

export const SIDE = 28;
const PIXELS = SIDE * SIDE;
const STEPS = 8; // entries of the table per stored grey level
const LONGEST_BLOCK = 10; // milliseconds of unpacking before the page may breathe

// From the stored q to the mean pixel p = q^2 / (q^2 + (1 - q)^2), as a grey value.
const GREY = Uint8ClampedArray.from({ length: 255 * STEPS + 1 }, (_, index) => {
  const q = index / (255 * STEPS);
  return Math.round((255 * q * q) / (q * q + (1 - q) * (1 - q)));
});

const catmullRom = (t, weights) => {
  weights[0] = (-t + 2 * t * t - t * t * t) / 2;
  weights[1] = (2 - 5 * t * t + 3 * t * t * t) / 2;
  weights[2] = (t + 4 * t * t - 3 * t * t * t) / 2;
  weights[3] = (t * t * t - t * t) / 2;
};

export class Atlas {
  constructor(lattice, size, extent, error) {
    Object.assign(this, { lattice, size, extent, error });
    this.sums = new Float32Array(PIXELS);
    this.across = new Float32Array(4);
    this.up = new Float32Array(4);
  }

  covers([a, b]) {
    return Math.abs(a) <= this.extent && Math.abs(b) <= this.extent;
  }

  // Write the image at a place of the plane as 784 grey values; false where the atlas does not reach.
  sample(place, grey) {
    if (!this.covers(place)) return false;
    const { lattice, size, extent, sums, across, up } = this;
    const x = ((place[0] / extent + 1) / 2) * (size - 1);
    const y = ((place[1] / extent + 1) / 2) * (size - 1);
    const column = Math.min(Math.floor(x), size - 2);
    const row = Math.min(Math.floor(y), size - 2);
    catmullRom(x - column, across);
    catmullRom(y - row, up);
    sums.fill(0);
    for (let i = 0; i < 4; i++) {
      const start = Math.min(Math.max(row + i - 1, 0), size - 1) * size;
      for (let j = 0; j < 4; j++) {
        const weight = up[i] * across[j];
        const tile = (start + Math.min(Math.max(column + j - 1, 0), size - 1)) * PIXELS;
        for (let k = 0; k < PIXELS; k++) sums[k] += weight * lattice[tile + k];
      }
    }
    for (let k = 0; k < PIXELS; k++) {
      grey[k] = GREY[Math.min(Math.max(Math.round(sums[k] * STEPS), 0), GREY.length - 1)];
    }
    return true;
  }
}

// Unpack the server's picture: maps of one pixel each, side by side, become images of one lattice point each.
export const unpackAtlas = async (picture, size, extent, error) => {
  const bitmap = await createImageBitmap(picture, { colorSpaceConversion: 'none' });
  const columns = bitmap.width / size;
  const canvas = new OffscreenCanvas(bitmap.width, size);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const lattice = new Uint8Array(size * size * PIXELS);
  let began = performance.now();
  for (let pixel = 0; pixel < PIXELS; pixel++) {
    if (pixel % columns === 0) {
      if (performance.now() - began > LONGEST_BLOCK) {
        await new Promise((resume) => setTimeout(resume));
        began = performance.now();
      }
      context.drawImage(bitmap, 0, (-pixel / columns) * size);
    }
    const map = context.getImageData((pixel % columns) * size, 0, size, size).data;
    for (let point = 0; point < size * size; point++) lattice[point * PIXELS + pixel] = map[point * 4];
  }
  bitmap.close();
  return new Atlas(lattice, size, extent, error);
};

// Grey values onto a canvas of 28 x 28.
export class Screen {
  constructor(canvas) {
    this.context = canvas.getContext('2d');
    this.image = this.context.createImageData(SIDE, SIDE);
    this.words = new Uint32Array(this.image.data.buffer);
    this.grey = new Uint8ClampedArray(PIXELS);
  }

  show() {
    for (let k = 0; k < PIXELS; k++) this.words[k] = 0xff000000 | (this.grey[k] * 0x010101);
    this.context.putImageData(this.image, 0, 0);
  }
}
