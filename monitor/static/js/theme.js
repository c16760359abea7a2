// Dark and light: by the system, or as the reader chose.

import { $, setText } from "./dom.js";
import { t } from "./words.js";

const THEMES = ["auto", "light", "dark"];
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
const changed = new Set();

/** Call `action` when the colours are different from now on. */
export const onTheme = (action) => changed.add(action);

/** Keep a choice for a year. */
export function remember(what, value) {
  document.cookie = `lasagnette-${what}=${value}; Path=/; Max-Age=31536000; SameSite=Strict`;
}

/** The colour that a variable of the style sheet stands for at this moment. */
export function colour(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

/** How much larger than usual the page's type is: lines and signs grow with it on large screens. */
export const rem = () => parseFloat(getComputedStyle(root).fontSize) / 16;

/** A colour made transparent. */
export const faint = (value, opacity) =>
  value.replace(/^rgba?\((\d+), (\d+), (\d+).*$/, `rgba($1, $2, $3, ${opacity})`);

system.addEventListener("change", () => changed.forEach((action) => action()));
$("theme").addEventListener("click", () => {
  const theme = THEMES[(THEMES.indexOf(root.dataset.theme) + 1) % THEMES.length];
  root.dataset.theme = theme;
  remember("theme", theme);
  setText($("theme-name"), t(`theme.${theme}`));
  changed.forEach((action) => action());
});
