// One chart: a band from lowest to highest, the raw line, the smoothed line, ghosts and marks; below
// it a table that says the same in numbers.

import { h, setText } from "./dom.js";
import { columns } from "./curves.js";
import { exportButtons } from "./export.js";
import { hideName, isOf } from "./groups.js";
import { Legend } from "./legend.js";
import { optionsOf } from "./plot.js";
import { colour } from "./theme.js";
import { t } from "./words.js";

const { uPlot } = window;
const SMOOTHED = 100; // curves of fewer points are left as they are: there is nothing to average

export class Chart {
  /**
   * @param {object} spec {key, title, lines: [{source, tag, label, look}]}
   * @param {import("./board.js").Board} board whose settings, view and sources are shown
   */
  constructor(spec, board) {
    this.spec = spec;
    this.board = board;
    this.visible = false;
    this.u = null;
    this.series = [];
    this.lines = [];
    this.plot = h("div", { class: "plot", role: "img", "aria-label": spec.title });
    this.legend = new Legend(this);
    this.wide = h(
      "button",
      {
        type: "button",
        class: "small plain",
        "aria-pressed": "false",
        title: t("chart.wide"),
        "aria-label": t("chart.wide"),
        onclick: () => this.#toggleWide(),
      },
      "⤢",
    );
    this.heading = h("h2", {}, spec.title);
    this.node = h(
      "section",
      { class: "panel chart", "aria-label": spec.title, "data-chart": spec.key },
      h("div", { class: "panel-head" }, this.heading, exportButtons(this), this.wide),
      this.plot,
      h("div", { class: "scroll" }, this.legend.node),
    );
  }

  /** Show other lines under the same title. */
  setSpec(spec) {
    const key = JSON.stringify(spec.lines.map((line) => [line.source.id, line.tag, line.look]));
    this.spec = spec;
    setText(this.heading, spec.title);
    if (key === this.linesKey) return;
    this.linesKey = key;
    this.legend.setLines(spec.lines);
    this.rebuild();
  }

  /** Draw from now on, or no more, because the chart is far from what is seen of the page. */
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

  /** Draw anew from nothing: with other lines or colours. */
  rebuild() {
    this.u?.destroy();
    this.u = null;
    this.legend.paint();
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
    const { settings, view } = this.board;
    this.lines = this.drawn();
    const tables = this.#arrange();
    const data = tables.length ? uPlot.join(tables) : [[]];
    const { x, logx, logy } = settings;
    const key = JSON.stringify([
      [x, logx, logy],
      this.series.map(({ line, part }) => [hideName(line), part]),
    ]);
    if (this.u && key === this.key) {
      this.u.setData(data);
    } else {
      this.u?.destroy();
      this.key = key;
      this.u = new uPlot(optionsOf(this), data, this.plot);
    }
    Object.assign(this.plot.dataset, {
      from: view[0],
      to: view[1],
      points: this.lines.reduce((sum, line) => sum + line.columns.x.length, 0),
    });
    this.legend.fill();
  }

  /** Say which part of which line each of uPlot's series is; returns its tables in that order. */
  #arrange() {
    this.series = [];
    const tables = [];
    for (const line of this.lines) {
      const { x, value, lowest, highest, smooth } = line.columns;
      const table = [x];
      const add = (part, values) => {
        this.series.push({ line, part });
        table.push(values);
      };
      if (line.ghost?.x.length) {
        this.series.push({ line, part: "ghost" });
        tables.push([line.ghost.x, line.ghost.value]);
      }
      if (lowest && this.board.settings.band) {
        add("highest", highest);
        add("lowest", lowest);
      }
      add(smooth ? "raw" : "main", value);
      if (smooth) add("main", smooth);
      tables.push(table);
    }
    return tables;
  }

  /** Draw one line clearly and the others faintly; null draws all alike. */
  focus(line) {
    const at = this.series.findIndex((one) => line && one.part === "main" && isOf(one.line, line));
    if (this.u && this.series.length > 1) this.u.setSeries(at < 0 ? null : at + 1, { focus: true });
  }

  #toggleWide() {
    this.wide.setAttribute("aria-pressed", this.node.classList.toggle("wide"));
  }
}
