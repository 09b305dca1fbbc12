/** What stands where hits would: why there are none, and what to do. */

import type { Word } from "../model/status.ts";
import { copy, make } from "./dom.ts";

export interface Emptiness {
  readonly word: Word;
  readonly isFiltered: boolean;
  /** The command that makes some events; empty when it is not known. */
  readonly emit: string;
}

export class Empty {
  #shown = "";

  constructor(
    readonly place: HTMLElement,
    readonly clear: () => void,
  ) {}

  paint(why: Emptiness | null): void {
    this.place.hidden = why === null;
    const shown = JSON.stringify(why);
    if (why === null || shown === this.#shown) return;
    this.#shown = shown;
    this.place.replaceChildren(...this.#words(why));
  }

  #words({ word, isFiltered, emit }: Emptiness): HTMLElement[] {
    if (word === "offline" || word === "refused") {
      return [
        make("p", {}, "No hits: not connected."),
        make("p", {}, "The line at the top says why, and what to do."),
      ];
    }
    if (word !== "live") {
      return [make("p", {}, "Asking for the newest hits…"), make("p", {}, "They show up here at once.")];
    }
    if (isFiltered) {
      const button = make("button", { type: "button" }, "Clear the filter");
      button.addEventListener("click", this.clear);
      const text =
        "Nothing that is stored matches, and nothing that came since. The next hit that does shows up here.";
      return [make("p", {}, "No hit matches this filter yet."), make("p", {}, text), button];
    }
    const said = make(
      "p",
      {},
      "The index is empty and the connection is live: the first event shows up here.",
    );
    return [make("p", {}, "No events yet."), said, ...(emit === "" ? [] : [command(emit)])];
  }
}

function command(text: string): HTMLElement {
  const button = make("button", { type: "button" }, "Copy");
  button.addEventListener("click", () => void copy(text, button));
  return make("div", { class: "command" }, make("code", {}, text), button);
}
