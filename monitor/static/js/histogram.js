// Histograms over time as a map: steps from left to right, values from bottom to top, the darker
// the more of them.

import { h, setText } from "./dom.js";
import { count, number } from "./format.js";
import { colour, faint, onTheme } from "./theme.js";
import { t } from "./words.js";

const HEIGHT = 128;

/** A map for one series; `show` takes the answer to `histograms`. */
export function histogramMap(tag) {
  let data = null;
  const canvas = h("canvas", { class: "histogram", role: "img" });
  const top = h("span");
  const bottom = h("span");
  const steps = h("span");
  const pointed = h("span", { class: "muted small" });
  const node = h(
    "figure",
    { class: "tile map" },
    h("figcaption", {}, h("strong", {}, tag)),
    h(
      "div",
      { class: "map-place" },
      h("div", { class: "map-axis muted small" }, top, bottom),
      canvas,
    ),
    h("div", { class: "map-steps muted small" }, steps),
    pointed,
  );

  /** The ends of the axis of values, over all histograms that have any. */
  function ends() {
    const low = Math.min(...data.lowest.filter((value) => value !== null));
    const high = Math.max(...data.highest.filter((value) => value !== null));
    return Number.isFinite(low) && Number.isFinite(high)
      ? [low, high > low ? high : low + 1]
      : [0, 1];
  }

  function draw() {
    const columns = data.step.length;
    canvas.width = Math.max(1, columns);
    canvas.height = HEIGHT;
    const context = canvas.getContext("2d");
    const [low, high] = ends();
    const full = colour("--curve-0");
    for (let i = 0; i < columns; i += 1) {
      if (data.lowest[i] === null) continue;
      const width = (data.highest[i] - data.lowest[i]) / data.bins || (high - low) / HEIGHT;
      const densest = Math.max(...data.counts[i]);
      data.counts[i].forEach((amount, bin) => {
        if (!amount) return;
        const from = data.lowest[i] + bin * width;
        const y = HEIGHT * (1 - (from + width - low) / (high - low));
        context.fillStyle = faint(full, 0.08 + 0.92 * Math.sqrt(amount / densest));
        context.fillRect(i, y, 1, Math.max(1, (HEIGHT * width) / (high - low)));
      });
    }
    setText(top, number(high, 3));
    setText(bottom, number(low, 3));
    setText(
      steps,
      t("data.histogram.steps", {
        first: count(data.step[0]),
        last: count(data.step[columns - 1]),
      }),
    );
    canvas.setAttribute(
      "aria-label",
      t("data.histogram.alt", { tag, low: number(low, 3), high: number(high, 3) }),
    );
  }

  canvas.addEventListener("pointermove", (event) => {
    const i = Math.min(
      data.step.length - 1,
      Math.floor((event.offsetX / canvas.clientWidth) * data.step.length),
    );
    if (i >= 0)
      setText(
        pointed,
        t("data.histogram.at", {
          step: count(data.step[i]),
          low: number(data.lowest[i], 3),
          high: number(data.highest[i], 3),
          n: count(data.counts[i].reduce((sum, one) => sum + one, 0)),
        }),
      );
  });
  onTheme(() => data && draw());
  return {
    node,
    show(answer) {
      data = answer;
      if (data.step.length) draw();
    },
  };
}
