// The image's log p(x|z) on two grids, kept for the equation: an element of its own, so that it is sent once for an image.

export default function ({ parentElement, data }) {
  (parentElement.host ?? parentElement).grids = data;
}
