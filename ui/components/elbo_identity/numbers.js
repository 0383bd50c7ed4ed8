// Numbers as `ui/charts/markup.py` writes them.

// A real minus sign, and none before a zero.
export const signed = (value, digits = 2) => {
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? text.replace('-', '') : text).replace('-', '−');
};

// Three digits that matter.
export const significant = (value) => String(Number(value.toPrecision(3))).replace('-', '−');
