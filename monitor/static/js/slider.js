// A slider over the steps at which something was logged. It stays at its step while steps are
// added; only "follow" moves it to the newest.

import { h } from "./dom.js";
import { count } from "./format.js";
import { t } from "./words.js";

export class StepSlider {
  /**
   * @param {string} name the slider's name in the template
   * @param {(step: number, index: number) => void} moved called whenever the step is another one
   * @param {number | null} step where to begin; null follows the newest
   */
  constructor(name, moved, step = null) {
    const place = document.querySelector(`[data-slider="${name}"]`);
    this.place = place;
    this.range = place.querySelector("input[type=range]");
    this.label = place.querySelector("output");
    this.follow = place.querySelector("input[type=checkbox]");
    this.moved = moved;
    this.steps = [];
    this.step = step;
    this.shown = null;
    this.follow.checked = step === null;
    this.range.addEventListener("input", () => this.#choose(this.range.valueAsNumber));
    this.follow.addEventListener("change", () => this.#tell());
    for (const button of place.querySelectorAll("[data-move]")) {
      button.addEventListener("click", () => this.move(Number(button.dataset.move)));
    }
  }

  /** Tell the slider which steps there are, rising. */
  setSteps(steps) {
    this.steps = steps;
    this.place.hidden = !steps.length;
    this.range.max = Math.max(0, steps.length - 1);
    this.#tell();
  }

  /** Go so many steps on. */
  move(by) {
    this.#choose(Math.min(this.steps.length - 1, Math.max(0, this.index + by)));
  }

  /** Position of the step that is shown: the last one that is not later than the chosen one. */
  get index() {
    if (this.follow.checked || this.step === null) return this.steps.length - 1;
    let found = 0;
    while (found + 1 < this.steps.length && this.steps[found + 1] <= this.step) found += 1;
    return found;
  }

  #choose(index) {
    this.follow.checked = false;
    this.step = this.steps[index];
    this.#tell();
  }

  #tell() {
    if (!this.steps.length) return;
    const index = this.index;
    const step = this.steps[index];
    if (this.follow.checked) this.step = step;
    this.range.value = index;
    const text = t("slider.at", {
      step: count(step),
      number: count(index + 1),
      total: count(this.steps.length),
    });
    this.label.replaceChildren(h("span", {}, text));
    this.range.setAttribute("aria-valuetext", text);
    const state = `${step} ${this.follow.checked}`;
    if (state === this.shown) return;
    this.shown = state;
    this.moved(step, index);
  }
}
