// The table below a chart: its curves, their values at the cursor or the last ones, and the extremes
// of what is in view. A click on a name hides the curve.

import { h, setText } from "./dom.js";
import { number } from "./format.js";
import { hideName, isOf } from "./groups.js";
import { axisNumber, durationTick } from "./ticks.js";
import { colour } from "./theme.js";
import { t } from "./words.js";

export class Legend {
  constructor(chart) {
    this.chart = chart;
    this.rows = [];
    this.body = h("tbody");
    this.at = h("th", { class: "number", scope: "col" }, t("legend.last"));
    const head = (key) => h("th", { class: "number", scope: "col" }, t(key));
    this.node = h(
      "table",
      { class: "legend" },
      h("caption", { class: "unseen" }, chart.spec.title),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("th", { scope: "col" }, t("legend.curve")),
          this.at,
          head("legend.lowest"),
          head("legend.highest"),
        ),
      ),
      this.body,
    );
  }

  setLines(lines) {
    this.rows = lines.map((line) => this.#row(line));
    this.body.replaceChildren(...this.rows.map((row) => row.node));
  }

  #row(line) {
    const { chart } = this;
    const swatch = h("line", {
      ...{ x1: 0, x2: 22, y1: 7, y2: 7, "stroke-width": 3 },
      "stroke-dasharray": line.look.dash?.join(" "),
    });
    const toggle = h(
      "button",
      {
        type: "button",
        class: "plain small legend-name",
        title: t("legend.toggle"),
        onclick: () => this.#toggle(hideName(line)),
      },
      h("svg", { class: "swatch", viewBox: "0 0 22 14", "aria-hidden": "true" }, swatch),
      line.label,
    );
    const cell = () => h("td", { class: "number" });
    const [value, lowest, highest] = [cell(), cell(), cell()];
    const node = h(
      "tr",
      { onpointerenter: () => chart.focus(line), onpointerleave: () => chart.focus(null) },
      h("th", { scope: "row" }, toggle),
      value,
      lowest,
      highest,
    );
    return { line, swatch, toggle, value, lowest, highest, node };
  }

  #toggle(name) {
    const hide = new Set(this.chart.board.settings.hide);
    if (!hide.delete(name)) hide.add(name);
    this.chart.board.set({ hide });
  }

  /** Give the swatches the colours of this moment. */
  paint() {
    for (const { line, swatch } of this.rows) {
      swatch.setAttribute("stroke", colour(`--curve-${line.look.colour}`));
    }
  }

  /** Fill the table, and say the same about the picture to those who do not see it. */
  fill() {
    const { chart } = this;
    const labels = [];
    for (const row of this.rows) {
      const line = chart.lines.find((one) => isOf(one, row.line));
      row.toggle.setAttribute("aria-pressed", String(Boolean(line)));
      row.node.classList.toggle("off", !line);
      const ends = line ? extremes(line.columns, chart.board.view) : null;
      setText(row.lowest, ends ? number(ends[0]) : "–");
      setText(row.highest, ends ? number(ends[1]) : "–");
      if (line) labels.push(`${line.label}: ${number(line.source.last[line.tag])}`);
    }
    const label = t("chart.label", { title: chart.spec.title, values: labels.join("; ") });
    chart.plot.setAttribute("aria-label", label);
    this.follow(chart.u);
  }

  /** Show the values at the cursor, without one the last ones. */
  follow(u) {
    const { series, board } = this.chart;
    const { idx, idxs, left } = u.cursor;
    const pointed = idx !== null && idx !== undefined && left >= 0;
    const { x, to } = board.settings;
    const place = pointed && (x === "time" ? durationTick : axisNumber)(u.data[0][idx]);
    setText(this.at, pointed ? `${t(`axis.${x}`)} ${place}` : t("legend.last"));
    for (const { line, value } of this.rows) {
      const found = {};
      series.forEach((one, i) => {
        if (!isOf(one.line, line)) return;
        const values = u.data[i + 1] ?? [];
        found[one.part] = pointed ? values[idxs[i + 1]] : lastOf(values);
      });
      // The last value itself: where points are many, the last one drawn stands for several.
      const raw = "raw" in found ? "raw" : "main";
      if (!pointed && to === null && raw in found) found[raw] = line.source.last[line.tag];
      const beside = "raw" in found ? ` (${number(found.raw)})` : "";
      setText(value, number(found.main) + beside);
    }
  }
}

/** Lowest and highest value in a range of x, or null. */
function extremes({ x, value, lowest, highest }, [first, last]) {
  let [least, most] = [Infinity, -Infinity];
  for (let i = 0; i < x.length; i += 1) {
    if (x[i] < first || x[i] > last || value[i] === null) continue;
    least = Math.min(least, lowest?.[i] ?? value[i]);
    most = Math.max(most, highest?.[i] ?? value[i]);
  }
  return most >= least ? [least, most] : null;
}

function lastOf(values) {
  for (let i = values.length - 1; i >= 0; i -= 1) if (values[i] !== undefined) return values[i];
  return null;
}
