// Review: every picture is accepted or rejected, and may be given another smiley.

import { $, setText } from "/base/js/dom.js";
import { t } from "/base/js/words.js";
import { ask, attempt, sendJson } from "./shell.js";

const KEYS = "1234567890qwetyios"; // the letters that decide are left out
const labels = [...document.querySelectorAll("input[name=label]")];

let pictures = [];
let withdrawn = 0;
let shown = []; // ids, as they were when the list was chosen
let at = 0;
const decisions = []; // what was there before, for undoing

const current = () => pictures.find((one) => one.id === shown[at]);
const which = () => document.querySelector("input[name=which]:checked").value;

async function load() {
  ({ pictures, withdrawn } = await ask("/api/pictures"));
  choose();
}

function choose() {
  const wanted = which();
  shown = pictures.filter((one) => wanted === "all" || one.status === wanted).map((one) => one.id);
  at = 0;
  draw();
}

function draw() {
  const counts = { new: 0, accepted: 0, rejected: 0, withdrawn };
  for (const one of pictures) counts[one.status] += 1;
  setText($("summary"), t("review.summary", counts));
  const one = current();
  $("content").hidden = !one;
  $("none").hidden = Boolean(one);
  setText($("none-text"), t(which() === "new" && pictures.length ? "review.done" : "review.none"));
  setText($("place"), one ? t("review.place", { at: at + 1, all: shown.length }) : "");
  $("before").disabled = at === 0;
  $("after").disabled = at >= shown.length - 1;
  $("undo").disabled = decisions.length === 0;
  if (!one) return;
  const asked = labels[one.smiley];
  $("picture").src = `/pictures/${one.id}.jpg`;
  place(one);
  setText($("wanted"), asked.parentElement.querySelector("bdi").textContent);
  setText($("wanted-name"), t(`name.${asked.dataset.name}`));
  $("wanted-face").src = `/face/${asked.dataset.name}.svg`;
  setText($("status"), t(`review.is.${one.status}`));
  $("shared").hidden = !one.released;
  $("status").dataset.status = one.status;
  const [width, height] = one.size;
  const facts = { day: one.day, person: one.person.slice(0, 6), width, height, score: one.score.toFixed(2) };
  setText($("facts"), t("review.facts", facts));
  labels[one.label].checked = true;
}

/** Lay the frame over the picture, in parts of its size. */
function place({ box: [x, y, width, height], size: [columns, rows] }) {
  Object.assign($("box").style, {
    left: `${(100 * x) / columns}%`,
    top: `${(100 * y) / rows}%`,
    width: `${(100 * width) / columns}%`,
    height: `${(100 * height) / rows}%`,
  });
}

const store = (one, status, label) =>
  attempt(async () => {
    Object.assign(one, await sendJson(`/api/pictures/${one.id}`, { status, label }));
    return true;
  });

async function decide(status) {
  const one = current();
  if (!one) return;
  const before = { id: one.id, status: one.status, label: one.label };
  if (!(await store(one, status, one.label))) return;
  decisions.push(before);
  if (at < shown.length - 1) at += 1;
  else if (which() === "new") shown = shown.filter((id) => statusOf(id) === "new");
  at = Math.min(at, Math.max(0, shown.length - 1));
  draw();
}

const statusOf = (id) => pictures.find((one) => one.id === id).status;

async function relabel(label) {
  const one = current();
  if (!one || label === one.label) return;
  const before = { id: one.id, status: one.status, label: one.label };
  if (await store(one, one.status, label)) decisions.push(before);
  draw();
}

async function undo() {
  const before = decisions.pop();
  if (!before) return;
  const one = pictures.find((picture) => picture.id === before.id);
  await store(one, before.status, before.label);
  if (!shown.includes(one.id)) shown.push(one.id);
  at = shown.indexOf(one.id);
  draw();
}

function turn(by) {
  at = Math.max(0, Math.min(shown.length - 1, at + by));
  draw();
}

$("accept").addEventListener("click", () => decide("accepted"));
$("reject").addEventListener("click", () => decide("rejected"));
$("undo").addEventListener("click", undo);
$("before").addEventListener("click", () => turn(-1));
$("after").addEventListener("click", () => turn(1));
for (const radio of document.querySelectorAll("input[name=which]")) radio.addEventListener("change", choose);
labels.forEach((radio, number) => {
  radio.addEventListener("change", () => relabel(number));
  setText(radio.parentElement.querySelector("kbd"), (KEYS[number] ?? "").toUpperCase());
});

const ACTIONS = {
  a: () => decide("accepted"),
  r: () => decide("rejected"),
  u: undo,
  arrowleft: () => turn(-1),
  arrowright: () => turn(1),
};
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const latin = event.key.length > 1 || event.key.charCodeAt(0) < 128;
  const key = (latin ? event.key : event.code.replace(/^(Key|Digit)/, "")).toLowerCase();
  if (key.startsWith("arrow") && event.target.matches("input[type=radio]")) return;
  const number = KEYS.indexOf(key);
  const action = ACTIONS[key] ?? (labels[number] && (() => relabel(number)));
  if (!action) return;
  event.preventDefault();
  action();
});

await attempt(load);
document.body.dataset.ready = "";
