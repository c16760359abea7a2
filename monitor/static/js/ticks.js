// Numbers beside axes, in charts on the screen and in exported ones.

import { locale } from "./words.js";

/** Distances between ticks on an axis of seconds. */
export const TIME_STEPS = [
  0.01, 0.1, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200,
  86400, 172800, 604800,
];

const units = ["", "k", "M", "G"];

/** A short form of a number on an axis. */
export function axisNumber(value) {
  if (value === null || value === undefined) return "";
  const size = Math.abs(value);
  if (size !== 0 && size < 1e-3) return value.toExponential(0).replace("-", "−");
  if (size < 10000) return value.toLocaleString(locale, { maximumSignificantDigits: 6 });
  let unit = 0;
  while (Math.abs(value) >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toLocaleString(locale, { maximumSignificantDigits: 6 })}${units[unit]}`;
}

/** Seconds as h:mm:ss, days before it, and fractions below a second. */
export function durationTick(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (Math.abs(seconds) < 1 && seconds !== 0)
    return `${seconds.toLocaleString(locale, { maximumFractionDigits: 2 })} s`;
  const left = Math.round(Math.abs(seconds));
  const two = (value) => String(value).padStart(2, "0");
  const [days, hours, minutes] = [
    Math.floor(left / 86400),
    Math.floor(left / 3600) % 24,
    Math.floor(left / 60) % 60,
  ];
  const clock = `${days || hours ? `${hours}:${two(minutes)}` : minutes}:${two(left % 60)}`;
  return `${seconds < 0 ? "−" : ""}${days ? `${days}d ` : ""}${clock}`;
}

/** Round places on an axis between two ends, about so many. */
export function niceTicks(low, high, about, log = false, steps = null) {
  if (log) return logTicks(low, high, about);
  const rough = (high - low) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step =
    (steps ?? [1, 2, 5, 10].map((one) => one * power)).find((one) => one >= rough) ?? rough;
  const found = [];
  for (let i = Math.ceil(low / step); i * step <= high * (1 + 1e-12); i += 1)
    found.push(Number((i * step).toPrecision(12)));
  return found;
}

function logTicks(low, high, about) {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const between = last - first > about ? [1] : last - first > about / 3 ? [1, 3] : [1, 2, 5];
  const found = [];
  for (let power = first; power <= last; power += 1) {
    for (const one of between) {
      const value = Number((one * 10 ** power).toPrecision(12));
      if (value >= low && value <= high) found.push(value);
    }
  }
  return found.length > 1 ? found : niceTicks(low, high, about);
}
