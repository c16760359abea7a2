// How curves are shown. The settings stand in the address, and the last ones are kept for the next
// page that is opened without any.

import { $, afterwards, setText } from "./dom.js";
import { onKeys } from "./keys.js";
import { read, readAll, readNumber, write } from "./address.js";

const KEPT = "lasagnette-curves";
const DEFAULTS = {
  x: "step",
  smooth: 0,
  cut: 0,
  logy: false,
  logx: false,
  band: true,
  marks: true,
  ghosts: false,
  from: null,
  to: null,
  filter: "",
  hide: "",
};
const LASTING = ["x", "smooth", "cut", "logy", "logx", "band", "marks", "ghosts"];
const DRAGGED = new Set(["smooth", "cut", "filter"]); // browsers limit how often addresses change
const DRAWN_ONLY = new Set(["cut", "logy", "logx", "band", "marks", "filter", "hide"]);

/**
 * Read the settings and bind the controls of curve_controls.html to them.
 *
 * `changed(settings, reload)` is called after each change; `reload` says that other numbers are
 * needed.
 */
export function bindSettings(changed) {
  const settings = fromAddress();
  const keepSoon = afterwards(() => keep(settings), 200);

  function set(values) {
    Object.assign(settings, values);
    reflect(settings);
    if (Object.keys(values).some((name) => DRAGGED.has(name))) keepSoon();
    else keep(settings);
    changed(settings, !Object.keys(values).every((name) => DRAWN_ONLY.has(name)));
  }

  for (const radio of document.querySelectorAll("input[name=x]")) {
    radio.addEventListener("change", () => set({ x: radio.value, from: null, to: null }));
  }
  $("smooth").addEventListener("input", () => set({ smooth: $("smooth").valueAsNumber }));
  $("cut").addEventListener("input", () => set({ cut: Math.max(0, $("cut").valueAsNumber || 0) }));
  $("filter").addEventListener("input", () => set({ filter: $("filter").value }));
  for (const name of ["logy", "logx", "band", "marks", "ghosts"]) {
    $(name).addEventListener("change", () => set({ [name]: $(name).checked }));
  }

  let last = settings.smooth || 0.9;
  const smoothBy = (by) =>
    set({ smooth: Math.round(100 * Math.min(0.99, Math.max(0, settings.smooth + by))) / 100 });
  onKeys({
    l: () => set({ logy: !settings.logy }),
    s: () => {
      if (settings.smooth) last = settings.smooth;
      set({ smooth: settings.smooth ? 0 : last });
    },
    "[": () => smoothBy(-0.05),
    "]": () => smoothBy(0.05),
  });

  reflect(settings);
  keep(settings);
  return { settings, set };
}

function fromAddress() {
  const settings = { ...DEFAULTS };
  if (
    [...new URLSearchParams(location.search).keys()].every(
      (name) => name === "run" || name === "baseline",
    )
  ) {
    Object.assign(settings, kept());
  }
  for (const name of Object.keys(DEFAULTS)) {
    if (name === "from" || name === "to") settings[name] = readNumber(name);
    else settings[name] = read(name, settings[name]);
  }
  settings.hide = new Set(readAll("hide"));
  if (!["step", "epoch", "time"].includes(settings.x)) settings.x = DEFAULTS.x;
  settings.smooth = Math.min(0.99, Math.max(0, settings.smooth));
  settings.cut = Math.max(0, settings.cut);
  return settings;
}

function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(KEPT)) ?? {};
    return Object.fromEntries(
      LASTING.filter((name) => typeof found[name] === typeof DEFAULTS[name]).map((name) => [
        name,
        found[name],
      ]),
    );
  } catch {
    return {};
  }
}

function keep(settings) {
  write({ ...settings, hide: [...settings.hide] }, DEFAULTS);
  try {
    localStorage.setItem(
      KEPT,
      JSON.stringify(Object.fromEntries(LASTING.map((name) => [name, settings[name]]))),
    );
  } catch {
    // the browser keeps nothing for this site; the address still does
  }
}

/** Show the settings in the controls, but leave alone what somebody is typing in. */
function reflect(settings) {
  for (const radio of document.querySelectorAll("input[name=x]"))
    radio.checked = radio.value === settings.x;
  for (const name of ["logy", "logx", "band", "marks", "ghosts"]) $(name).checked = settings[name];
  $("smooth").value = settings.smooth;
  setText($("smooth-value"), settings.smooth.toFixed(2));
  if (document.activeElement !== $("cut")) $("cut").value = settings.cut;
  if (document.activeElement !== $("filter")) $("filter").value = settings.filter;
  $("zoom-all").disabled = settings.from === null && settings.to === null;
}
