// The page's texts, in the language of the document: one JSON file per language.

const answer = await fetch(`/static/words/${document.documentElement.lang}.json`);
const words = await answer.json();

export const language = document.documentElement.lang;

/** The text under a key, with {name} filled in; the key itself shows that a text is missing. */
export function t(key, values = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
