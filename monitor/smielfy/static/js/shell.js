// What every page has: language and colours, requests, the sentence about a failure.

import { $, show } from "/base/js/dom.js";
import { remember } from "/base/js/theme.js";

for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => {
    remember("language", button.dataset.language);
    location.reload();
  });
}

const token = document.querySelector("meta[name=csrf-token]").content;

/** Ask the server; its refusal becomes an Error with the sentence that it gave. */
export async function ask(address, options = {}) {
  const answer = await fetch(address, options);
  const content = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(content?.error ?? `${answer.status} ${answer.statusText}`);
  return content;
}

/** Send something that changes something. */
export const send = (address, body, headers = {}) =>
  ask(address, { method: "POST", body, headers: { "X-CSRF-Token": token, ...headers } });

/** Send JSON. */
export const sendJson = (address, content) =>
  send(address, JSON.stringify(content), { "Content-Type": "application/json" });

/** Show a sentence in a place that is hidden while it has none. */
export function tell(place, text) {
  show(place, text ?? "");
  place.hidden = !text;
}

/** Run something asynchronous; a failure is shown at the head of the page. */
export async function attempt(action) {
  try {
    tell($("failure"), null);
    return await action();
  } catch (error) {
    tell($("failure"), error.message);
    return undefined;
  }
}
