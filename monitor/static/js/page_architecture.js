// The page Architecture: layers, shapes, and where the parameters are.

import { $, h, setText, show } from "./dom.js";
import { getJson, ofRun } from "./api.js";
import { count, percent } from "./format.js";
import { follow, id, loadRun, neighbours, run } from "./run_head.js";
import { attempt } from "./shell.js";
import { t } from "./words.js";

const KNOWN = ["layer", "name", "shape", "parameters"];
const BAR = 100;

function shapeOf(shape) {
  return Array.isArray(shape)
    ? shape.map((side) => (side === null ? t("architecture.batch") : side)).join(" × ")
    : "";
}

async function load() {
  const { layers, parameters } = await getJson(ofRun(id, "architecture"));
  $("none").hidden = layers.length > 0;
  $("content").hidden = !layers.length;
  setText(
    $("total"),
    t("architecture.total", { n: count(parameters), layers: count(layers.length) }),
  );
  const more = [...new Set(layers.flatMap((layer) => Object.keys(layer)))].filter(
    (key) => !KNOWN.includes(key),
  );
  const rows = layers.map((layer, i) => {
    const own = typeof layer.parameters === "number" ? layer.parameters : 0;
    return h(
      "tr",
      {},
      h("td", { class: "number muted" }, i + 1),
      h("th", { scope: "row" }, String(layer.layer ?? "")),
      h("td", {}, String(layer.name ?? "")),
      h("td", { class: "nowrap" }, shapeOf(layer.shape)),
      h("td", { class: "number" }, own ? count(own) : h("span", { class: "muted" }, "–")),
      h(
        "td",
        { class: "bar-cell" },
        h(
          "svg",
          {
            class: "share-bar",
            viewBox: `0 0 ${BAR} 10`,
            preserveAspectRatio: "none",
            "aria-hidden": "true",
          },
          h("rect", { x: 0, y: 0, height: 10, width: parameters ? (BAR * own) / parameters : 0 }),
        ),
      ),
      h("td", { class: "number muted" }, own ? percent(own / parameters, 1) : ""),
      more.map((key) =>
        h(
          "td",
          {},
          layer[key] === undefined
            ? ""
            : typeof layer[key] === "object"
              ? JSON.stringify(layer[key])
              : String(layer[key]),
        ),
      ),
    );
  });
  const columns = ["number", "layer", "name", "shape", "parameters", "bar", "share"];
  show(
    $("layers"),
    h("caption", { class: "unseen" }, t("architecture.title")),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        columns.map((name) =>
          h(
            "th",
            {
              scope: "col",
              class: ["number", "parameters", "share"].includes(name) ? "number" : null,
            },
            name === "bar"
              ? h("span", { class: "unseen" }, t("architecture.bar"))
              : t(`architecture.${name}`),
          ),
        ),
        more.map((key) => h("th", { scope: "col" }, key)),
      ),
    ),
    h("tbody", {}, rows),
  );
}

attempt(async () => {
  await loadRun();
  neighbours();
  await load();
  follow({ cursor: run.cursor }, async ({ head }) => {
    if (head.reset) await load();
  });
});
