// The page Compare: curves of several runs over each other, what they have reached beside a
// baseline, and where their settings differ.

import { $, h, setText, show } from "./dom.js";
import { getCurves, getJson, ofRun, query } from "./api.js";
import { pageOf, read, readAll, write } from "./address.js";
import { Board, sourceOf } from "./board.js";
import { count, number } from "./format.js";
import { comparedLook, isGauge, isReached, measure } from "./groups.js";
import { poll } from "./poll.js";
import { attempt, fail, statusSign } from "./shell.js";
import { colour, onTheme } from "./theme.js";
import { t } from "./words.js";

const MOST = 20;
let ids = [...new Set(readAll("run"))].slice(0, MOST);
let baseline = read("baseline", "");
let answer = null;
let board = null;
const sources = new Map();

async function load() {
  if (!ids.includes(baseline)) baseline = ids[0] ?? "";
  write({ run: ids, baseline }, { baseline: ids[0] });
  $("too-few").hidden = ids.length > 1;
  for (const part of ["delta", "config", "charts", "curve-controls"])
    $(part).hidden = ids.length < 2;
  if (ids.length < 2) {
    const { runs } = await getJson("/api/runs");
    showRuns(runs.filter((run) => ids.includes(run.id)));
    return;
  }
  answer = await getJson(`/api/compare${query({ run: ids, baseline })}`);
  showRuns(answer.runs);
  showDelta();
  showConfig();
  await showCharts();
}

/** Runs with their colours, a choice of the baseline, and a button that takes one out. */
function showRuns(runs) {
  show(
    $("runs"),
    runs.map((run, i) =>
      h(
        "li",
        {},
        line(i),
        h("a", { href: pageOf("run", run.id) }, run.name),
        statusSign(run.status),
        h(
          "label",
          { class: "field" },
          h("input", {
            type: "radio",
            name: "baseline",
            value: run.id,
            checked: run.id === baseline,
            onchange: () => ((baseline = run.id), attempt(load)),
          }),
          h("span", { class: "dark" }, t("compare.baseline")),
        ),
        h(
          "button",
          {
            type: "button",
            class: "plain small",
            "aria-label": t("compare.remove", { name: run.name }),
            onclick: () => ((ids = ids.filter((id) => id !== run.id)), attempt(load)),
          },
          "✕",
        ),
      ),
    ),
  );
}

const line = (i) => {
  const { colour: number_, dash } = comparedLook("valid/", i);
  return h(
    "svg",
    { class: "swatch", viewBox: "0 0 22 14", "aria-hidden": "true" },
    h("line", {
      x1: 0,
      x2: 22,
      y1: 7,
      y2: 7,
      "stroke-width": 3,
      stroke: colour(`--curve-${number_}`),
      "stroke-dasharray": dash?.join(" "),
    }),
  );
};

const head = () =>
  h(
    "thead",
    {},
    h(
      "tr",
      {},
      h("th", { scope: "col" }, h("span", { class: "unseen" }, t("compare.of"))),
      answer.runs.map((run, i) =>
        h(
          "th",
          { scope: "col" },
          line(i),
          " ",
          run.name,
          run.id === baseline ? ` (${t("compare.baseline")})` : "",
        ),
      ),
    ),
  );

/** What every run has reached, and how much better or worse than the baseline that is. */
function showDelta() {
  const what = $("measure").value;
  const rows = answer.curves
    .filter(({ tag }) => isReached(tag))
    .map((curve) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, curve.tag),
        curve[what].map((value, i) => {
          const delta = curve[`delta_${what}`][i];
          const better = delta && delta > 0 === (curve.goal === "max");
          const mark = delta
            ? h(
                "span",
                { class: `delta ${better ? "better" : "worse"}` },
                `${better ? "▲" : "▼"} ${delta > 0 ? "+" : ""}${number(delta)}`,
              )
            : null;
          return h("td", {}, number(value), " ", mark);
        }),
      ),
    );
  show($("delta-table"), h("caption", {}, t("compare.delta.text")), head(), h("tbody", {}, rows));
}

function showConfig() {
  const rows = answer.config.filter((row) => row.differs || $("same").checked);
  const text = (value) =>
    value === null || value === undefined
      ? "–"
      : typeof value === "string"
        ? value
        : JSON.stringify(value);
  show(
    $("config-table"),
    h(
      "caption",
      {},
      rows.length
        ? t("compare.config.text", { n: count(answer.config.filter((row) => row.differs).length) })
        : t("compare.config.same"),
    ),
    head(),
    h(
      "tbody",
      {},
      rows.map((row) =>
        h(
          "tr",
          { class: row.differs ? "differs" : null },
          h("th", { scope: "row", class: "mono" }, row.key),
          row.values.map((value) => h("td", { class: "mono" }, text(value))),
        ),
      ),
    ),
  );
}

async function showCharts() {
  await Promise.all(
    ids.map(async (id) => {
      if (sources.has(id)) return;
      sources.set(id, sourceOf(await getJson(ofRun(id))));
    }),
  );
  const of = ids.map((id) => sources.get(id));
  board ??= new Board($("charts"), of);
  board.sources = of;
  const charts = new Map();
  of.forEach((source, i) => {
    for (const tag of source.tags) {
      if (isGauge(tag)) continue;
      const key = measure(tag) === "precision_recall" ? tag : measure(tag);
      if (!charts.has(key)) charts.set(key, { key, title: key, lines: [] });
      charts
        .get(key)
        .lines.push({ source, tag, label: `${source.name}: ${tag}`, look: comparedLook(tag, i) });
    }
  });
  await board.setCharts([...charts.values()]);
}

/** Ask the runs that live for what is new, in turn. */
async function refresh() {
  if (!board) return 2000;
  for (const id of ids) {
    const source = sources.get(id);
    if (!source || !["running", "stalled"].includes(source.status)) continue;
    const { cursor } = source;
    const delta = await getCurves(ofRun(id, "delta", { cursor }), { cache: "no-store" });
    if (!delta || cursor !== source.cursor || !ids.includes(id)) continue;
    board.append(source, delta);
    if (delta.head.new_tags) sources.delete(id);
    if (delta.head.new_tags || delta.head.status !== source.status) await load();
    source.status = delta.head.status;
  }
  return 2000;
}

async function offer() {
  const { runs } = await getJson("/api/runs");
  show(
    $("add"),
    h("option", { value: "" }, "…"),
    runs
      .filter((run) => !ids.includes(run.id) && !run.archived)
      .map((run) => h("option", { value: run.id }, run.name)),
  );
}

$("add").addEventListener("change", () => {
  const id = $("add").value;
  if (!id) return;
  if (ids.length >= MOST) {
    fail(new Error(t("compare.most", { n: MOST })));
    return;
  }
  ids.push(id);
  attempt(async () => {
    await load();
    await offer();
  });
});
$("measure").addEventListener("change", showDelta);
$("same").addEventListener("change", showConfig);
onTheme(() => answer && (showRuns(answer.runs), showDelta(), showConfig()));
setText($("charts"), "");
await attempt(async () => {
  await load();
  await offer();
});
poll(refresh, 2000);
