// The colours of the theme on the screen, by the words that ui/charts/palette.py has for them.

const LISTS = ['--st-chart-categorical-colors', '--st-chart-sequential-colors', '--st-chart-diverging-colors'];

// All of them, in the order of the words' numbers.
export const coloursAt = (element) => {
  const style = getComputedStyle(element);
  return LISTS.flatMap((name) => style.getPropertyValue(name).split(',').map((colour) => colour.trim()));
};

// A text with colours in the place of words.
export const painted = (text, colours) => text.replace(/#0000([0-3]\d)(?=["\b]|$)/g, (word, number) => colours[number - 1] ?? word);

// A word as a style sheet has it: what is styled so follows the theme by itself.
export const cssOf = (word) => `var(--paint-${Number(word.slice(1))})`;
