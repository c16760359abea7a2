// What the pages of one run share: its name, status and progress at the top, its neighbours by keys.

import { $, h, setText, show } from "./dom.js";
import { getCurves, getJson, ofRun } from "./api.js";
import { count, duration, number, percent } from "./format.js";
import { onKeys } from "./keys.js";
import { poll } from "./poll.js";
import { attempt, statusSign } from "./shell.js";
import { t } from "./words.js";

export const id = document.body.dataset.run;

/** What is known of the run, as `GET /api/runs/ID` gave it and `delta` changed it. */
export let run = null;

/** Ask for the run and show its head. */
export async function loadRun() {
  run = await getJson(ofRun(id));
  showHead();
  return run;
}

/** Show the run's name, status and progress. */
export function showHead() {
  setText($("run-name"), run.name);
  $("run-name").title = run.name;
  const key = run.status;
  if ($("run-status").dataset.status !== key) {
    $("run-status").dataset.status = key;
    show($("run-status"), statusSign(run.status));
  }
  const parts = [];
  if (run.step !== null && run.step !== undefined)
    parts.push(t("run.step", { step: count(run.step) }));
  if (run.epoch !== null && run.epoch !== undefined)
    parts.push(
      t(run.epochs ? "run.epoch.of" : "run.epoch", {
        epoch: number(run.epoch, 3),
        epochs: run.epochs,
      }),
    );
  if (run.progress !== null && run.progress !== undefined && run.status !== "finished")
    parts.push(percent(run.progress));
  if (run.eta !== null && run.eta !== undefined)
    parts.push(t("run.eta", { time: duration(run.eta) }));
  setText($("run-progress"), parts.join(" · "));
  if (!document.title.includes(run.name))
    document.title = `${run.name} · ${t(`page.${document.body.dataset.page}`)} · ${t("app.title")}`;
}

/**
 * Follow the run: `changed(delta)` is called with the head and the numbers of what is new. `source`
 * holds the cursor, which a page may set anew in between.
 */
export function follow(source, changed) {
  return poll(async () => {
    const { cursor } = source;
    const delta = await getCurves(ofRun(id, "delta", { cursor }), { cache: "no-store" });
    const living = run.status === "running" || run.status === "stalled";
    if (delta && cursor === source.cursor) {
      const { status, step, epoch, eta, progress, updated } = delta.head;
      Object.assign(run, { status, step, epoch, eta, progress, updated });
      showHead();
      source.cursor = delta.head.cursor;
      await changed(delta);
    }
    return living ? 1000 : 5000;
  });
}

/** Let keys go to the run before or after this one, in the order of the list of runs. */
export function neighbours() {
  const go = (by) =>
    attempt(async () => {
      const { runs } = await getJson("/api/runs");
      const order = listed(runs);
      const at = order.indexOf(id);
      const other = order[at + by];
      if (!other || at < 0) return;
      const query = new URLSearchParams(location.search);
      for (const name of ["from", "to", "step", "picture"]) query.delete(name);
      location.href = `/${document.body.dataset.page}/${other}${query.size ? `?${query}` : ""}`;
    });
  onKeys({ j: () => go(1), k: () => go(-1) });
}

/** Ids in the order in which the list last showed them; without one, by name. */
function listed(runs) {
  const ids = runs.filter((one) => !one.archived).map((one) => one.id);
  try {
    const order = JSON.parse(sessionStorage.getItem("lasagnette-order"));
    if (order.includes(id)) return order.filter((one) => ids.includes(one));
  } catch {
    // no list was shown in this tab
  }
  return ids;
}

/** A table of what a run was asked to do: paths through nested settings. */
export function settingsRows(value, path = "") {
  if (value !== null && typeof value === "object" && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([key, inner]) =>
      settingsRows(inner, path ? `${path}.${key}` : key),
    );
  }
  return [
    h(
      "tr",
      {},
      h("th", { scope: "row", class: "mono" }, path),
      h("td", { class: "mono" }, JSON.stringify(value)),
    ),
  ];
}

/** Rows of a list of facts; those without a value are left out. */
export function facts(pairs) {
  return pairs
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .flatMap(([key, value]) => [h("dt", {}, key), h("dd", {}, value)]);
}
