// What every page has: language, theme, help, short messages, the sentence about a failure.

import { $, h, show } from "./dom.js";
import { onKeys } from "./keys.js";
import { remember } from "./theme.js";
import { t } from "./words.js";

for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => {
    remember("language", button.dataset.language);
    location.reload();
  });
}

const help = () => $("keys").showModal();
$("help").addEventListener("click", help);
onKeys({
  "?": help,
  "/": () => ($("search") ?? $("filter"))?.focus(),
});

/** Show the sentence of an error until something else is loaded. */
export function fail(error) {
  const place = $("failure");
  if (place.textContent !== error.message) show(place, error.message);
  place.hidden = false;
}

/** Say something at the lower edge for some seconds, with a button to take it back. */
export function toast(text, label = null, action = null) {
  const node = h("div", { class: "toast" }, h("span", {}, text));
  if (label) {
    node.append(h("button", { type: "button", onclick: () => (node.remove(), action()) }, label));
  }
  show($("toasts"), node);
  setTimeout(() => node.remove(), action ? 15000 : 5000);
}

/** Run something asynchronous; a failure is shown instead of lost. */
export async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    fail(error);
    return undefined;
  }
}

const SIGNS = {
  running: ["circle", { cx: 8, cy: 8, r: 6 }],
  stalled: ["path", { d: "M5 2v12M11 2v12" }],
  crashed: ["path", { d: "M2 2l12 12M14 2L2 14" }],
  finished: ["path", { d: "M2 8l4 5 8-10" }],
};

/** A run's status as a sign, so that it does not rest on colour, and a word. */
export function statusSign(status) {
  if (!status) return h("span", { class: "muted" }, t("status.unknown"));
  const [shape, attributes] = SIGNS[status];
  return h(
    "span",
    { class: `status ${status}`, title: t(`status.${status}.hint`) },
    h("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, h(shape, attributes)),
    t(`status.${status}`),
  );
}
