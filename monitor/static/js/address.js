// Settings live in the page's address: a reload, a bookmark and a link show the same view.

/** Read a setting; absent ones are the default, numbers that are none as well. */
export function read(name, fallback) {
  const text = new URLSearchParams(location.search).get(name);
  if (text === null) return fallback;
  if (typeof fallback === "boolean") return text === "1";
  if (typeof fallback === "number")
    return Number.isFinite(Number(text)) && text !== "" ? Number(text) : fallback;
  return text;
}

/** Read a number that may be absent. */
export function readNumber(name) {
  const value = read(name, NaN);
  return Number.isNaN(value) ? null : value;
}

/** Read all values of a setting that may come several times. */
export const readAll = (name) => new URLSearchParams(location.search).getAll(name);

/** Write settings; null, an empty list and the default (if given) leave one out. */
export function write(settings, defaults = {}) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(settings)) {
    query.delete(name);
    if (value === null || value === undefined || value === "" || value === defaults[name]) continue;
    for (const one of [value].flat())
      query.append(name, typeof one === "boolean" ? Number(one) : one);
  }
  const text = query.toString();
  history.replaceState(null, "", text ? `?${text}` : location.pathname);
}

/** The address of a page of a run; ids need no escaping. */
export const pageOf = (page, run) => `/${page}/${run}`;
