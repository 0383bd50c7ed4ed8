// One dot followed: a line through its places in all frames so far, and a ring around where it is.

export const REACH = { mouse: 10, pen: 10, touch: 18 }; // pixels from a dot that still mean it

// The dot nearest to a pixel, of those whose class is shown; null where none is within reach.
export const dotNear = (places, labels, hidden, layout, x, y, reach) => {
  const { left, across, top, down } = layout.map;
  let best = null;
  let shortest = reach * reach;
  for (let probe = 0; probe < labels.length; probe++) {
    const distance = (left + across * places[2 * probe] - x) ** 2 + (top + down * places[2 * probe + 1] - y) ** 2;
    if (distance > shortest || hidden.has(labels[probe])) continue;
    shortest = distance;
    best = probe;
  }
  return best;
};

// Ink on paper, which is seen on any dot.
export const drawTrail = (context, points, { ink, paper }, scale) => {
  [context.lineJoin, context.lineCap] = ['round', 'round'];
  for (const [colour, width] of [[paper, 5], [ink, 2.5]]) {
    [context.strokeStyle, context.lineWidth] = [colour, width * scale];
    context.beginPath();
    points.forEach((point) => context.lineTo(...point));
    context.stroke();
  }
  const [x, y] = points.at(-1);
  for (const [colour, width] of [[paper, 7], [ink, 3]]) {
    [context.strokeStyle, context.lineWidth] = [colour, width * scale];
    context.beginPath();
    context.arc(x, y, 9 * scale, 0, 2 * Math.PI);
    context.stroke();
  }
};
