// A chart as a picture (PNG), a drawing (SVG) or numbers (CSV).

import { download, h } from "./dom.js";
import { ofRun } from "./api.js";
import { marksOf } from "./marks.js";
import { axisNumber, durationTick, niceTicks, TIME_STEPS } from "./ticks.js";
import { colour, faint } from "./theme.js";
import { t } from "./words.js";

const WIDTH = 960;
const HEIGHT = 480;
const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif";

/** The buttons that a chart has for it. */
export function exportButtons(chart) {
  const button = (name, action) =>
    h(
      "button",
      { type: "button", class: "small plain", title: t(`export.${name}`), onclick: action },
      name.toUpperCase(),
    );
  return h(
    "span",
    { class: "export", role: "group", "aria-label": t("export.title") },
    button("png", () => exportPng(chart)),
    button("svg", () => download(`${fileName(chart)}.svg`, svgOf(chart), "image/svg+xml")),
    button("csv", () => exportCsv(chart)),
  );
}

const fileName = (chart) => {
  const runs = new Set(chart.spec.lines.map((line) => line.source.name));
  return [...runs, chart.spec.title]
    .join("-")
    .replace(/[^\p{L}\p{N}._-]+/gu, "-")
    .slice(0, 100);
};

/** All points, straight from the run, not as they are drawn; one file for each run. */
function exportCsv(chart) {
  for (const source of new Set(chart.spec.lines.map((line) => line.source))) {
    const tags = chart.spec.lines.filter((line) => line.source === source).map((line) => line.tag);
    const link = h("a", { href: ofRun(source.id, "csv", { tag: tags }), download: "" });
    document.body.append(link);
    link.click();
    link.remove();
  }
}

async function exportPng(chart) {
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([svgOf(chart)], { type: "image/svg+xml" }));
  await image.decode();
  const canvas = h("canvas", { width: 2 * WIDTH, height: 2 * HEIGHT });
  canvas.getContext("2d").drawImage(image, 0, 0, 2 * WIDTH, 2 * HEIGHT);
  URL.revokeObjectURL(image.src);
  canvas.toBlob((blob) => download(`${fileName(chart)}.png`, blob), "image/png");
}

