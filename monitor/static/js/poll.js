// Asking again and again, while somebody looks.

import { $ } from "./dom.js";
import { ApiError } from "./api.js";
import { fail } from "./shell.js";

const LONGEST = 10000;

/**
 * Call `action` every so many milliseconds while the page is visible, never twice at once. A server
 * that is away is asked less and less often and a line at the top says so. `action` may return other
 * milliseconds until the next time.
 */
export function poll(action, milliseconds = 1000) {
  let timer = 0;
  let busy = false;
  let failures = 0;
  let told = false;

  async function once() {
    clearTimeout(timer);
    if (busy || document.hidden) return;
    busy = true;
    let wait = milliseconds;
    try {
      wait = (await action()) ?? milliseconds;
      failures = 0;
      $("lost").hidden = true;
      if (told) $("failure").hidden = true;
      told = false;
    } catch (error) {
      told = error instanceof ApiError;
      if (told) fail(error);
      else if (error instanceof TypeError) $("lost").hidden = false;
      else throw error;
      failures += 1;
      wait = Math.min(LONGEST, milliseconds * 2 ** failures);
    } finally {
      busy = false;
      timer = setTimeout(once, wait);
    }
  }

  document.addEventListener("visibilitychange", once);
  timer = setTimeout(once, milliseconds);
  return { now: once };
}
