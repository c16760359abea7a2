// Boxes over a picture, drawn by the browser in the colours of "Deep learning in the garage": red
// for what fired, blue for what was kept in its size, green for what was kept at last, white for
// the truth. Each role has its own dash, too.

import { h } from "./dom.js";
import { number } from "./format.js";
import { t } from "./words.js";

export const ROLES = ["fired", "kept_in_size", "kept_at_last", "truth"];

/** Boxes as objects, with what the filter leaves: {roles, score, stage}. */
export function chosen(boxes, filter) {
  const found = [];
  for (let i = 0; i < boxes.x.length; i += 1) {
    const box = {
      x: boxes.x[i],
      y: boxes.y[i],
      width: boxes.width[i],
      height: boxes.height[i],
      score: boxes.score[i],
      stage: boxes.stage[i],
      role: boxes.role[i],
    };
    if (!filter.roles.has(box.role)) continue;
    if (box.score !== null && box.score < filter.score) continue;
    if (filter.stage !== "" && box.role !== "truth" && box.stage !== Number(filter.stage)) continue;
    found.push(box);
  }
  return found.sort((one, other) => ROLES.indexOf(one.role) - ROLES.indexOf(other.role));
}

/** What a box says about itself. */
export const describe = (box) =>
  [
    t(`role.${box.role}`),
    box.score === null ? "" : number(box.score, 3),
    box.role === "truth" ? "" : t("boxes.of_stage", { stage: box.stage }),
  ]
    .filter(Boolean)
    .join(", ");

/** An overlay of a picture's size. Strokes keep their width at any size on the screen. */
export function overlay(boxes, width, height) {
  const shapes = boxes.map((box) => {
    const frame = {
      x: box.x,
      y: box.y,
      width: Math.max(0, box.width),
      height: Math.max(0, box.height),
    };
    return h(
      "g",
      { class: `box ${box.role}` },
      h("rect", { ...frame, class: "halo" }),
      h("rect", { ...frame, class: "line" }, h("title", {}, describe(box))),
    );
  });
  return h(
    "svg",
    {
      class: "overlay",
      viewBox: `0 0 ${width} ${height}`,
      preserveAspectRatio: "none",
      "aria-hidden": "true",
    },
    shapes,
  );
}
