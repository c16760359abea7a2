// The codes of this visit: they stay in this tab, and go with it.

const KEPT = "smielfy-codes";

/** All of them, each with the number and the characters of its smiley. */
export function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT)) ?? [];
  } catch {
    return [];
  }
}

/** Keep these. */
export function keep(codes) {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(codes));
  } catch {
    // the browser keeps nothing for this page; the code was shown all the same
  }
}
