// A run's frames as they come from the server: one picture each. `ui/replay/packed_frames.py` says how they are packed.

export const SIDE = 28; // pixels of an image of the manifold
export const STEPS = 65535;

// The grey values of a picture, row by row.
const readGrey = async (image) => {
  const bitmap = await createImageBitmap(image, { colorSpaceConversion: 'none' });
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d', { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
  bitmap.close();
  return Uint8Array.from({ length: data.length / 4 }, (_, pixel) => data[pixel * 4]);
};

// Places as x0, y0, x1, y1, ... from all high bytes of x, its low bytes, and the same of y.
const readPlaces = (bytes, count, reach) => {
  const places = new Float32Array(2 * count);
  for (let axis = 0; axis < 2; axis++) {
    const high = 2 * axis * count;
    for (let probe = 0; probe < count; probe++) {
      const step = bytes[high + probe] * 256 + bytes[high + count + probe];
      places[2 * probe + axis] = ((step / STEPS) * 2 - 1) * reach;
    }
  }
  return places;
};

const median = (values) => {
  const sorted = Float32Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

// Where each class's name stands: at the median of its codes; null for a class without codes.
const middlesOf = (places, labels, classes) => {
  const members = Array.from({ length: classes }, () => [[], []]);
  for (let probe = 0; probe < labels.length; probe++) {
    members[labels[probe]][0].push(places[2 * probe]);
    members[labels[probe]][1].push(places[2 * probe + 1]);
  }
  return members.map(([x, y]) => (x.length ? [median(x), median(y)] : null));
};

// How far the codes are from their middle, in z: the root of the mean square.
const spreadOf = (places) => {
  const [sums, squares] = [[0, 0], [0, 0]];
  places.forEach((value, index) => {
    sums[index % 2] += value;
    squares[index % 2] += value * value;
  });
  const count = Math.max(places.length / 2, 1);
  return Math.sqrt(Math.max((squares[0] + squares[1]) / count - (sums[0] ** 2 + sums[1] ** 2) / count ** 2, 0));
};

// The manifold's mosaic as a canvas of its own size.
export const mosaicOf = (grey, side) => {
  const canvas = new OffscreenCanvas(side, side);
  const image = new ImageData(side, side);
  const words = new Uint32Array(image.data.buffer);
  for (let pixel = 0; pixel < words.length; pixel++) words[pixel] = 0xff000000 | (grey[pixel] * 0x010101);
  canvas.getContext('2d').putImageData(image, 0, 0);
  return canvas;
};

// What is kept of a frame: places, the names' places, and the mosaic's grey values (null without a grid).
export const unpackFrame = async (image, { cells, reach }, labels, classes) => {
  const grey = await readGrey(image);
  const side = cells * SIDE;
  const places = readPlaces(grey.subarray(side * side), labels.length, reach);
  const middles = middlesOf(places, labels, classes);
  return { places, middles, spread: spreadOf(places), grey: cells ? grey.slice(0, side * side) : null, side };
};

// Between two frames: a share of the way from each place to the same probe's next one.
export const blend = (from, to, share, into) => {
  for (let i = 0; i < into.length; i++) into[i] = from[i] + share * (to[i] - from[i]);
  return into;
};
