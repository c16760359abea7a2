// One chart: uPlot with a band from lowest to highest, the raw line, the smoothed line, ghosts and
// marks; below it a table that says the same in numbers.

import { h, setText } from "./dom.js";
import { columns } from "./curves.js";
import { drawMarks } from "./marks.js";
import { exportButtons } from "./export.js";
import { number } from "./format.js";
import { axisNumber, durationTick, niceTicks, TIME_STEPS } from "./ticks.js";
import { colour, faint } from "./theme.js";
import { t } from "./words.js";

const { uPlot } = window;
const FEW = 60; // points of a curve in view that are drawn as dots, too
const SMOOTHED = 100; // fewer points are left as they are: there is nothing to average

export class Chart {
  constructor(spec, board) {
    this.spec = spec;
    this.board = board;
    this.visible = false;
    this.u = null;
    this.cursor = null;
    this.plot = h("div", { class: "plot", role: "img", "aria-label": spec.title });
    this.rows = h("tbody");
    this.at = h("th", { class: "number", scope: "col" }, t("legend.last"));
    const table = h(
      "table",
      { class: "legend" },
      h("caption", { class: "unseen" }, spec.title),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("th", { scope: "col" }, t("legend.curve")),
          this.at,
          h("th", { class: "number", scope: "col" }, t("legend.lowest")),
          h("th", { class: "number", scope: "col" }, t("legend.highest")),
        ),
      ),
      this.rows,
    );
    this.wide = h(
      "button",
      { type: "button", class: "small plain", "aria-pressed": "false", title: t("chart.wide"), "aria-label": t("chart.wide"), onclick: () => this.#toggleWide() },
      "⤢",
    );
    this.heading = h("h2", {}, spec.title);
    this.node = h(
      "section",
      { class: "panel chart", "aria-label": spec.title, "data-chart": spec.key },
      h("div", { class: "panel-head" }, this.heading, exportButtons(this), this.wide),
      this.plot,
      h("div", { class: "scroll" }, table),
    );
  }

  /** Show other lines under the same title. */
  setSpec(spec) {
    const key = JSON.stringify(spec.lines.map((line) => [line.source.id, line.tag, line.look]));
    this.spec = spec;
    setText(this.heading, spec.title);
    if (key === this.linesKey) return;
    this.linesKey = key;
    this.#makeRows();
    this.rebuild();
  }

  setVisible(visible) {
    this.visible = visible;
    if (visible) this.draw();
  }

  remove() {
    this.u?.destroy();
    this.node.remove();
  }

  /** Take the place that there is. */
  fit() {
    if (this.u && this.plot.clientWidth) {
      this.u.setSize({ width: this.plot.clientWidth, height: this.plot.clientHeight });
    }
  }

  /** Draw anew from nothing: other lines, axes or colours. */
  rebuild() {
    this.u?.destroy();
    this.u = null;
    this.colours = null;
    this.#paintRows();
    this.draw();
  }

  /** The lines that are shown, with what is to be drawn of each. */
  drawn() {
    const { settings } = this.board;
    return this.spec.lines
      .filter((line) => !settings.hide.has(hideName(line)) && line.source.curves?.has(line.tag))
      .map((line) => {
        const curve = line.source.curves.get(line.tag);
        const ghost = settings.ghosts ? line.source.ghosts.get(line.tag) : null;
        return {
          ...line,
          colour: colour(`--curve-${line.look.colour}`),
          columns: columns(curve, settings, settings.smooth > 0 && curve.total >= SMOOTHED),
          ghost: ghost ? columns(ghost, settings, false) : null,
        };
      });
  }

  draw() {
    if (!this.visible || !this.plot.clientWidth) return;
    const { settings } = this.board;
    const lines = this.drawn();
    const series = [];
    const tables = [];
    for (const line of lines) {
      const { x, value, lowest, highest, smooth } = line.columns;
      const table = [x];
      if (line.ghost?.x.length) {
        series.push({ line, part: "ghost" });
        tables.push([line.ghost.x, line.ghost.value]);
      }
      if (lowest && settings.band) {
        series.push({ line, part: "highest" }, { line, part: "lowest" });
        table.push(highest, lowest);
      }
      series.push({ line, part: smooth ? "raw" : "main" });
      table.push(value);
      if (smooth) {
        series.push({ line, part: "main" });
        table.push(smooth);
      }
      tables.push(table);
    }
    const data = tables.length ? uPlot.join(tables) : [[]];
    const key = JSON.stringify([settings.x, settings.logx, settings.logy, series.map((one) => [hideName(one.line), one.part])]);
    this.series = series;
    this.lines = lines;
    if (this.u && key === this.key) {
      this.u.setData(data);
    } else {
      this.u?.destroy();
      this.key = key;
      this.u = new uPlot(this.#options(series), data, this.plot);
    }
    const { view } = this.board;
    Object.assign(this.plot.dataset, { from: view[0], to: view[1], points: lines.reduce((sum, line) => sum + line.columns.x.length, 0) });
    this.#fillRows();
  }

  #options(series) {
    const { settings } = this.board;
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const font = `${0.75 * rem}px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif`;
    const grid = { stroke: colour("--line"), width: 1 };
    const logTicks = { splits: (u, i, low, high) => niceTicks(low, high, 5, true), filter: (_, splits) => splits };
    const axis = { stroke: colour("--muted"), font, grid, ticks: { ...grid, size: 4 }, gap: 4 };
    return {
      width: this.plot.clientWidth,
      height: this.plot.clientHeight,
      padding: [0.6 * rem, 0.8 * rem, 0, 0],
      legend: { show: false },
      focus: { alpha: 0.25 },
      series: [{}, ...series.map((one) => this.#style(one))],
      bands: series.flatMap((one, i) =>
        one.part === "highest" ? [{ series: [i + 1, i + 2], fill: faint(one.line.colour, 0.2) }] : [],
      ),
      scales: {
        x: { time: false, distr: settings.logx ? 3 : 1, range: () => this.board.view },
        y: { distr: settings.logy ? 3 : 1, range: settings.logy ? logRange : linearRange },
      },
      axes: [
        {
          ...axis,
          size: 1.9 * rem,
          space: 5 * rem,
          ...(settings.logx ? logTicks : settings.x === "time" ? { incrs: TIME_STEPS } : {}),
          values: (_, splits) => splits.map(settings.x === "time" ? durationTick : axisNumber),
        },
        { ...axis, size: 4 * rem, space: 2.2 * rem, ...(settings.logy ? logTicks : {}), values: (_, splits) => splits.map(axisNumber) },
      ],
      cursor: {
        y: false,
        drag: { x: true, y: false, setScale: false, dist: 5 },
        sync: { key: "board", scales: ["x", null], filters: { pub: (kind) => kind === "mousemove" || kind === "mouseleave" } },
        points: { show: (u, i) => (series[i - 1].part === "main" ? point(u, series[i - 1].line.colour) : false) },
        bind: { dblclick: () => () => (this.board.zoomAll(), null) },
      },
      hooks: {
        setSelect: [
          (u) => {
            const { left, width } = u.select;
            if (width < 5) return;
            const ends = [u.posToVal(left, "x"), u.posToVal(left + width, "x")];
            u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            this.board.zoom(...ends);
          },
        ],
        setCursor: [(u) => this.#follow(u)],
        draw: [(u) => settings.marks && drawMarks(u, this)],
      },
    };
  }

  #style({ line, part }) {
    const { width, dash } = line.look;
    const scaled = dash && dash.map((one) => one * devicePixelRatio);
    const points = { show: true, size: 5, filter: few };
    const style = {
      main: { stroke: line.colour, width, dash: scaled, points },
      raw: { stroke: faint(line.colour, 0.35), width: 1, points: { show: false } },
      ghost: { stroke: faint(line.colour, 0.6), width: 1, dash: [2 * devicePixelRatio, 3 * devicePixelRatio], points: { show: false } },
    };
    return { pxAlign: 0, ...(style[part] ?? { stroke: "transparent", width: 0, points: { show: false } }) };
  }

  #toggleWide() {
    const wide = this.node.classList.toggle("wide");
    this.wide.setAttribute("aria-pressed", wide);
  }

  #makeRows() {
    const { board } = this;
    this.cells = this.spec.lines.map((line) => {
      const name = hideName(line);
      const toggle = h(
        "button",
        { type: "button", class: "plain small legend-name", title: t("legend.toggle"), onclick: () => {
          const hide = new Set(board.settings.hide);
          if (!hide.delete(name)) hide.add(name);
          board.set({ hide });
        } },
        h("svg", { class: "swatch", viewBox: "0 0 22 14", "aria-hidden": "true" },
          h("line", { x1: 0, x2: 22, y1: 7, y2: 7, "stroke-width": 3, "stroke-dasharray": line.look.dash?.join(" ") })),
        line.label,
      );
      const cells = { line, toggle, value: h("td", { class: "number" }), lowest: h("td", { class: "number" }), highest: h("td", { class: "number" }) };
      cells.row = h("tr", { onpointerenter: () => this.#focus(line), onpointerleave: () => this.#focus(null) }, h("th", { scope: "row" }, toggle), cells.value, cells.lowest, cells.highest);
      return cells;
    });
    this.rows.replaceChildren(...this.cells.map((cells) => cells.row));
    this.#paintRows();
  }

  /** Draw one line clearly and the others faintly; null draws all alike. */
  #focus(line) {
    const at = this.series.findIndex((one) => line && one.part === "main" && one.line.source === line.source && one.line.tag === line.tag);
    if (this.u && this.series.length > 1) this.u.setSeries(at < 0 ? null : at + 1, { focus: true });
  }

  #paintRows() {
    for (const { line, toggle } of this.cells ?? []) {
      toggle.querySelector("line").setAttribute("stroke", colour(`--curve-${line.look.colour}`));
    }
  }

  /** Fill the table: values at the cursor or the last ones, extremes of what is in view. */
  #fillRows() {
    const [first, last] = this.board.view;
    const labels = [];
    for (const cells of this.cells) {
      const line = this.lines.find((one) => one.source === cells.line.source && one.tag === cells.line.tag);
      cells.toggle.setAttribute("aria-pressed", String(Boolean(line)));
      cells.row.classList.toggle("off", !line);
      let [lowest, highest] = [Infinity, -Infinity];
      if (line) {
        const { x, value, lowest: lows, highest: highs } = line.columns;
        for (let i = 0; i < x.length; i += 1) {
          if (x[i] < first || x[i] > last || value[i] === null) continue;
          lowest = Math.min(lowest, (lows ?? value)[i] ?? value[i]);
          highest = Math.max(highest, (highs ?? value)[i] ?? value[i]);
        }
      }
      const known = highest >= lowest;
      setText(cells.lowest, known ? number(lowest) : "–");
      setText(cells.highest, known ? number(highest) : "–");
      if (line) labels.push(`${cells.line.label}: ${number(line.source.last[line.tag])}`);
    }
    this.plot.setAttribute("aria-label", t("chart.label", { title: this.spec.title, values: labels.join("; ") }));
    this.#follow(this.u);
  }

  #follow(u) {
    const { idx, idxs } = u.cursor;
    const pointed = idx !== null && idx !== undefined && u.cursor.left >= 0;
    const x = pointed ? u.data[0][idx] : null;
    const place = this.board.settings.x === "time" ? durationTick(x) : axisNumber(x);
    setText(this.at, pointed ? `${t(`axis.${this.board.settings.x}`)} ${place}` : t("legend.last"));
    for (const cells of this.cells) {
      let [raw, main] = [undefined, undefined];
      this.series.forEach((one, i) => {
        if (one.line.source !== cells.line.source || one.line.tag !== cells.line.tag) return;
        if (one.part !== "raw" && one.part !== "main") return;
        const values = u.data[i + 1] ?? [];
        const value = pointed ? values[idxs[i + 1]] : lastOf(values);
        if (one.part === "raw") raw = value;
        else main = value;
      });
      // The last value itself: where points are many, the last one drawn stands for several.
      const last = cells.line.source.last[cells.line.tag];
      const atEnd = !pointed && this.board.settings.to === null;
      if (atEnd && raw !== undefined) raw = last;
      else if (atEnd && main !== undefined) main = last;
      const text = raw === undefined ? number(main) : `${number(main)} (${number(raw)})`;
      setText(cells.value, text);
    }
  }
}

