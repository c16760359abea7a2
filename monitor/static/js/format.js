// Numbers, durations and dates as people read them.

import { locale, t } from "./words.js";

const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const moment = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });

/** A measured value: four significant digits, an exponent where there would be many zeros. */
export function number(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (value !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(2).replace("-", "−");
  if (Number.isInteger(value)) return whole.format(value);
  const places = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  return value.toLocaleString(locale, { maximumFractionDigits: Math.min(places, 8) });
}

/** A count, with separators. */
export const count = (value) => (value === null || value === undefined ? "–" : whole.format(value));

/** A number of bytes or parameters in the largest unit below it. */
export function short(value) {
  const units = ["", "k", "M", "G"];
  let unit = 0;
  while (Math.abs(value) >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toLocaleString(locale, { maximumSignificantDigits: 3 })}${units[unit]}`;
}

/** A share as per cent. */
export function percent(value, places = 0) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return value.toLocaleString(locale, { style: "percent", maximumFractionDigits: places });
}

/** Seconds as the two largest units. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  const left = Math.max(0, Math.round(seconds));
  const [days, hours, minutes] = [
    Math.floor(left / 86400),
    Math.floor(left / 3600) % 24,
    Math.floor(left / 60) % 60,
  ];
  if (days) return t("time.days_hours", { days, hours });
  if (hours) return t("time.hours_minutes", { hours, minutes });
  if (minutes) return t("time.minutes_seconds", { minutes, seconds: left % 60 });
  return t("time.seconds", { seconds: left });
}

/** A moment, given in seconds since 1970. */
export const date = (seconds) => (seconds ? moment.format(new Date(seconds * 1000)) : "–");

/** How long ago a moment was. */
export function ago(seconds) {
  if (!seconds) return "–";
  return t("time.ago", { time: duration(Date.now() / 1000 - seconds) });
}

/** A size in bytes. */
export const bytes = (value) =>
  value === null || value === undefined
    ? "–"
    : `${short(value)}B`.replace(/(\d)(\D*B)$/, "$1\u00a0$2");
