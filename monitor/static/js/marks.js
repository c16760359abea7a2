// Signs in a chart: a triangle below the axis for a checkpoint, a dashed line where the run was
// resumed, a cross at the top where a value was not a number.

import { colour, rem } from "./theme.js";

const APART = 5; // pixels between signs of one kind

/** Marks of a chart in a range: {kind, x}, thinned out so that signs do not cover each other. */
export function marksOf(chart, first, last, pixelsFor) {
  const { board, spec } = chart;
  const tags = new Set(spec.lines.map((line) => line.tag));
  const found = [];
  for (const source of new Set(spec.lines.map((line) => line.source))) {
    for (const kind of ["checkpoints", "resumes", "not_finite"]) {
      let before = -Infinity;
      for (const mark of source.marks[kind]) {
        if (kind === "not_finite" && !tags.has(mark.tag)) continue;
        const x = board.place(source, mark);
        if (x === null || x < first || x > last) continue;
        const at = pixelsFor(x);
        if (Math.abs(at - before) < APART) continue;
        before = at;
        found.push({ kind, at });
      }
    }
  }
  return found;
}

/** Draw them into uPlot's canvas. */
export function drawMarks(u, chart) {
  const { ctx } = u;
  const { top, height } = u.bbox;
  const unit = devicePixelRatio * rem();
  const { min, max } = u.scales.x;
  ctx.save();
  ctx.lineWidth = 1.5 * unit;
  for (const { kind, at } of marksOf(chart, min, max, (x) => u.valToPos(x, "x", true))) {
    ctx.beginPath();
    if (kind === "checkpoints") {
      ctx.fillStyle = colour("--muted");
      ctx.moveTo(at, top + height + 1 * unit);
      ctx.lineTo(at - 3.5 * unit, top + height + 6 * unit);
      ctx.lineTo(at + 3.5 * unit, top + height + 6 * unit);
      ctx.fill();
    } else if (kind === "resumes") {
      ctx.strokeStyle = colour("--accent");
      ctx.setLineDash([5 * unit, 3 * unit]);
      ctx.moveTo(at, top);
      ctx.lineTo(at, top + height);
      ctx.stroke();
      ctx.setLineDash([]);
    } else {
      ctx.strokeStyle = colour("--bad");
      const [y, r] = [top + 6 * unit, 4 * unit];
      ctx.moveTo(at - r, y - r);
      ctx.lineTo(at + r, y + r);
      ctx.moveTo(at + r, y - r);
      ctx.lineTo(at - r, y + r);
      ctx.stroke();
    }
  }
  ctx.restore();
}
