// The page Detections: one picture across the steps, with its boxes.

import { $, h, setText, show } from "./dom.js";
import { getJson, ofRun } from "./api.js";
import { read, readAll, readNumber, write } from "./address.js";
import { chosen, describe, overlay, ROLES } from "./boxes.js";
import { count, number } from "./format.js";
import { onKeys } from "./keys.js";
import { facts, follow, id, loadRun, run } from "./run_head.js";
import { attempt } from "./shell.js";
import { StepSlider } from "./slider.js";
import { t } from "./words.js";

const NOT_HERE = /^(augmentation|filters|rejected)(\/|$)/;
const filter = {
  score: Math.min(1, Math.max(0, read("score", 0))),
  stage: read("stage", ""),
  roles: new Set(ROLES.filter((role) => !readAll("without").includes(role))),
};
let tag = read("picture", "");
let list = { steps: [], media: [], v: "" };
let picture = null;
const cache = new Map();
const slider = new StepSlider(
  "steps",
  (step, index) => attempt(() => showPicture(index)),
  readNumber("step"),
);

const save = () =>
  write(
    {
      picture: tag,
      step: slider.follow.checked ? null : slider.step,
      score: filter.score,
      stage: filter.stage,
      without: ROLES.filter((role) => !filter.roles.has(role)),
    },
    { score: 0 },
  );

/** Show which series of pictures there are; those with detections first. */
function showSeries() {
  const tags = run.pictures.map((one) => one.tag).filter((one) => !NOT_HERE.test(one));
  const first = tags.filter((one) => one.startsWith("detections/"));
  const order = [...first, ...tags.filter((one) => !first.includes(one))];
  $("none").hidden = order.length > 0;
  $("content").hidden = !order.length;
  if (!order.includes(tag)) tag = order[0] ?? "";
  show(
    $("series"),
    order.map((one) => h("option", { value: one, selected: one === tag }, one)),
  );
  setText($("picture-title"), tag);
}

/** Ask which steps the series has. */
async function loadList() {
  if (!tag) return;
  const now = tag;
  const answer = await getJson(ofRun(id, "pictures", { tag, limit: 1 }));
  if (now !== tag) return;
  list = answer;
  slider.setSteps(answer.steps);
}

/** The picture at a place of the series, with its boxes; asked for once. */
async function fetched(index) {
  const media = list.media[index];
  const key = `${tag} ${media}`;
  if (!cache.has(key)) {
    cache.set(
      key,
      getJson(
        ofRun(id, "pictures", { tag, offset: index, limit: 1, metadata: true, boxes: true }),
      ).then((answer) => answer.pictures[0]),
    );
    if (cache.size > 300) cache.delete(cache.keys().next().value);
  }
  return cache.get(key);
}

let wanted = "";

async function showPicture(index) {
  const key = `${tag} ${list.media[index]}`;
  wanted = key;
  save();
  const found = await fetched(index);
  const image = h("img", {
    src: found.url,
    alt: t("detections.alt", { name: tag, step: count(found.step) }),
  });
  try {
    await image.decode();
    $("picture-problem").hidden = true;
  } catch {
    setText($("picture-problem"), found.problem ?? t("pictures.lost"));
    $("picture-problem").hidden = false;
  }
  if (wanted !== key) return; // the slider is elsewhere by now
  picture = {
    ...found,
    image,
    width: image.naturalWidth || found.width || 1,
    height: image.naturalHeight || found.height || 1,
  };
  $("picture").dataset.step = found.step;
  const small = Math.max(picture.width, picture.height) < 200;
  show(
    $("picture"),
    h(
      "div",
      { class: small ? "picture pixels" : "picture" },
      image,
      h("div", { class: "overlay-place" }),
    ),
  );
  sizePicture();
  showFilters();
  showBoxes();
  for (const next of [index - 1, index + 1])
    if (list.media[next] !== undefined)
      fetched(next).then(
        (one) => (new Image().src = one.url),
        () => {},
      );
}

/** As large as the window allows, without changing the sides' ratio. */
function sizePicture() {
  const node = $("picture").firstElementChild;
  if (!node || !picture) return;
  const room = $("picture").clientWidth;
  const height = Math.max(240, innerHeight * 0.72);
  const width = Math.min(room, (height * picture.width) / picture.height, picture.width * 8);
  node.style.width = `${Math.round(width)}px`;
}
addEventListener("resize", sizePicture);

