// The page Data: what the augmentation makes of the pictures, what the filters look like, and how
// the weights are spread.

import { $, h, show } from "./dom.js";
import { getJson, ofRun } from "./api.js";
import { read, readNumber, write } from "./address.js";
import { count, number } from "./format.js";
import { histogramMap } from "./histogram.js";
import { onKeys } from "./keys.js";
import { follow, id, loadRun, run } from "./run_head.js";
import { attempt } from "./shell.js";
import { StepSlider } from "./slider.js";
import { t } from "./words.js";

const under = (folder) =>
  run.pictures.filter(({ tag }) => tag === folder || tag.startsWith(`${folder}/`));

// Augmentation: an original beside what was made of it.

let series = read("series", "");
const samplesAt = new StepSlider(
  "augmentation",
  (step) => attempt(() => showSamples(step)),
  readNumber("step"),
);

async function loadAugmentation() {
  const tags = under("augmentation").map((one) => one.tag);
  $("augmentation").hidden = !tags.length;
  if (!tags.length) return;
  if (!tags.includes(series)) series = tags[0];
  show(
    $("augmentation-series"),
    tags.map((tag) => h("option", { value: tag, selected: tag === series }, tag)),
  );
  $("augmentation-series").closest("label").hidden = tags.length < 2;
  const { steps } = await getJson(ofRun(id, "pictures", { tag: series, limit: 1 }));
  samplesAt.setSteps([...new Set(steps)]);
}

$("augmentation-series").addEventListener("change", () => {
  series = $("augmentation-series").value;
  samplesAt.shown = null;
  attempt(loadAugmentation);
});

const isOriginal = ({ metadata }) => metadata?.role === "original";
const parameters = (metadata) =>
  Object.entries(metadata ?? {}).filter(([key]) => !["role", "sample"].includes(key));

async function showSamples(step) {
  write({ step: samplesAt.follow.checked ? null : step, series }, { series: "augmentation" });
  const { pictures } = await getJson(
    ofRun(id, "pictures", { tag: series, step, limit: 500, metadata: true }),
  );
  const groups = new Map();
  for (const picture of pictures) {
    const key = String(picture.metadata?.sample ?? "");
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(picture);
  }
  show(
    $("samples"),
    [...groups].map(([name, of]) => {
      const originals = of.filter(isOriginal);
      const made = of.filter((one) => !isOriginal(one));
      return h(
        "div",
        {
          class: "sample",
          role: "group",
          tabindex: 0,
          "aria-label": t("data.sample", { name: name || step }),
        },
        originals.map((one) => tile(one, t("data.original"), "original")),
        made.map((one, i) => tile(one, t("data.made", { n: count(i + 1) }), "")),
      );
    }),
  );
}

function tile(picture, title, kind) {
  const image = h("img", { src: picture.url, alt: title, loading: "lazy" });
  const small = Math.max(picture.width ?? 0, picture.height ?? 0) < 160;
  if (small) image.className = "pixels";
  return h(
    "figure",
    { class: `tile ${kind}` },
    image,
    h(
      "figcaption",
      {},
      h("strong", {}, title),
      picture.problem ? h("p", { class: "problem" }, picture.problem) : null,
      h(
        "dl",
        { class: "facts tight" },
        parameters(picture.metadata).flatMap(([key, value]) => [
          h("dt", {}, key),
          h("dd", {}, shortly(value)),
        ]),
      ),
    ),
  );
}

function shortly(value) {
  if (typeof value === "number") return number(value, 3);
  if (Array.isArray(value) && value.every((one) => typeof one === "number"))
    return value.map((one) => number(one, 3)).join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}

// Filters: one picture for each layer.

let layers = [];
const filtersAt = new StepSlider("filters", (step) => showFilters(step), readNumber("filters"));

async function loadFilters() {
  const tags = under("filters").map((one) => one.tag);
  $("filters").hidden = !tags.length;
  if (!tags.length) return;
  layers = await Promise.all(tags.map((tag) => getJson(ofRun(id, "pictures", { tag, limit: 1 }))));
  filtersAt.setSteps(
    [...new Set(layers.flatMap((layer) => layer.steps))].sort((one, other) => one - other),
  );
}

function showFilters(step) {
  write({ filters: filtersAt.follow.checked ? null : step });
  show(
    $("filter-grid"),
    layers.map((layer) => {
      const index = layer.steps.findLastIndex((one) => one <= step);
      if (index < 0) return null;
      const name = layer.tag.replace(/^filters\//, "");
      const url = ofRun(id, `media/${layer.media[index]}`, { v: layer.v });
      return h(
        "figure",
        { class: "tile" },
        h("img", {
          class: "pixels",
          src: url,
          alt: t("data.filters.alt", { name, step: count(layer.steps[index]) }),
        }),
        h(
          "figcaption",
          {},
          h("strong", {}, name),
          h("span", { class: "muted" }, ` ${t("run.step", { step: count(layer.steps[index]) })}`),
        ),
      );
    }),
  );
}

// Histograms: the spread over time.

const maps = new Map();

async function loadHistograms() {
  $("histograms").hidden = !run.histograms.length;
  await Promise.all(
    run.histograms.map(async ({ tag }) => {
      const answer = await getJson(ofRun(id, "histograms", { tag, limit: 200 }));
      if (!maps.has(tag)) maps.set(tag, histogramMap(tag));
      maps.get(tag).show(answer);
    }),
  );
  const nodes = run.histograms.map(({ tag }) => maps.get(tag).node);
  const grid = $("histogram-grid");
  if (nodes.some((node, i) => grid.children[i] !== node)) show(grid, nodes);
}

onKeys({
  "[": () => (samplesAt.steps.length ? samplesAt : filtersAt).move(-1),
  "]": () => (samplesAt.steps.length ? samplesAt : filtersAt).move(1),
  j: () => moveSeries(1),
  k: () => moveSeries(-1),
});

function moveSeries(by) {
  const tags = under("augmentation").map((one) => one.tag);
  const next = tags[tags.indexOf(series) + by];
  if (!next) return;
  series = next;
  samplesAt.shown = null;
  attempt(loadAugmentation);
}

async function loadAll() {
  $("none").hidden =
    under("augmentation").length + under("filters").length + run.histograms.length > 0;
  await Promise.all([loadAugmentation(), loadFilters(), loadHistograms()]);
}

attempt(async () => {
  await loadRun();
  await loadAll();
  follow({ cursor: run.cursor }, async ({ head }) => {
    if (head.new_tags || head.reset) {
      await loadRun();
      await loadAll();
      return;
    }
    const fresh = Object.keys(head.pictures);
    if (fresh.some((tag) => /^augmentation(\/|$)/.test(tag))) await loadAugmentation();
    if (fresh.some((tag) => tag.startsWith("filters/"))) await loadFilters();
    if (Object.keys(head.histograms).length) await loadHistograms();
  });
});
