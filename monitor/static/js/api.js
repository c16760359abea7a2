// Talking to the server: JSON, the binary form of curves, changes. docs/monitor-api.md describes both.

let csrf = document.querySelector("meta[name=csrf-token]").content;

/** An answer of 400 or more; the message is the server's sentence. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Make a query out of settings; lists repeat their name, null leaves one out. */
export function query(settings) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(settings)) {
    if (value === null || value === undefined || value === false || value === "") continue;
    for (const one of [value].flat()) search.append(name, one === true ? 1 : one);
  }
  const text = search.toString();
  return text && `?${text}`;
}

/** The address of a part of a run. */
export const ofRun = (id, part = "", settings = {}) =>
  `/api/runs/${id}${part && `/${part}`}${query(settings)}`;

async function ask(address, options) {
  const answer = await fetch(address, options);
  if (answer.ok || answer.status === 304) return answer;
  let sentence = `${answer.status} ${answer.statusText}`;
  try {
    sentence = (await answer.json()).error ?? sentence;
  } catch {
    // whatever stands between the browser and the server answers in its own words
  }
  throw new ApiError(answer.status, sentence);
}

/** GET an object. */
export async function getJson(address, options = {}) {
  return (await ask(address, options)).json();
}

/** GET an object and its ETag, by which a caller sees that nothing has changed. */
export async function getTagged(address) {
  const answer = await ask(address, {});
  return [await answer.json(), answer.headers.get("ETag")];
}

/** Take the header and the arrays of numbers of a binary answer apart. */
export function decode(bytes) {
  const text = new TextDecoder();
  if (text.decode(new Uint8Array(bytes, 0, 4)) !== "LSG1") throw new Error("no curves");
  const size = new DataView(bytes).getUint32(4, true);
  const head = JSON.parse(text.decode(new Uint8Array(bytes, 8, size)));
  const numbers = new Float64Array(bytes, 8 + size);
  const take = (place) => (place ? numbers.subarray(place.at, place.at + place.length) : null);
  return { head, take };
}

/** GET curves; null if there is nothing new. */
export async function getCurves(address, options = {}) {
  const answer = await ask(address, options);
  return answer.status === 304 ? null : decode(await answer.arrayBuffer());
}

/** POST a change. A server that was started anew has a new token: it is asked for once. */
export async function post(address, body, again = true) {
  try {
    const answer = await ask(address, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
      body: JSON.stringify(body),
    });
    return answer.json();
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 403 || !again) throw error;
    csrf = (await getJson("/api/session", { cache: "no-store" })).csrf;
    return post(address, body, false);
  }
}
