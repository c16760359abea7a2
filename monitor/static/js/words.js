// The page's texts, in the language of the document: one JSON file per language.

const answer = await fetch(`/static/words/${document.documentElement.lang}.json`);
const words = await answer.json();

export const language = document.documentElement.lang;

/** How numbers and dates are written: as the browser says, if it speaks the language of the page. */
export const locale = navigator.languages.find((one) => one.startsWith(language)) ?? language;

/** The text under a key, with {name} filled in; the key itself shows that a text is missing. */
export function t(key, values = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
