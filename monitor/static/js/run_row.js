// One row in the list of runs. It is made once and then changed where the run has changed, so that
// neither focus nor a menu is lost when news arrive.

import { h, setText, show } from "./dom.js";
import { pageOf } from "./address.js";
import { ago, count, date, duration, number, percent } from "./format.js";
import { statusSign } from "./shell.js";
import { spark } from "./spark.js";
import { t } from "./words.js";

const LAST = ["valid/loss", "train/loss", "valid/accuracy", "train/accuracy"];

export function runRow(actions) {
  let run = null;
  let before = "";
  const button = (name, text, action) =>
    h(
      "button",
      { type: "button", class: "small plain", "data-action": name, onclick: () => action(run) },
      text,
    );

  const box = h("input", { type: "checkbox", onchange: () => actions.choose(run, box.checked) });
  const star = h(
    "button",
    {
      type: "button",
      class: "plain icon star",
      "aria-pressed": "false",
      onclick: () => actions.star(run),
    },
    "★",
  );
  const link = h("a", { class: "run-link" });
  const about = h("div", { class: "run-about" });
  const archive = button("archive", "", actions.archive);
  const remove = button("delete", t("runs.delete"), actions.remove);
  const edit = button("edit", t("runs.edit"), actions.edit);
  const cell = (name, numeric = false) =>
    h("td", {
      class: `cell-${name}${numeric ? " number" : ""}`,
      "data-label": t(`column.${name}`),
    });
  const [status, curve, best, last, progress, started] = [
    cell("status"),
    cell("curve"),
    cell("best", true),
    cell("last", true),
    cell("progress", true),
    cell("started"),
  ];
  const node = h(
    "tr",
    {},
    h("td", { class: "cell-choose" }, box),
    h(
      "th",
      { scope: "row", class: "cell-run" },
      h("div", { class: "run-name" }, star, link),
      about,
    ),
    status,
    curve,
    best,
    last,
    progress,
    started,
    h("td", { class: "cell-actions" }, edit, archive, remove),
  );

  function names() {
    const { name } = run;
    setText(link, name);
    link.href = pageOf("run", run.id);
    box.setAttribute("aria-label", t("runs.choose", { name }));
    star.setAttribute("aria-pressed", run.star);
    star.setAttribute("aria-label", t("runs.star", { name }));
    for (const [one, key] of [
      [edit, "runs.edit"],
      [archive, run.archived ? "runs.unarchive" : "runs.archive"],
      [remove, "runs.delete"],
    ]) {
      setText(one, t(key));
      one.setAttribute("aria-label", `${t(key)}: ${name}`);
    }
    remove.disabled = run.status === "running" || run.status === "stalled";
    remove.title = remove.disabled ? t("runs.delete.running") : "";
    node.classList.toggle("archived", run.archived);
    show(
      about,
      run.tags.map((tag) => h("span", { class: "chip" }, tag)),
      run.note ? h("span", { class: "muted note" }, run.note) : null,
      run.problems?.length
        ? h("span", { class: "problem", title: run.problems.join("\n") }, `⚠ ${run.problems[0]}`)
        : null,
    );
  }

  function values() {
    show(
      status,
      run.pending ? h("span", { class: "muted" }, t("status.reading")) : statusSign(run.status),
    );
    show(
      curve,
      run.spark ? spark(run.spark.values, t("runs.spark", { tag: run.spark.tag })) : null,
    );
    show(
      best,
      run.best
        ? [
            h("strong", {}, number(run.best.value)),
            h("div", { class: "muted small" }, `${run.best.tag} @ ${count(run.best.step)}`),
          ]
        : "–",
    );
    const tags = LAST.filter((tag) => run.last && tag in run.last).slice(0, 2);
    const shown = tags.length ? tags : Object.keys(run.last ?? {}).slice(0, 2);
    show(
      last,
      shown.length
        ? shown.map((tag) =>
            h(
              "div",
              {},
              h("span", { class: "muted small" }, `${tag} `),
              number(run.last[tag] ?? NaN),
            ),
          )
        : "–",
    );
    const share = run.progress !== null && run.progress !== undefined;
    show(
      progress,
      h(
        "div",
        {},
        run.step === null || run.step === undefined
          ? "–"
          : t("run.step", { step: count(run.step) }),
      ),
      share && run.status !== "finished"
        ? h("progress", { max: 1, value: run.progress, "aria-label": t("column.progress") })
        : null,
      h(
        "div",
        { class: "muted small" },
        run.eta
          ? t("run.eta", { time: duration(run.eta) })
          : share && run.status !== "finished"
            ? percent(run.progress)
            : "",
      ),
    );
  }

  return {
    node,
    box,
    link,
    show(now, chosen) {
      run = now;
      box.checked = chosen;
      setText(started, ago(run.started));
      started.title = date(run.started);
      const key = JSON.stringify(run);
      if (key === before) return;
      before = key;
      names();
      values();
    },
  };
}
