// The page Funnel: how many windows survive each stage of the cascade, and what a stage rejected.

import { $, h, setText, show } from "./dom.js";
import { getJson, ofRun } from "./api.js";
import { read, readNumber, write } from "./address.js";
import { count, number, percent } from "./format.js";
import { onKeys } from "./keys.js";
import { follow, id, loadRun, neighbours, run } from "./run_head.js";
import { attempt } from "./shell.js";
import { StepSlider } from "./slider.js";
import { t } from "./words.js";

const BAR = 200;
const PAGE = 60;
let stages = [];
let stage = read("stage", "");
let next = null;
$("linear").checked = read("linear", false);
const slider = new StepSlider("steps", (step) => attempt(() => loadStep(step)), readNumber("step"));
const save = () =>
  write(
    { step: slider.follow.checked ? null : slider.step, stage, linear: $("linear").checked },
    { linear: false },
  );

async function load() {
  const { steps } = await getJson(ofRun(id, "funnel"));
  $("none").hidden = steps.length > 0;
  $("content").hidden = !steps.length;
  slider.setSteps(steps);
}

async function loadStep(step) {
  save();
  ({ stages } = await getJson(ofRun(id, "funnel", { step })));
  draw();
}

/** Length of a bar: by the logarithm, because a cascade leaves one window in thousands. */
function share(windows, most) {
  if (!windows || !most) return 0;
  return $("linear").checked ? windows / most : Math.log1p(windows) / Math.log1p(most);
}

function draw() {
  const most = Math.max(...stages.map((one) => one.windows_in));
  const first = stages[0]?.windows_in;
  const bar = (one) =>
    h(
      "svg",
      {
        class: "funnel-bar",
        viewBox: `0 0 ${BAR} 22`,
        preserveAspectRatio: "none",
        "aria-hidden": "true",
      },
      h("rect", { class: "in", x: 0, y: 0, height: 22, width: BAR * share(one.windows_in, most) }),
      h("rect", {
        class: "out",
        x: 0,
        y: 0,
        height: 22,
        width: BAR * share(one.windows_out, most),
      }),
    );
  const rows = stages.map((one, i) => {
    const before = i ? stages[i - 1].faces_kept : null;
    const lost = before !== null && before > one.faces_kept ? before - one.faces_kept : 0;
    return h(
      "tr",
      { "data-at": one.stage === stage },
      h(
        "th",
        { scope: "row" },
        h(
          "button",
          {
            type: "button",
            class: "plain",
            "aria-pressed": String(one.stage === stage),
            onclick: () => choose(one.stage),
          },
          one.stage,
        ),
      ),
      h("td", { class: "bar-cell" }, bar(one)),
      h("td", { class: "number" }, count(one.windows_in)),
      h("td", { class: "number" }, count(one.windows_out)),
      h("td", { class: "number" }, percent(one.windows_out / one.windows_in, 2)),
      h("td", { class: "number muted" }, percent(one.windows_out / first, 4)),
      h(
        "td",
        { class: "number" },
        count(one.faces_kept),
        lost ? h("span", { class: "delta worse" }, ` ▼ ${count(lost)}`) : null,
      ),
      h(
        "td",
        { class: "number" },
        one.rejected ? `${count(one.wrongly_rejected)} / ${count(one.rejected)}` : "–",
      ),
    );
  });
  const columns = ["stage", "bar", "in", "out", "passed", "of_all", "faces", "rejected"];
  show(
    $("stages"),
    h("caption", { class: "unseen" }, t("funnel.title")),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        columns.map((name) =>
          h(
            "th",
            { scope: "col", class: ["stage", "bar"].includes(name) ? null : "number" },
            name === "bar"
              ? h("span", { class: "unseen" }, t("funnel.column.bar"))
              : t(`funnel.column.${name}`),
          ),
        ),
      ),
    ),
    h("tbody", {}, rows),
  );
}

/** Show what a stage rejected, wrongly rejected faces first. */
async function loadRejected(more = false) {
  $("rejected").hidden = !stage;
  if (!stage) return;
  setText($("rejected-title"), t("funnel.rejected", { stage }));
  const answer = await getJson(
    ofRun(id, "rejected", { stage, limit: PAGE, offset: more ? next : null, metadata: true }),
  );
  next = answer.next;
  const tiles = answer.pictures.map((one) =>
    h(
      "li",
      { class: one.face ? "window face" : "window" },
      h("img", {
        class: "pixels",
        src: one.url,
        alt: t(one.face ? "funnel.window.face" : "funnel.window"),
        loading: "lazy",
      }),
      one.face ? h("strong", {}, t("funnel.face")) : null,
      h(
        "span",
        { class: "muted small" },
        [
          one.score === null || one.score === undefined ? "" : number(one.score, 2),
          t("run.step", { step: count(one.step) }),
        ]
          .filter(Boolean)
          .join(" · "),
      ),
    ),
  );
  if (more) $("windows").append(...tiles);
  else show($("windows"), tiles);
  $("rejected-none").hidden = answer.total > 0;
  $("more").hidden = next === null;
}

function choose(now) {
  stage = now === stage ? "" : now;
  save();
  draw();
  attempt(() => loadRejected());
}

$("linear").addEventListener("change", () => (save(), draw()));
$("rejected-close").addEventListener("click", () => choose(stage));
$("more").addEventListener("click", () => attempt(() => loadRejected(true)));

attempt(async () => {
  await loadRun();
  neighbours();
  onKeys({ "[": () => slider.move(-1), "]": () => slider.move(1), l: () => $("linear").click() });
  await load();
  if (stage) await loadRejected();
  follow({ cursor: run.cursor }, async ({ head }) => {
    if (head.funnel || head.reset) await load();
  });
});
