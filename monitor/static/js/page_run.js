// The page Run: curves of one run, live, and how it came to be.

import { $, h, show } from "./dom.js";
import { getJson, ofRun } from "./api.js";
import { Board, sourceOf } from "./board.js";
import { bytes, count, date, duration, number } from "./format.js";
import { group, isGauge, looks } from "./groups.js";
import { facts, follow, id, loadRun, neighbours, run, settingsRows } from "./run_head.js";
import { attempt } from "./shell.js";
import { t } from "./words.js";

function charts(source) {
  const tags = run.curves.map((curve) => curve.tag).filter((tag) => !isGauge(tag));
  $("no-curves").hidden = tags.length > 0;
  return group(tags).map(({ key, title, tags: of }) => {
    const look = looks(of);
    return { key, title, lines: of.map((tag, i) => ({ source, tag, label: tag, look: look[i] })) };
  });
}

function about() {
  const { info } = run;
  const best =
    run.best &&
    `${number(run.best.value)} (${run.best.tag}, ${t("run.step", { step: count(run.best.step) })})`;
  show(
    $("facts"),
    facts([
      [t("facts.best"), best],
      [t("facts.started"), run.started && date(run.started)],
      [t("facts.lasted"), run.started && run.updated && duration(run.updated - run.started)],
      [t("facts.command"), info.command && h("code", {}, info.command.join(" "))],
      [t("facts.host"), [info.host, info.folder].filter(Boolean).join(":")],
      [t("facts.git"), info.git && h("code", {}, info.git.slice(0, 12))],
      [
        t("facts.versions"),
        Object.entries(info.versions ?? {})
          .map(([name, version]) => `${name} ${version}`)
          .join(", "),
      ],
      [t("facts.resumed"), run.resumed ? count(run.resumed) : null],
      [
        t("facts.checkpoints"),
        run.marks.checkpoints.length ? count(run.marks.checkpoints.length) : null,
      ],
      [t("facts.size"), bytes(run.bytes)],
      [t("facts.tags"), run.tags.join(", ")],
      [t("facts.note"), run.note],
    ]),
  );
  const rows = settingsRows(info.config ?? {});
  $("config").hidden = rows.length === 0 || !Object.keys(info.config ?? {}).length;
  show($("config-table"), h("caption", { class: "unseen" }, t("run.config")), h("tbody", {}, rows));
  $("problems").hidden = !run.problems.length;
  show(
    $("problems"),
    h("strong", {}, t("run.problems")),
    h(
      "ul",
      {},
      run.problems.map((one) => h("li", {}, one)),
    ),
  );
  $("all-csv").href = ofRun(id, "csv");
}

async function texts() {
  $("texts").hidden = !run.texts;
  if (!run.texts) return;
  const { texts: found } = await getJson(ofRun(id, "texts", { limit: 500 }));
  show(
    $("texts-list"),
    found.map((one) =>
      h(
        "li",
        {},
        h("span", { class: "muted" }, t("run.step", { step: count(one.step) })),
        " ",
        one.text,
      ),
    ),
  );
}

attempt(async () => {
  await loadRun();
  neighbours();
  about();
  const source = sourceOf(run);
  const board = new Board($("charts"), [source]);
  await board.setCharts(charts(source));
  board.title(source, run.name);
  await texts();

  follow(source, async (delta) => {
    const { head } = delta;
    source.marks.checkpoints.push(...head.checkpoints);
    board.append(source, delta);
    if (head.new_tags || head.reset || head.texts || head.problems !== run.problems.length) {
      await loadRun();
      source.marks = run.marks;
      about();
      if (head.new_tags || head.reset) await board.setCharts(charts(source));
      await texts();
    }
    board.title(source, run.name);
  });
});
