// Taking a picture back.

import { $ } from "/base/js/dom.js";
import { keep, kept } from "./codes.js";
import { sendJson, tell } from "./shell.js";

const code = $("code");

code.value = decodeURIComponent(location.hash.slice(1)).slice(0, 40);
history.replaceState(null, "", location.pathname); // so that the code stays in no history

const letters = (typed) => typed.toUpperCase().replace(/[^A-Z]/g, "");

function forget(typed) {
  keep(kept().filter((one) => letters(one.code) !== letters(typed)));
}

$("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("done").hidden = true;
  tell($("refused"), null);
  try {
    await sendJson("/api/withdraw", { code: code.value });
    forget(code.value);
    code.value = "";
    $("done").hidden = false;
    $("done").focus();
  } catch (error) {
    tell($("refused"), error.message);
  }
});
document.body.dataset.ready = "";
