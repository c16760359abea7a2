// A small line without axes.

import { h } from "./dom.js";

const WIDTH = 120;
const HEIGHT = 28;

/** Draw values; null ones break the line. The label is for those who do not see it. */
export function spark(values, label) {
  const known = values.filter((value) => value !== null);
  const lowest = Math.min(...known);
  const spread = Math.max(...known) - lowest || 1;
  const across = (WIDTH - 4) / Math.max(1, values.length - 1);
  let path = "";
  let pen = "M";
  values.forEach((value, number) => {
    if (value === null) {
      pen = "M";
      return;
    }
    const y = HEIGHT - 3 - ((value - lowest) / spread) * (HEIGHT - 6);
    path += `${pen}${(2 + number * across).toFixed(1)} ${y.toFixed(1)}`;
    pen = "L";
  });
  return h(
    "svg",
    { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label },
    h("path", { d: path }),
  );
}
