// The held-out pictures, which come as one picture of them all, and the codes that are seen as thumbnails.

import { SIDE } from './atlas.js';

const MOST = 250; // codes that are seen as thumbnails at a time
export const THUMBNAIL = 30; // pixels of the screen
const HIDDEN = '#7d8794';

export class Originals {
  constructor(bitmap, count, columns) {
    Object.assign(this, { bitmap, count, columns });
  }

  // Draw the picture of this number as a square; false where there is none.
  draw(context, number, x, y, side) {
    if (!Number.isInteger(number) || number < 0 || number >= this.count) return false;
    const [column, row] = [number % this.columns, Math.floor(number / this.columns)];
    context.imageSmoothingEnabled = false;
    context.drawImage(this.bitmap, column * SIDE, row * SIDE, SIDE, SIDE, x, y, side, side);
    return true;
  }
}

// The page has them as a hidden picture; null where the data set is not at hand.
export const originalsImage = () => document.querySelector('.st-key-originals img');

export const loadOriginals = async (image) => {
  await image.decode();
  const [count, columns] = image.alt.split(' ').map(Number);
  return new Originals(await createImageBitmap(image, { colorSpaceConversion: 'none' }), count, columns);
};

// In place of dots, where few enough are in view: whether there are thumbnails now.
export const drawThumbnails = (context, view, originals) => {
  const codes = originals ? view.codesInView(MOST) : [];
  for (const { probe, at, colour } of codes) {
    const [x, y] = at.map((pixel) => Math.round(pixel - THUMBNAIL / 2));
    context.fillStyle = typeof colour === 'string' ? colour : HIDDEN;
    context.fillRect(x - 2, y - 2, THUMBNAIL + 4, THUMBNAIL + 4);
    originals.draw(context, probe, x, y, THUMBNAIL);
  }
  return codes.length > 0;
};
