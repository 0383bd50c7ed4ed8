// Numbers as the page writes them: a real minus sign, and none before a zero.

export const number = (value, digits = 2) => {
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? text.replace('-', '') : text).replace('-', '−');
};

export const significant = (value) => String(Number(value.toPrecision(3))).replace('-', '−');
