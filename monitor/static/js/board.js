// A page's charts: what they show together, the range of x, loading and live points.

import { $, afterwards, h, show } from "./dom.js";
import { getCurves, ofRun } from "./api.js";
import { Chart } from "./chart.js";
import { append, curveFrom, emptyCurve } from "./curves.js";
import { number } from "./format.js";
import { onKeys } from "./keys.js";
import { bindSettings } from "./settings.js";
import { attempt } from "./shell.js";
import { onTheme } from "./theme.js";
import { t } from "./words.js";

const ALL = { from: null, to: null };

/** A run as a source of curves, from the answer to `GET /api/runs/ID`. */
export function sourceOf(run) {
  return {
    id: run.id,
    name: run.name,
    status: run.status,
    started: run.started ?? run.span.time?.[0] ?? 0,
    marks: run.marks,
    cursor: run.cursor,
    last: { ...run.last },
    tags: run.curves.map((curve) => curve.tag),
  };
}

export class Board {
  /**
   * @param {HTMLElement} host where the charts go
   * @param {object[]} sources runs, as `sourceOf` makes them
   */
  constructor(host, sources) {
    this.host = host;
    this.sources = sources;
    this.charts = [];
    this.specs = [];
    this.loading = null;
    const { settings, set } = bindSettings((_, reload) => {
      this.#arrange();
      this.draw();
      if (reload) this.#loadSoon();
    });
    this.settings = settings;
    this.set = set;
    this.#bindZoom();
    onTheme(() => this.charts.forEach((chart) => chart.rebuild()));
    this.resize = new ResizeObserver((entries) => {
      for (const entry of entries) this.charts.find((chart) => chart.plot === entry.target)?.fit();
    });
    this.seen = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) {
          this.charts
            .find((chart) => chart.node === entry.target)
            ?.setVisible(entry.isIntersecting);
        }
      },
      { rootMargin: "400px" },
    );
  }

  /** Say which charts there are: [{key, title, lines: [{source, tag, label, look}]}]. */
  async setCharts(specs) {
    this.specs = specs;
    this.#arrange();
    await this.load();
  }

  /** Make and remove charts, in order, until they are those that the filter leaves. */
  #arrange() {
    const words = this.settings.filter.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = this.specs.filter((spec) => {
      const text = [spec.title, ...spec.lines.map((line) => line.tag)].join(" ").toLowerCase();
      return words.every((word) => text.includes(word));
    });
    const old = new Map(this.charts.map((chart) => [chart.spec.key, chart]));
    this.charts = wanted.map((spec) => {
      const chart = old.get(spec.key) ?? this.#newChart(spec);
      old.delete(spec.key);
      chart.setSpec(spec);
      return chart;
    });
    for (const chart of old.values()) {
      this.resize.unobserve(chart.plot);
      this.seen.unobserve(chart.node);
      chart.remove();
    }
    const nodes = this.charts.map((chart) => chart.node);
    if (nodes.some((node, i) => this.host.children[i] !== node))
      this.host.replaceChildren(...nodes);
  }

  #newChart(spec) {
    const chart = new Chart(spec, this);
    this.resize.observe(chart.plot);
    this.seen.observe(chart.node);
    return chart;
  }

  #loadSoon = afterwards(() => attempt(() => this.load()), 80);

  /** Ask for all curves, for the range and the width that are shown. */
  async load() {
    this.loading?.abort();
    const stop = new AbortController();
    this.loading = stop;
    try {
      await Promise.all(this.sources.map((source) => this.#loadSource(source, stop.signal)));
    } catch (error) {
      if (error.name === "AbortError") return;
      throw error;
    }
    if (this.loading === stop) this.loading = null;
    this.draw();
  }

  async #loadSource(source, signal) {
    const tags = [
      ...new Set(
        this.specs.flatMap((spec) =>
          spec.lines.filter((line) => line.source === source).map((line) => line.tag),
        ),
      ),
    ];
    if (!tags.length) return;
    const { x, from, to, smooth, ghosts } = this.settings;
    const origin = x === "time" ? source.started : 0;
    const width = Math.max(300, ...this.charts.map((chart) => chart.plot.clientWidth));
    const address = ofRun(source.id, "series", {
      tag: tags,
      x,
      from: from === null ? null : from + origin,
      to: to === null ? null : to + origin,
      width: Math.min(width, 4000),
      smooth: smooth || null,
      ghosts,
    });
    const { head, take } = await getCurves(address, { signal });
    source.cursor = head.cursor;
    source.range = head.range && head.range.map((value) => value - origin);
    source.curves = new Map(tags.map((tag) => [tag, emptyCurve(tag, x, origin, smooth > 0)]));
    source.ghosts = new Map();
    for (const entry of head.series) {
      const curve = curveFrom(entry, take, x, origin);
      (entry.ghost ? source.ghosts : source.curves).set(entry.tag, curve);
    }
  }

  /** Append what a `delta` of a source brought; asks for the curves again where that is needed. */
  append(source, { head, take }) {
    let whole = !head.reset;
    const end = this.settings.to ?? Infinity;
    for (const entry of head.series) {
      const curve = source.curves?.get(entry.tag);
      if (!curve) continue;
      const points = {
        step: take(entry.step),
        epoch: take(entry.epoch),
        time: take(entry.time),
        value: take(entry.value),
      };
      whole = append(curve, points, this.settings.smooth, end) && whole;
      const xs = points[curve.axis];
      for (const x of xs) {
        if (Number.isNaN(x)) continue;
        const at = x - curve.origin;
        source.range = source.range
          ? [Math.min(source.range[0], at), Math.max(source.range[1], at)]
          : [at, at];
      }
      if (points.value.length) source.last[entry.tag] = points.value[points.value.length - 1];
      for (let i = 0; i < points.value.length; i += 1) {
        if (!Number.isFinite(points.value[i])) {
          source.marks.not_finite.push({
            tag: entry.tag,
            step: points.step[i],
            epoch: points.epoch[i],
            time: points.time[i],
          });
        }
      }
      const width = Math.max(400, this.charts[0]?.plot.clientWidth ?? 0);
      if (curve.appended > width) whole = false;
    }
    source.cursor = head.cursor;
    if (whole) this.draw();
    else this.#loadSoon();
  }

  /** Draw the charts that can be seen, once, before the next frame. */
  draw() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.charts.forEach((chart) => chart.draw());
      this.#explainMarks();
    });
  }

  /** The whole range of x over all runs. */
  get whole() {
    const ranges = this.sources.map((source) => source.range).filter(Boolean);
    if (!ranges.length) return [0, 1];
    return [
      Math.min(...ranges.map((range) => range[0])),
      Math.max(...ranges.map((range) => range[1])),
    ];
  }

  /** The range of x that is shown. */
  get view() {
    const { from, to, cut, x, logx } = this.settings;
    let [first, last] = this.whole;
    if (cut > 0) first = x === "step" ? Math.max(first, cut) : Math.max(first, this.#atStep(cut));
    if (from !== null) first = from;
    if (to !== null) last = to;
    if (logx && first <= 0) first = x === "step" ? 1 : Math.min(0.01, last / 1000 || 1);
    return last > first ? [first, last] : [first - (logx ? 0 : 0.5), first + 0.5];
  }

  /** Where on the axis the first point from a step on lies. */
  #atStep(step) {
    let found = Infinity;
    for (const source of this.sources) {
      for (const curve of source.curves?.values() ?? []) {
        const i = curve.step.findIndex((value) => value >= step);
        if (i >= 0) found = Math.min(found, curve.x[i]);
      }
    }
    return found === Infinity ? -Infinity : found;
  }

  /** Where a mark lies on the axis of x; null without an epoch. */
  place(source, mark) {
    const { x } = this.settings;
    const value = mark[x];
    if (value === null || value === undefined || Number.isNaN(value)) return null;
    return x === "time" ? value - source.started : value;
  }

  zoom(from, to) {
    const [first, last] = this.whole;
    if (from <= first && to >= last) this.set(ALL);
    else this.set({ from: round(from, to - from), to: round(to, to - from) });
  }

  zoomAll() {
    if (this.settings.from !== null || this.settings.to !== null) this.set(ALL);
  }

  #move(what) {
    const log = this.settings.logx;
    const [first, last] = this.view.map((value) => (log ? Math.log(value) : value));
    const size = last - first;
    const [low, high] = {
      in: [first + size / 4, last - size / 4],
      out: [first - size / 2, last + size / 2],
      left: [first - size / 4, last - size / 4],
      right: [first + size / 4, last + size / 4],
    }[what].map((value) => (log ? Math.exp(value) : value));
    const [least, most] = this.whole;
    if (what === "out" || (low < most && high > least))
      this.zoom(Math.max(low, what === "out" ? least : low), high);
  }

  #bindZoom() {
    for (const button of document.querySelectorAll("[data-zoom]")) {
      const what = button.dataset.zoom;
      button.addEventListener("click", () => (what === "all" ? this.zoomAll() : this.#move(what)));
    }
    onKeys({
      "+": () => this.#move("in"),
      "=": () => this.#move("in"),
      "-": () => this.#move("out"),
      ArrowLeft: () => this.#move("left"),
      ArrowRight: () => this.#move("right"),
      0: () => this.zoomAll(),
    });
  }

  /** A line that says what the signs in the charts mean, if there are any. */
  #explainMarks() {
    const place = $("marks-key");
    if (!place) return;
    const marks = this.sources.map((source) => source.marks);
    const count = (kind) => marks.reduce((sum, one) => sum + one[kind].length, 0);
    const kinds = ["checkpoints", "resumes", "not_finite"].filter((kind) => count(kind));
    place.hidden = !kinds.length || !this.settings.marks;
    const text = kinds.map((kind) => `${t(`marks.${kind}`)}: ${number(count(kind))}`).join("   ");
    if (place.textContent !== text) show(place, h("span", {}, text));
  }

  /** Say in the tab's title what the training's loss is. */
  title(source, name) {
    const tag = ["train/loss", "valid/loss", "loss"].find((one) => one in source.last);
    const title = `${tag ? `${number(source.last[tag])} · ` : ""}${name} · ${t("app.title")}`;
    if (document.title !== title) document.title = title;
  }
}

/** As many digits as tell the ends of a range apart on any screen. */
function round(value, size) {
  const digits = Math.max(0, 5 - Math.floor(Math.log10(size || 1)));
  return Number(value.toFixed(Math.min(12, digits)));
}