/** The chart as a text of SVG. Names are escaped by the serializer. */
export function svgOf(chart) {
  const { settings, view } = chart.board;
  const lines = chart.drawn();
  const ys = yRange(chart, lines, view);
  const frame = {
    left: 72,
    right: WIDTH - 20,
    top: 44,
    bottom: HEIGHT - 56 - 18 * Math.ceil(lines.length / 3),
  };
  const scale = (low, high, first, last, log) => {
    const f = log ? Math.log : (value) => value;
    return (value) => first + ((f(value) - f(low)) / (f(high) - f(low))) * (last - first);
  };
  const px = scale(...view, frame.left, frame.right, settings.logx);
  const py = scale(...ys, frame.bottom, frame.top, settings.logy);
  const [text, grid] = [colour("--text"), colour("--line")];

  const root = h("svg", {
    width: WIDTH,
    height: HEIGHT,
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    "font-family": FONT,
    "font-size": 13,
    fill: text,
  });
  root.append(
    h("rect", { width: WIDTH, height: HEIGHT, fill: colour("--panel") }),
    h("text", { x: frame.left, y: 28, "font-size": 17, "font-weight": 600 }, chart.spec.title),
  );

  const time = settings.x === "time";
  for (const value of niceTicks(...view, 8, settings.logx, time ? TIME_STEPS : null)) {
    const x = px(value).toFixed(1);
    root.append(
      h("line", { x1: x, x2: x, y1: frame.top, y2: frame.bottom, stroke: grid }),
      h(
        "text",
        { x, y: frame.bottom + 18, "text-anchor": "middle" },
        time ? durationTick(value) : axisNumber(value),
      ),
    );
  }
  for (const value of niceTicks(...ys, 6, settings.logy)) {
    const y = py(value).toFixed(1);
    root.append(
      h("line", { x1: frame.left, x2: frame.right, y1: y, y2: y, stroke: grid }),
      h("text", { x: frame.left - 8, y, dy: "0.35em", "text-anchor": "end" }, axisNumber(value)),
    );
  }
  root.append(
    h(
      "text",
      { x: (frame.left + frame.right) / 2, y: frame.bottom + 38, "text-anchor": "middle" },
      t(`axis.${settings.x}`),
    ),
  );

  const clip = h("g");
  for (const line of lines) clip.append(...lineShapes(line, settings, view, px, py));
  root.append(clip);
  if (settings.marks) root.append(...markShapes(chart, view, px, frame));

  lines.forEach((line, i) => {
    const [x, y] = [
      frame.left + (i % 3) * 290,
      HEIGHT - 14 - 18 * (Math.ceil(lines.length / 3) - 1 - Math.floor(i / 3)),
    ];
    root.append(
      h("line", {
        x1: x,
        x2: x + 22,
        y1: y - 4,
        y2: y - 4,
        stroke: line.colour,
        "stroke-width": 3,
        "stroke-dasharray": line.look.dash?.join(" "),
      }),
      h("text", { x: x + 30, y }, line.label),
    );
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(root)}`;
}

/** The range of y that the chart on the screen has, or that of all values where it has none. */
function yRange(chart, lines, [first, last]) {
  const shown = chart.u?.scales.y;
  if (shown && shown.min !== null && shown.min !== undefined) return [shown.min, shown.max];
  const values = lines.flatMap(({ columns }) =>
    columns.value.filter(
      (value, i) => value !== null && columns.x[i] >= first && columns.x[i] <= last,
    ),
  );
  return values.length ? [Math.min(...values), Math.max(...values) + 1e-9] : [0, 1];
}

function lineShapes({ columns, ghost, colour: of, look }, settings, [first, last], px, py) {
  const within = (xs) => {
    let [from, to] = [xs.findIndex((x) => x >= first), xs.findLastIndex((x) => x <= last)];
    return [Math.max(0, from < 0 ? xs.length : from), to];
  };
  const path = (xs, ys) => {
    const [from, to] = within(xs);
    let text = "";
    let pen = "M";
    for (let i = from; i <= to; i += 1) {
      if (ys[i] === null) pen = "M";
      else {
        text += `${pen}${px(xs[i]).toFixed(1)} ${py(ys[i]).toFixed(1)}`;
        pen = "L";
      }
    }
    return text;
  };
  const stroke = (d, attributes) =>
    h("path", { d, fill: "none", stroke: of, "stroke-linejoin": "round", ...attributes });
  const shapes = [];
  const { x, value, lowest, highest, smooth } = columns;
  if (ghost?.x.length)
    shapes.push(
      stroke(path(ghost.x, ghost.value), { "stroke-opacity": 0.6, "stroke-dasharray": "2 3" }),
    );
  if (lowest && settings.band) {
    const keep = x
      .map((_, i) => i)
      .filter((i) => lowest[i] !== null && x[i] >= first && x[i] <= last);
    const edge = (values, order) =>
      order.map((i) => `${px(x[i]).toFixed(1)} ${py(values[i]).toFixed(1)}`).join("L");
    if (keep.length)
      shapes.push(
        h("path", {
          d: `M${edge(highest, keep)}L${edge(lowest, keep.toReversed())}Z`,
          fill: faint(of, 0.2),
        }),
      );
  }
  if (smooth) shapes.push(stroke(path(x, value), { "stroke-opacity": 0.35 }));
  shapes.push(
    stroke(path(x, smooth ?? value), {
      "stroke-width": look.width,
      "stroke-dasharray": look.dash?.join(" "),
    }),
  );
  return shapes;
}

function markShapes(chart, view, px, { top, bottom }) {
  return marksOf(chart, ...view, px).map(({ kind, at }) => {
    if (kind === "checkpoints")
      return h("path", { d: `M${at} ${bottom + 1}l-3.5 5h7z`, fill: colour("--muted") });
    if (kind === "resumes")
      return h("line", {
        x1: at,
        x2: at,
        y1: top,
        y2: bottom,
        stroke: colour("--accent"),
        "stroke-dasharray": "5 3",
      });
    return h("path", {
      d: `M${at - 4} ${top + 2}l8 8m0 -8l-8 8`,
      stroke: colour("--bad"),
      "stroke-width": 1.5,
    });
  });
}
