// How uPlot draws a chart: axes, lines, bands, cursor.

import { drawMarks } from "./marks.js";
import { axisNumber, durationTick, niceTicks, TIME_STEPS } from "./ticks.js";
import { colour, faint, rem } from "./theme.js";

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif';
const FEW = 60; // points of a curve in view that are drawn as dots, too
const LINEAR = 1; // uPlot's names for kinds of scales
const LOG = 3;

/** uPlot's options for a chart, whose `series` say what is drawn in which order. */
export function optionsOf(chart) {
  const { board, series } = chart;
  const { logx, logy } = board.settings;
  return {
    width: chart.plot.clientWidth,
    height: chart.plot.clientHeight,
    padding: [9.6 * rem(), 12.8 * rem(), 0, 0],
    legend: { show: false },
    focus: { alpha: 0.25 },
    series: [{}, ...series.map(style)],
    bands: series.flatMap(({ line, part }, i) =>
      part === "highest" ? [{ series: [i + 1, i + 2], fill: faint(line.colour, 0.2) }] : [],
    ),
    scales: {
      x: { time: false, distr: logx ? LOG : LINEAR, range: () => board.view },
      y: { distr: logy ? LOG : LINEAR, range: logy ? logRange : linearRange },
    },
    axes: axes(board.settings),
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false, dist: 5 },
      sync: {
        key: "board",
        scales: ["x", null],
        filters: { pub: (kind) => kind === "mousemove" || kind === "mouseleave" },
      },
      points: {
        show: (u, i) => (series[i - 1].part === "main" ? dot(series[i - 1].line.colour) : false),
      },
      bind: { dblclick: () => () => (board.zoomAll(), null) },
    },
    hooks: {
      setSelect: [(u) => select(u, board)],
      setCursor: [(u) => chart.legend.follow(u)],
      draw: [(u) => board.settings.marks && drawMarks(u, chart)],
    },
  };
}

function axes({ x, logx, logy }) {
  const em = 16 * rem();
  const grid = { stroke: colour("--line"), width: 1 };
  const axis = {
    stroke: colour("--muted"),
    font: `${0.75 * em}px ${FONT}`,
    grid,
    ticks: { ...grid, size: 4 },
    gap: 4,
  };
  const logTicks = {
    splits: (u, i, low, high) => niceTicks(low, high, 5, true),
    filter: (u, splits) => splits,
  };
  const time = x === "time";
  return [
    {
      ...axis,
      size: 1.9 * em,
      space: 5 * em,
      ...(logx ? logTicks : time ? { incrs: TIME_STEPS } : {}),
      values: (u, splits) => splits.map(time ? durationTick : axisNumber),
    },
    {
      ...axis,
      size: 4 * em,
      space: 2.2 * em,
      ...(logy ? logTicks : {}),
      values: (u, splits) => splits.map(axisNumber),
    },
  ];
}

/** How a part of a line looks; the edges of a band are not drawn. */
function style({ line, part }) {
  const size = rem();
  const dashed = (dash) => dash?.map((one) => one * size * devicePixelRatio);
  const common = { pxAlign: 0, points: { show: false } };
  if (part === "main") {
    return {
      ...common,
      stroke: line.colour,
      width: line.look.width * size,
      dash: dashed(line.look.dash),
      points: { show: true, size: 5 * size, filter: dots },
    };
  }
  if (part === "raw") return { ...common, stroke: faint(line.colour, 0.35), width: size };
  if (part === "ghost") {
    return { ...common, stroke: faint(line.colour, 0.6), width: size, dash: dashed([2, 3]) };
  }
  return { ...common, stroke: "transparent", width: 0 };
}

/** Indices to draw as dots: all of a curve that has few in view, else those that stand alone. */
function dots(u, i) {
  const { min, max } = u.scales.x;
  const [xs, ys] = [u.data[0], u.data[i]];
  const seen = [];
  const alone = [];
  let stretch = []; // the last points without a gap
  const end = () => {
    if (stretch.length === 1) alone.push(stretch[0]);
    stretch = [];
  };
  for (let k = 0; k < xs.length; k += 1) {
    if (ys[k] === undefined) continue; // another curve's place on the axis
    if (ys[k] === null) {
      end();
      continue;
    }
    if (stretch.length < 2) stretch.push(k);
    if (xs[k] >= min && xs[k] <= max) seen.push(k);
  }
  end();
  return seen.length <= FEW ? seen : alone;
}

/** The dot that follows the cursor along a line. */
function dot(fill) {
  const node = document.createElement("div");
  Object.assign(node.style, {
    background: fill,
    width: "8px",
    height: "8px",
    margin: "-4px 0 0 -4px",
  });
  return node;
}

/** Zoom to what was marked with the mouse. */
function select(u, board) {
  const { left, width } = u.select;
  if (width < 5) return;
  const ends = [u.posToVal(left, "x"), u.posToVal(left + width, "x")];
  u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  board.zoom(...ends);
}

function linearRange(u, min, max) {
  if (min === null || max === null) return [0, 1];
  const room = (max - min) * 0.06 || Math.abs(max) * 0.06 || 0.5;
  return [min >= 0 && min - room < 0 ? 0 : min - room, max + room];
}

function logRange(u, min, max) {
  if (min === null || max === null) return [0.1, 1];
  const room = (max / min) ** 0.04;
  return max > min ? [min / room, max * room] : [min / 2, max * 2];
}
