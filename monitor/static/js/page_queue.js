// The page Queue: whether the training waits for its data, and what the queues hold.

import { $, h, setText, show } from "./dom.js";
import { getJson, ofRun } from "./api.js";
import { Board, sourceOf } from "./board.js";
import { duration, number, percent } from "./format.js";
import { isGauge } from "./groups.js";
import { follow, id, loadRun, neighbours, run } from "./run_head.js";
import { attempt } from "./shell.js";
import { t } from "./words.js";

let queue = null;

async function load() {
  queue = await getJson(ofRun(id, "queue"));
  const { verdict, gauges } = queue;
  const some = gauges.length > 0;
  $("none").hidden = some;
  $("content").hidden = !some;
  for (const part of ["curve-controls", "charts"]) $(part).hidden = !some;
  const share = verdict.share ?? 0;
  const time = duration(verdict.seconds);
  const minute = verdict.seconds >= 59.5 ? ".minute" : "";
  setText(
    $("verdict"),
    t(`verdict.${verdict.kind}${verdict.kind === "unknown" ? "" : minute}`, {
      share: percent(share),
      time,
    }),
  );
  $("verdict").dataset.kind = verdict.kind;
  setText(
    $("advice"),
    [
      t(`advice.${verdict.kind}`),
      verdict.source ? t("verdict.source", { tag: verdict.source }) : "",
    ]
      .filter(Boolean)
      .join(" "),
  );
  $("meter").hidden = verdict.share === null;
  $("meter").setAttribute("aria-label", t("verdict.meter", { share: percent(share) }));
  $("meter").firstElementChild.style.width = `${100 * share}%`;
  $("meter").dataset.kind = verdict.kind;
  show(
    $("tiles"),
    gauges.map((gauge) =>
      h(
        "div",
        { class: "figure" },
        h("span", { class: "muted small" }, gauge.tag),
        h("strong", {}, value(gauge)),
        h("span", { class: "muted small" }, t(`gauge.${gauge.role}`)),
      ),
    ),
  );
}

function value({ tag, role, last }) {
  if (last === null) return "–";
  if (role === "cache" || tag === "queue/waited") return percent(last, 1);
  if (role === "wait") return `${number(last * 1000, 3)} ${t("gauge.ms")}`;
  return number(last, 3);
}

function charts(source) {
  const tags = run.curves
    .map((curve) => curve.tag)
    .filter((tag) => isGauge(tag) || queue.gauges.some((gauge) => gauge.tag === tag));
  return tags.map((tag) => ({
    key: tag,
    title: tag,
    lines: [
      {
        source,
        tag,
        label: tag,
        look: {
          colour: tag.startsWith("queue/") ? 0 : tag.startsWith("train/") ? 1 : 2,
          dash: null,
          width: 1.5,
        },
      },
    ],
  }));
}

attempt(async () => {
  await loadRun();
  neighbours();
  await load();
  const source = sourceOf(run);
  const board = new Board($("charts"), [source]);
  await board.setCharts(charts(source));
  follow(source, async (delta) => {
    board.append(source, delta);
    await load();
    if (delta.head.new_tags || delta.head.reset) {
      await loadRun();
      source.marks = run.marks;
      await board.setCharts(charts(source));
    }
  });
});
