// Asking for a smiley: look, take a picture, decide, thanks.

import { $, h, setText, show } from "/base/js/dom.js";
import { t } from "/base/js/words.js";
import * as camera from "./camera.js";
import { keep, kept } from "./codes.js";
import { ask, attempt, send, tell } from "./shell.js";

const FOCUS = { ask: "ask-title", camera: "shoot", decide: "decide-title", thanks: "thanks-title" };
const [video, shot] = [$("video"), $("shot")];

let asked = null; // what the server asks for
let skipped = [];
let countdown = 0; // the number of the one that runs

function go(step, focus = true) {
  document.body.dataset.step = step;
  for (const section of document.querySelectorAll("section[data-for]")) {
    section.hidden = section.dataset.for !== step;
  }
  countdown += 1;
  if (step !== "camera") camera.close(video);
  if (step === "ask" || step === "camera") camera.clear(shot);
  tell($("refused"), null);
  tell($("no-camera"), null);
  $("released").checked = false;
  if (focus) {
    $(FOCUS[step]).focus({ preventScroll: true });
    scrollTo(0, 0);
  }
}

// what is asked for

async function next(focus = true) {
  const left = [...new Set([...skipped, ...kept().map((one) => one.number)])];
  const query = new URLSearchParams(left.map((number) => ["not", number]));
  await attempt(async () => {
    asked = await ask(`/api/prompt?${query}`);
    const how = t(`how.${asked.name}`);
    setText($("smiley"), asked.smiley);
    setText($("name"), t(`name.${asked.name}`));
    setText($("how"), how);
    $("drawn").src = `/face/${asked.name}.svg`;
    $("drawn").alt = t("ask.drawn.alt", { how });
    $("somebody").hidden = !asked.example;
    if (asked.example) $("example").src = asked.example;
    else $("example").removeAttribute("src");
  });
  go("ask", focus);
}

$("skip").addEventListener("click", () => {
  if (asked) skipped = skipped.length > 12 ? [asked.number] : [...skipped, asked.number];
  next();
});

// the camera

async function start() {
  if (!camera.possible()) return unable("camera.insecure");
  $("start").disabled = true;
  try {
    await camera.open(video);
    go("camera");
  } catch (error) {
    camera.close(video);
    unable(camera.reason(error));
  } finally {
    $("start").disabled = false;
  }
}

function unable(reason) {
  go("ask", false);
  tell($("no-camera"), t(reason));
  preferFile();
  $("file").focus();
}

function preferFile() {
  $("start").classList.remove("main");
  $("choose").classList.add("main");
}

async function shoot() {
  const mine = ++countdown;
  $("shoot").disabled = true;
  for (let seconds = 3; seconds > 0 && mine === countdown; seconds -= 1) {
    $("count").hidden = false;
    setText($("count"), seconds);
    setText($("said"), String(seconds));
    await new Promise((done) => setTimeout(done, 1000));
  }
  $("count").hidden = true;
  $("shoot").disabled = false;
  if (mine !== countdown) return; // the camera was left meanwhile
  camera.grab(video, shot);
  setText($("said"), t("camera.taken"));
  go("decide");
}

$("start").addEventListener("click", start);
$("shoot").addEventListener("click", shoot);
$("leave").addEventListener("click", () => go("ask"));
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.body.dataset.step === "camera") go("ask");
});
addEventListener("pagehide", () => camera.close(video));

$("file").addEventListener("change", async () => {
  const [file] = $("file").files;
  $("file").value = "";
  if (!file) return;
  try {
    await camera.read(file, shot);
    go("decide");
  } catch {
    tell($("no-camera"), t("file.unreadable"));
  }
});

// the decision

$("retake").addEventListener("click", start);
$("discard").addEventListener("click", () => go("ask"));

$("yes").addEventListener("click", async () => {
  const query = new URLSearchParams({
    smiley: asked.number,
    consent: document.body.dataset.consent,
    released: $("released").checked ? 1 : 0,
  });
  const label = $("yes").textContent;
  $("yes").disabled = true;
  setText($("yes"), t("decide.sending"));
  try {
    const picture = await camera.encode(shot);
    const { code } = await send(`/api/pictures?${query}`, picture, { "Content-Type": "image/jpeg" });
    thank(code);
  } catch (error) {
    tell($("refused"), error instanceof TypeError ? t("decide.failed") : error.message);
  } finally {
    $("yes").disabled = false;
    setText($("yes"), label);
  }
});

// thanks

function thank(code) {
  const codes = [...kept(), { code, number: asked.number, smiley: asked.smiley }];
  keep(codes);
  setText($("code"), code);
  setText($("copy"), t("thanks.copy"));
  $("back").href = `/withdraw#${code}`;
  $("all").hidden = codes.length < 2;
  show(
    $("codes"),
    codes.map((one) => h("li", {}, `${one.code}  ${one.smiley}`)),
  );
  go("thanks");
}

$("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText($("code").textContent);
    setText($("copy"), t("thanks.copied"));
  } catch {
    getSelection().selectAllChildren($("code")); // to be copied by hand
  }
});
$("next").addEventListener("click", () => next());
$("other").addEventListener("click", () =>
  attempt(async () => {
    await send("/api/session");
    keep([]);
    location.reload(); // whose page carries the new token
  }),
);

if (!camera.possible()) {
  $("start").hidden = true;
  preferFile();
}
await next(false);
if (!camera.possible()) tell($("no-camera"), t("camera.insecure"));
document.body.dataset.ready = "";
