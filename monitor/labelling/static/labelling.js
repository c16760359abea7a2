// The labelling page: keys and taps go to the server, and what it answers is shown.

import { $, setText } from "/static/js/dom.js";

const language = document.documentElement.lang;
const words = await (await fetch(`/labelling/words/${language}.json`)).json();
const picture = $("picture");
const strip = $("strip");
const smileys = [...document.querySelectorAll("[data-label]")];
const csrf = document.querySelector("meta[name=csrf-token]").content;
const MARKED = "#ffb000";
const KEPT = 40; // pictures that are held ready
const WAITING = 3; // keys that a held key may be ahead of the server

let state = null;
let looping = false;
let waiting = 0;
let queue = Promise.resolve();
const pictures = new Map();

const t = (key, values = {}) =>
  (words[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
const colour = (label) => smileys[label].dataset.colour;

// asking the server

async function ask(address, body) {
  const options = body && {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
    body: JSON.stringify(body),
  };
  const answer = await fetch(`/api/${address}`, options);
  if (answer.ok) return answer.json();
  throw new Error((await answer.json()).error);
}

/** Ask in turn, so that keys act in their order; gives a promise that the answer is shown. */
function send(address, body) {
  waiting += 1;
  queue = queue
    .then(() => ask(address, body))
    .then(render)
    .then(() => ($("lost").hidden = true))
    .catch((error) => {
      if (!(error instanceof TypeError)) setText($("said"), error.message);
      else $("lost").hidden = false; // no answer at all
      if (state) state.playing = false;
    })
    .finally(() => (waiting -= 1));
  return queue;
}

/** The picture of a frame, decoded. */
function load(number) {
  const address = `/api/frames/${state.clip}/${number}`;
  let found = pictures.get(address);
  if (!found) {
    const image = new Image();
    image.src = address;
    found = image.decode().then(() => image);
    found.catch(() => pictures.delete(address));
    pictures.set(address, found);
    if (pictures.size > KEPT) pictures.delete(pictures.keys().next().value);
  }
  return found;
}

// showing

async function render(answer) {
  state = answer;
  const { frame, count, label, begin } = state;
  setText($("label"), label < 0 ? "" : smileys[label].dataset.smiley);
  setText($("frame"), t("frame", { frame, last: count - 1 }) + (label < 0 ? ` · ${t("none")}` : ""));
  setText($("range"), begin === null ? "" : t("range", { begin }));
  setText($("labelled"), t("labelled", state));
  setText($("said"), state.said ? t(`said.${state.said}`, state.values) : "");
  for (const button of smileys)
    button.setAttribute("aria-pressed", Number(button.dataset.label) === label);
  drawStrip();
  const image = await load(frame);
  if (state === answer) drawPicture(image);
  if (frame + 1 < count) load(frame + 1).catch(() => {});
  document.body.dataset.frame = frame;
  if (state.playing) play();
  else if (state.searching) setTimeout(() => state === answer && send("state"), 700);
}

function drawPicture(image) {
  if (picture.width !== image.naturalWidth || picture.height !== image.naturalHeight) {
    picture.width = image.naturalWidth;
    picture.height = image.naturalHeight;
  }
  const context = picture.getContext("2d");
  context.drawImage(image, 0, 0);
  if (!state.square) return;
  const scale = picture.width / Number(picture.dataset.width);
  const [x, y, side] = state.square.map((value) => value * scale);
  const line = Math.max(2, picture.width / 250);
  for (const [width, style] of [
    [line + 2, "#000"],
    [line, state.label < 0 ? "#fff" : colour(state.label)],
  ]) {
    context.lineWidth = width;
    context.strokeStyle = style;
    context.strokeRect(x, y, side, side);
  }
}

function drawStrip() {
  const { frame, count, begin, runs } = state;
  const context = strip.getContext("2d");
  const { width, height } = strip;
  const place = (number) => (number / count) * width;
  const fill = (first, last, style, y, high) => {
    context.fillStyle = style;
    context.fillRect(place(first), y, Math.max(2, place(last + 1) - place(first)), high);
  };
  fill(0, count - 1, "#3a4550", 0, height);
  for (const [first, last, label] of runs) fill(first, last, colour(label), 6, height - 12);
  if (begin !== null) fill(Math.min(begin, frame), Math.max(begin, frame), MARKED, 0, 6);
  context.fillStyle = "#fff";
  context.fillRect(place(frame + 0.5) - 3, 0, 6, height);
  context.fillStyle = "#000";
  context.fillRect(place(frame + 0.5) - 1, 0, 2, height);
}

/** Tell the server how time passes, as long as the clip plays. */
async function play() {
  if (looping) return;
  looping = true;
  let last = performance.now();
  while (state.playing) {
    await new Promise((done) => setTimeout(done, 20));
    if (!state.playing) break;
    const now = performance.now();
    const elapsed = (now - last) / 1000;
    last = now;
    await send("tick", { elapsed });
  }
  looping = false;
}

// keys, taps, clicks

const NAMES = {
  Space: "space",
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
  PageUp: "pageup",
  PageDown: "pagedown",
  Home: "home",
  End: "end",
  Backspace: "backspace",
  Delete: "delete",
  NumpadAdd: "+",
  NumpadSubtract: "-",
};

/** The name of a key: letters as the layout has them, or by their place if it is not a Latin one. */
function nameOf(event) {
  if (event.ctrlKey || event.metaKey) {
    if (event.code === "KeyZ") return event.shiftKey ? "r" : "u";
    return event.code === "KeyY" ? "r" : "";
  }
  if (event.altKey) return "";
  const named = NAMES[event.code];
  if (named) return event.shiftKey && event.key.startsWith("Arrow") ? `shift+${named}` : named;
  const [, digit] = event.code.match(/^(?:Digit|Numpad)(\d)$/) ?? [];
  if (digit && !(event.shiftKey && event.key === "+")) return digit;
  if (/^[!-~]$/.test(event.key)) return event.key.toLowerCase();
  const [, letter] = event.code.match(/^Key([A-Z])$/) ?? [];
  return letter ? letter.toLowerCase() : "";
}

const known = new Set(
  [...document.querySelectorAll("[data-key]")].map((button) => button.dataset.key),
);
for (const key of ["pageup", "pagedown", "backspace", "delete", "=", "_"]) known.add(key);
for (const way of ["left", "right", "up", "down"]) known.add(`shift+${way}`);

document.addEventListener("keydown", (event) => {
  if (event.target.matches("button") && ["Enter", " "].includes(event.key)) return;
  const key = nameOf(event);
  if (!known.has(key)) return;
  event.preventDefault();
  if (event.repeat && (waiting > WAITING || key === "space")) return;
  send("key", { key });
});

for (const button of document.querySelectorAll("[data-key]")) {
  button.addEventListener("click", (event) => {
    if (event.detail > 0) button.blur(); // so that the space bar plays again
    send("key", { key: button.dataset.key });
  });
}
for (const button of smileys) button.querySelector("i").style.backgroundColor = button.dataset.colour;

strip.addEventListener("click", (event) => {
  if (!state) return;
  const { left, width } = strip.getBoundingClientRect();
  send("seek", { frame: Math.floor(((event.clientX - left) / width) * state.count) });
});

for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => {
    const kept = "Path=/; Max-Age=31536000; SameSite=Strict";
    document.cookie = `lasagnette-language=${button.dataset.language}; ${kept}`;
    location.reload();
  });
}

send("state");