/** The name under which a hidden curve stands in the address. */
const hideName = (line) => (line.label === line.tag ? line.tag : `${line.source.id} ${line.tag}`);

function lastOf(values) {
  for (let i = values.length - 1; i >= 0; i -= 1) if (values[i] !== undefined) return values[i];
  return null;
}

/** Indices to draw as points: all of a curve that has few in view, and those that stand alone. */
function few(u, i) {
  const { min, max } = u.scales.x;
  const [xs, ys] = [u.data[0], u.data[i]];
  const found = [];
  const alone = [];
  let before = null;
  let last = -1;
  for (let k = 0; k < xs.length; k += 1) {
    if (ys[k] === undefined) continue;
    if (ys[k] === null) {
      if (last >= 0 && before === null) alone.push(last);
      before = null;
      last = -1;
      continue;
    }
    if (last >= 0) before = last;
    last = k;
    if (xs[k] >= min && xs[k] <= max) found.push(k);
  }
  if (last >= 0 && before === null) alone.push(last);
  return found.length <= FEW ? found : alone;
}

function point(u, fill) {
  const node = document.createElement("div");
  node.style.background = fill;
  for (const [side, half] of [["width", 8], ["height", 8]]) node.style[side] = `${half}px`;
  node.style.margin = "-4px 0 0 -4px";
  return node;
}

function linearRange(u, min, max) {
  if (min === null || max === null) return [0, 1];
  const room = (max - min) * 0.06 || Math.abs(max) * 0.06 || 0.5;
  return [min >= 0 && min - room < 0 ? 0 : min - room, max + room];
}

function logRange(u, min, max) {
  if (min === null || max === null) return [0.1, 1];
  const room = (max / min) ** 0.04 || 1;
  return max > min ? [min / room, max * room] : [min / 2, max * 2];
}
