// Curves as the page holds them: arrays that grow. Nothing here touches the page.

/**
 * A curve from the answer to `series`. `origin` is taken from x: the start of the run, where x is
 * the time.
 */
export function curveFrom(entry, take, axis, origin) {
  const x = Array.from(take(entry.x), (value) => value - origin);
  const value = Array.from(take(entry.value));
  const smooth = entry.smooth ? Array.from(take(entry.smooth)) : null;
  return {
    tag: entry.tag,
    exact: entry.exact,
    total: entry.total,
    finite: entry.finite ?? 0,
    axis,
    origin,
    x,
    value,
    smooth,
    lowest: entry.exact ? value : Array.from(take(entry.lowest)),
    highest: entry.exact ? value : Array.from(take(entry.highest)),
    step: entry.step ? Array.from(take(entry.step)) : x,
    appended: 0,
  };
}

/** A curve without points. */
export function emptyCurve(tag, axis, origin, smoothing) {
  const x = [];
  const value = [];
  return {
    tag,
    exact: true,
    total: 0,
    finite: 0,
    axis,
    origin,
    x,
    value,
    smooth: smoothing ? [] : null,
    lowest: value,
    highest: value,
    step: axis === "step" ? x : [],
    appended: 0,
  };
}

/**
 * Go on with a debiased exponential moving average: `average` after `finite` values, then `value`.
 * Divided by what the weights sum up to, it leaves a constant curve as it is.
 */
export function average(average, finite, value, weight) {
  const before = 1 - weight ** finite;
  const kept = finite ? weight * average * before : 0;
  return (kept + (1 - weight) * value) / (1 - weight ** (finite + 1));
}

/**
 * Append the points of a `delta`. Those beyond `end` are left out, but for the first, to which the
 * line leads. False: they do not come after those that are there, so the curve is to be asked for
 * again.
 */
export function append(curve, points, weight, end = Infinity) {
  const xs = points[curve.axis];
  for (let i = 0; i < xs.length; i += 1) {
    const x = xs[i] - curve.origin;
    if (Number.isNaN(x)) continue; // no epoch was given
    const last = curve.x.length ? curve.x[curve.x.length - 1] : -Infinity;
    if (x < last) return false;
    curve.total += 1;
    const value = points.value[i];
    const finite = Number.isFinite(value);
    const before = curve.smooth?.length ? curve.smooth[curve.smooth.length - 1] : 0;
    const smooth = finite && curve.smooth ? average(before, curve.finite, value, weight) : before;
    if (finite) curve.finite += 1;
    if (last > end) continue;
    curve.x.push(x);
    if (curve.step !== curve.x) curve.step.push(points.step[i]);
    curve.value.push(value);
    if (curve.lowest !== curve.value) {
      curve.lowest.push(value);
      curve.highest.push(value);
    }
    curve.smooth?.push(finite || curve.smooth.length ? smooth : NaN);
    curve.appended += 1;
  }
  return true;
}

/**
 * Columns to draw. What lies before step `cut` is left out, and what a logarithmic axis has no
 * place for; values that are not finite become null, which breaks the line.
 */
export function columns(curve, { cut = 0, logx = false, logy = false }, smoothed) {
  const keep = [];
  for (let i = 0; i < curve.x.length; i += 1) {
    if (curve.step[i] >= cut && !(logx && curve.x[i] <= 0)) keep.push(i);
  }
  const clean = (values) =>
    keep.map((i) => {
      const value = values[i];
      return Number.isFinite(value) && !(logy && value <= 0) ? value : null;
    });
  return {
    x: keep.map((i) => curve.x[i]),
    value: clean(curve.value),
    lowest: curve.exact ? null : clean(curve.lowest),
    highest: curve.exact ? null : clean(curve.highest),
    smooth: smoothed && curve.smooth ? clean(curve.smooth) : null,
  };
}

/** Index of the point nearest to x, or -1. */
export function nearest(xs, x) {
  let low = 0;
  let high = xs.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] <= x) low = middle;
    else high = middle;
  }
  if (high < 0) return -1;
  return Math.abs(xs[low] - x) <= Math.abs(xs[high] - x) ? low : high;
}
