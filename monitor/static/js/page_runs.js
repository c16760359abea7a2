// The page Runs: a list to search, sort, star, mark, archive, delete and compare.

import { $, h, setText, show } from "./dom.js";
import { getJson, getTagged, post } from "./api.js";
import { read, write } from "./address.js";
import { bytes, count, date } from "./format.js";
import { onKeys } from "./keys.js";
import { poll } from "./poll.js";
import { matches, sorted } from "./run_order.js";
import { runRow } from "./run_row.js";
import { attempt, toast } from "./shell.js";
import { t } from "./words.js";

const DEFAULTS = { q: "", sort: "started", archived: false };
const view = Object.fromEntries(
  Object.entries(DEFAULTS).map(([name, value]) => [name, read(name, value)]),
);
const chosen = new Set();
const rows = new Map();
let runs = [];
let cursor = null;
let editing = null;

// Acting on runs.

async function note(run, change) {
  Object.assign(run, change); // shown at once; the server's answer or the next list corrects it
  draw();
  try {
    Object.assign(run, await post(`/api/runs/${run.id}/notes`, change));
    draw();
  } catch (error) {
    tag = null;
    await load();
    throw error;
  }
}

async function remove(run) {
  const { trash } = await post(`/api/runs/${run.id}/delete`, {});
  runs = runs.filter((one) => one !== run);
  chosen.delete(run.id);
  draw();
  toast(t("runs.deleted", { name: run.name }), t("runs.undo"), () =>
    attempt(async () => {
      await post(`/api/trash/${trash}/restore`, {});
      await load();
    }),
  );
  await load();
}

async function archive(run) {
  const archived = !run.archived;
  await note(run, { archived });
  if (archived)
    toast(t("runs.archived.done", { name: run.name }), t("runs.undo"), () =>
      attempt(() => note(run, { archived: false })),
    );
}

function edit(run) {
  editing = run;
  setText($("edit-title"), run.name);
  $("edit-tags").value = run.tags.join(", ");
  $("edit-note").value = run.note;
  $("edit").showModal();
}

$("edit").addEventListener("close", () => {
  if ($("edit").returnValue !== "save" || !editing) return;
  const tags = [
    ...new Set(
      $("edit-tags")
        .value.split(",")
        .map((tag) => tag.trim())
        .filter(Boolean),
    ),
  ];
  attempt(() => note(editing, { tags, note: $("edit-note").value }));
});

const actions = {
  star: (run) => attempt(() => note(run, { star: !run.star })),
  archive: (run) => attempt(() => archive(run)),
  remove: (run) => attempt(() => remove(run)),
  edit,
  choose(run, on) {
    if (on) chosen.add(run.id);
    else chosen.delete(run.id);
    drawCompare();
  },
};

// The list.

function listed() {
  return sorted(
    runs.filter((run) => (view.archived || !run.archived) && matches(run, view.q)),
    view.sort,
  );
}

function draw() {
  const list = listed();
  const known = new Set(list.map((run) => run.id));
  for (const [id, row] of rows) {
    if (known.has(id)) continue;
    row.node.remove();
    rows.delete(id);
  }
  const nodes = list.map((run) => {
    const row = rows.get(run.id) ?? runRow(actions);
    rows.set(run.id, row);
    row.show(run, chosen.has(run.id));
    row.node.toggleAttribute("data-at", run.id === cursor);
    return row.node;
  });
  const body = $("list").querySelector("tbody") ?? makeTable();
  if (nodes.length !== body.children.length || nodes.some((node, i) => body.children[i] !== node)) {
    const focused = document.activeElement;
    body.replaceChildren(...nodes);
    if (body.contains(focused)) focused.focus(); // moving a row takes the focus from what is in it
  }
  $("empty").hidden = runs.length > 0;
  $("controls").hidden = runs.length === 0 && $("trash").hidden;
  $("list").hidden = runs.length === 0;
  const running = runs.filter((run) => run.status === "running").length;
  setText(
    $("summary"),
    runs.length
      ? t("runs.summary", {
          shown: count(list.length),
          all: count(runs.length),
          running: count(running),
        })
      : "",
  );
  try {
    sessionStorage.setItem("lasagnette-order", JSON.stringify(list.map((run) => run.id)));
  } catch {
    // the keys on the run's page then go by name
  }
  drawCompare();
}

