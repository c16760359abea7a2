// Building elements without ever parsing HTML: names of runs and tags come from strangers.

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set([
  "svg",
  "path",
  "polyline",
  "line",
  "rect",
  "circle",
  "g",
  "text",
  "title",
]);

/**
 * Make an element. Attributes that begin with "on" are listeners; true and false set and leave out
 * an attribute; children are nodes or texts, null ones are passed over.
 */
export function h(name, attributes = {}, ...children) {
  const node = SVG_TAGS.has(name)
    ? document.createElementNS(SVG, name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(
    ...children.flat().filter((child) => child !== null && child !== undefined && child !== false),
  );
  return node;
}

/** The element with an id. */
export const $ = (id) => document.getElementById(id);

/** Replace all that is in an element. */
export function show(node, ...children) {
  node.replaceChildren(
    ...children.flat().filter((child) => child !== null && child !== undefined && child !== false),
  );
}

/** Set an element's text; nothing happens, and no screen reader speaks, if it is the same. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Call `action` once after calls have ceased for so many milliseconds. */
export function afterwards(action, milliseconds) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...values), milliseconds);
  };
}

/** Offer content as a file. */
export function download(name, content, type) {
  const url = URL.createObjectURL(
    content instanceof Blob ? content : new Blob([content], { type }),
  );
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