function showFilters() {
  const { boxes } = picture;
  const counts = Object.fromEntries(
    ROLES.map((role) => [role, boxes.role.filter((one) => one === role).length]),
  );
  for (const role of ROLES) setText($(`count-${role}`), count(counts[role]));
  const stages = [...new Set(boxes.stage.filter((_, i) => boxes.role[i] !== "truth"))]
    .sort((a, b) => a - b)
    .map(String);
  if (filter.stage && !stages.includes(filter.stage)) stages.push(filter.stage);
  show(
    $("stage"),
    h("option", { value: "" }, t("boxes.every_stage")),
    stages.map((one) => h("option", { value: one, selected: one === filter.stage }, one)),
  );
  const meta = picture.metadata ?? {};
  $("metadata").hidden = !Object.keys(meta).length;
  show(
    $("metadata").querySelector("dl"),
    facts(
      Object.entries(meta).map(([key, value]) => [
        key,
        typeof value === "object"
          ? JSON.stringify(value)
          : typeof value === "number"
            ? number(value)
            : String(value),
      ]),
    ),
  );
}

function showBoxes() {
  const boxes = chosen(picture.boxes, filter);
  show($("picture").querySelector(".overlay-place"), overlay(boxes, picture.width, picture.height));
  setText($("score-value"), filter.score.toFixed(2));
  const rows = boxes
    .filter((box) => box.role !== "truth")
    .sort((one, other) => (other.score ?? -1) - (one.score ?? -1))
    .slice(0, 200)
    .map((box) =>
      h(
        "tr",
        {},
        h("td", {}, h("span", { class: `role-sign ${box.role}` }), t(`role.${box.role}`)),
        h("td", { class: "number" }, number(box.score, 3)),
        h("td", { class: "number" }, count(box.stage)),
        h(
          "td",
          { class: "number" },
          [box.x, box.y, box.width, box.height].map((side) => Math.round(side)).join(", "),
        ),
      ),
    );
  show(
    $("boxes-table"),
    h("caption", {}, t("boxes.shown", { n: count(boxes.length) })),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col" }, t("boxes.role")),
        ["score", "stage", "frame"].map((name) =>
          h("th", { scope: "col", class: "number" }, t(`boxes.column.${name}`)),
        ),
      ),
    ),
    h("tbody", {}, rows),
  );
  const image = $("picture").querySelector("img");
  image.title = boxes.length === 1 ? describe(boxes[0]) : "";
}

show(
  $("roles"),
  h("legend", { class: "unseen" }, t("boxes.roles")),
  ROLES.map((role) =>
    h(
      "label",
      { class: "field" },
      h("input", {
        type: "checkbox",
        value: role,
        checked: filter.roles.has(role),
        onchange: (event) => {
          if (event.target.checked) filter.roles.add(role);
          else filter.roles.delete(role);
          refilter();
        },
      }),
      h("span", { class: `role-sign ${role}`, "aria-hidden": "true" }),
      h("span", { class: "dark" }, t(`role.${role}`)),
      h("span", { class: "muted", id: `count-${role}` }),
    ),
  ),
);

function refilter() {
  save();
  if (picture) showBoxes();
}
$("score").value = filter.score;
setText($("score-value"), filter.score.toFixed(2));
$("score").addEventListener("input", () => ((filter.score = $("score").valueAsNumber), refilter()));
$("stage").addEventListener("change", () => ((filter.stage = $("stage").value), refilter()));
$("series").addEventListener("change", () => chooseSeries($("series").value));

function chooseSeries(now) {
  tag = now;
  $("series").value = now;
  setText($("picture-title"), tag);
  slider.shown = null; // the same step of another picture
  attempt(loadList);
}

function moveSeries(by) {
  const options = [...$("series").options].map((option) => option.value);
  const next = options[options.indexOf(tag) + by];
  if (next) chooseSeries(next);
}
onKeys({
  j: () => moveSeries(1),
  k: () => moveSeries(-1),
  "[": () => slider.move(-1),
  "]": () => slider.move(1),
});

attempt(async () => {
  await loadRun();
  showSeries();
  await loadList();
  follow({ cursor: run.cursor }, async ({ head }) => {
    if (!head.new_tags && !head.reset && !head.pictures[tag]) return;
    if (head.new_tags || head.reset) {
      await loadRun();
      showSeries();
    }
    await loadList();
  });
});
