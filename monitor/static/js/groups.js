// Which curves share a chart, and how they look.

const PARTS = /^(train|valid|validation|val|test)\/(.+)$/;
const FIRST = ["loss", "accuracy", "balanced_accuracy", "precision_recall", "learning_rate"];
const GAUGES = /^(queue|worker|workers|cache)\/|^train\/wait$/;

/** Whether a curve tells how well the training is fed: it is shown on the page Queue. */
export const isGauge = (tag) => GAUGES.test(tag);

/** Whether a curve tells what a run has reached: more or less of a gauge or a rate says nothing. */
export const isReached = (tag) => !isGauge(tag) && !/learning_rate|^norm\//.test(tag);

/** What a curve measures, by which training and validation meet in one chart. */
export function measure(tag) {
  const name = PARTS.exec(tag)?.[2] ?? tag;
  return name === "precision" || name === "recall" ? "precision_recall" : name;
}

/** Order by what matters, then as logged; returns [{key, title, tags}]. */
export function group(tags) {
  const charts = new Map();
  for (const tag of tags) {
    const key = measure(tag);
    if (!charts.has(key)) charts.set(key, []);
    charts.get(key).push(tag);
  }
  const place = ([key]) => {
    const found = FIRST.indexOf(key);
    return found < 0 ? FIRST.length : found;
  };
  return [...charts]
    .sort((one, other) => place(one) - place(other))
    .map(([key, of]) => ({ key, title: of.length === 1 ? of[0] : title(key), tags: of }));
}

const title = (key) => (key === "precision_recall" ? "precision, recall" : key);

/** Colour and weight of each curve of a chart of one run: validation differs from training. */
export function looks(tags) {
  const taken = new Set();
  return tags.map((tag) => {
    const part = PARTS.exec(tag)?.[1];
    let colour = part === "train" ? 0 : part ? 1 : 2;
    while (taken.has(colour)) colour += 1;
    taken.add(colour);
    return { colour: colour % 8, dash: null, width: part && part !== "train" ? 2.25 : 1.5 };
  });
}

const DASHES = [null, [7, 4], [2, 3], [9, 3, 2, 3]];

/** Look of a curve of the run in place `number`, where several runs are compared. */
export function comparedLook(tag, number) {
  const train = PARTS.exec(tag)?.[1] === "train";
  const dash = DASHES[(Math.floor(number / 8) + (train ? 1 : 0)) % DASHES.length];
  return { colour: number % 8, dash, width: train ? 1.25 : 2 };
}

/** Whether two lines show the same curve. */
export const isOf = (one, other) => one.source === other.source && one.tag === other.tag;

/** The name under which a hidden curve stands in the address. */
export const hideName = (line) =>
  line.label === line.tag ? line.tag : `${line.source.id} ${line.tag}`;
