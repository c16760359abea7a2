// Searching and sorting runs.

const STATUSES = ["running", "stalled", "crashed", "finished"];

/**
 * Whether a run has every word of a search somewhere in its name, net, tags or note; a word like
 * `status:crashed`, `tag:baseline` or `star:` looks in one place.
 */
export function matches(run, search) {
  return search
    .toLowerCase()
    .split(/\s+/)
    .filter(Boolean)
    .every((word) => {
      const [, place, value] = /^(status|tag|net|star):(.*)$/.exec(word) ?? [];
      if (place === "status") return (run.status ?? "").startsWith(value);
      if (place === "tag") return run.tags.some((tag) => tag.toLowerCase().startsWith(value));
      if (place === "net") return (run.net ?? "").toLowerCase().startsWith(value);
      if (place === "star") return run.star;
      return [run.name, run.net, run.note, run.status, ...run.tags].some((text) =>
        (text ?? "").toLowerCase().includes(word),
      );
    });
}

const late = (value) => -(value ?? 0);
const KEYS = {
  started: (run) => late(run.started),
  updated: (run) => late(run.updated),
  status: (run) => STATUSES.indexOf(run.status),
  best: (run) =>
    run.best ? (run.best.goal === "min" ? run.best.value : -run.best.value) : Infinity,
  name: () => 0,
};

/** Order runs: starred ones first, then by a key, then by name. */
export function sorted(runs, by) {
  const key = KEYS[by] ?? KEYS.name;
  const group = (run) => (by === "best" ? `${run.best?.goal ?? "~"} ${run.best?.tag ?? "~"}` : "");
  return runs.toSorted(
    (one, other) =>
      Number(other.star) - Number(one.star) ||
      group(one).localeCompare(group(other)) ||
      key(one) - key(other) ||
      one.name.localeCompare(other.name, undefined, { numeric: true }),
  );
}