function makeTable() {
  const columns = [
    "choose",
    "run",
    "status",
    "curve",
    "best",
    "last",
    "progress",
    "started",
    "actions",
  ];
  const head = columns.map((name) =>
    h(
      "th",
      { scope: "col", class: ["best", "last", "progress"].includes(name) ? "number" : null },
      h(
        "span",
        { class: ["choose", "actions"].includes(name) ? "unseen" : null },
        t(`column.${name}`),
      ),
    ),
  );
  const body = h("tbody");
  show(
    $("list"),
    h(
      "table",
      { class: "runs" },
      h("caption", { class: "unseen" }, t("page.runs")),
      h("thead", {}, h("tr", {}, head)),
      body,
    ),
  );
  return body;
}

function drawCompare() {
  $("compare").disabled = chosen.size < 2;
  setText($("compare"), chosen.size ? t("runs.compare.n", { n: chosen.size }) : t("runs.compare"));
}

// Loading.

let tag = null;

async function load() {
  const [answer, now] = await getTagged("/api/runs");
  if (now && now === tag) return answer.pending ? 1000 : 2000;
  tag = now;
  const mine = new Map(runs.map((run) => [run.id, run]));
  runs = answer.runs.map((run) => Object.assign(mine.get(run.id) ?? {}, run));
  if (!runs.length) await teach();
  $("trash").hidden = !answer.trash;
  setText($("trash"), t("trash.button", { n: count(answer.trash) }));
  draw();
  return answer.pending ? 500 : 2000;
}

/** Name the folder in the examples of the empty page. */
async function teach() {
  const { folder } = await getJson("/api/session");
  setText($("empty-folder"), folder);
  for (const place of document.querySelectorAll(".runs-folder")) setText(place, folder);
}

// Controls.

function changed() {
  write(view, DEFAULTS);
  draw();
}
$("search").value = view.q;
$("sort").value = view.sort;
if (!$("sort").value) $("sort").value = view.sort = DEFAULTS.sort;
$("archived").checked = view.archived;
$("search").addEventListener("input", () => ((view.q = $("search").value), changed()));
$("sort").addEventListener("change", () => ((view.sort = $("sort").value), changed()));
$("archived").addEventListener(
  "change",
  () => ((view.archived = $("archived").checked), changed()),
);
$("compare").addEventListener("click", () => {
  location.href = `/compare?${listed()
    .filter((run) => chosen.has(run.id))
    .map((run) => `run=${run.id}`)
    .join("&")}`;
});

function move(by) {
  const list = listed();
  if (!list.length) return;
  const at = list.findIndex((run) => run.id === cursor);
  cursor =
    list[Math.min(list.length - 1, Math.max(0, at < 0 ? (by > 0 ? 0 : list.length - 1) : at + by))]
      .id;
  draw();
  rows.get(cursor).link.focus();
  rows.get(cursor).node.scrollIntoView({ block: "nearest" });
}
onKeys({
  j: () => move(1),
  k: () => move(-1),
  x: () => rows.get(cursor)?.box.click(),
  s: () => rows.get(cursor) && actions.star(runs.find((run) => run.id === cursor)),
});

// Deleted runs.

async function showTrash() {
  const { trash } = await getJson("/api/trash", { cache: "no-store" });
  show(
    $("trash-list"),
    trash.map((one) =>
      h(
        "li",
        { class: "bar" },
        h("strong", {}, one.name),
        h("span", { class: "muted" }, `${date(one.deleted)} · ${bytes(one.bytes)}`),
        h(
          "button",
          {
            type: "button",
            class: "small push",
            onclick: () =>
              attempt(async () => {
                await post(`/api/trash/${one.key}/restore`, {});
                await Promise.all([load(), showTrash()]);
              }),
          },
          t("trash.restore"),
        ),
      ),
    ),
  );
  $("trash-empty").disabled = !trash.length;
  if (!$("trash-dialog").open) $("trash-dialog").showModal();
}
$("trash").addEventListener("click", () => attempt(showTrash));
$("trash-empty").addEventListener("click", () =>
  attempt(async () => {
    const { deleted } = await post("/api/trash/empty", { confirm: true });
    $("trash-dialog").close();
    toast(t("trash.emptied", { n: count(deleted) }));
    await load();
  }),
);

await attempt(load);
poll(load, 2000);
