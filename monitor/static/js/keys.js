// Keyboard: single keys, whatever the layout.

const BY_PLACE = {
  KeyJ: "j",
  KeyK: "k",
  KeyL: "l",
  KeyS: "s",
  KeyX: "x",
  BracketLeft: "[",
  BracketRight: "]",
};
const actions = new Map();

/** Let keys do something: {key: action}. */
export function onKeys(keys) {
  for (const [key, action] of Object.entries(keys)) actions.set(key, action);
}

/** The key that was meant: by its place on the keyboard where the layout is not a Latin one. */
function meant(event) {
  if (event.code === "Slash" && ".,".includes(event.key)) return event.shiftKey ? "?" : "/";
  const latin = event.key.length > 1 || event.key.charCodeAt(0) < 128;
  return latin ? event.key : (BY_PLACE[event.code] ?? event.key);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const at = event.target;
  const typing = at.matches(
    "input:not([type=checkbox], [type=radio], [type=range]), textarea, select",
  );
  if (typing || document.querySelector("dialog[open]")) {
    if (event.key === "Escape" && typing) at.blur();
    return;
  }
  const key = meant(event);
  if (key.startsWith("Arrow") && at.matches("input")) return; // sliders and radio buttons need them
  if (key === "Enter" && at.matches("a, button, summary, input")) return;
  const action = actions.get(key);
  if (!action) return;
  event.preventDefault();
  action();
});
