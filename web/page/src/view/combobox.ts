/** A text field with a list of choices, by the pattern that screen readers know: focus stays in the field. */

import type { Choice } from "../model/choices.ts";
import { make } from "./dom.ts";

export interface ComboboxEvents {
  offers(text: string): Choice[];
  chosen(choice: Choice): void;
  /** Enter with a text and nothing chosen; whether it was understood. */
  typed(text: string): boolean;
  /** Backspace in an empty field. */
  back(): void;
  /** Escape with the list closed already. */
  left(): void;
}

/** https://www.w3.org/WAI/ARIA/apg/patterns/combobox/ */
export class Combobox {
  #choices: Choice[] = [];
  #active = -1;

  constructor(
    readonly field: HTMLInputElement,
    readonly list: HTMLElement,
    readonly events: ComboboxEvents,
  ) {
    field.addEventListener("focus", () => this.open());
    field.addEventListener("click", () => this.open());
    field.addEventListener("input", () => this.open());
    field.addEventListener("blur", () => this.close());
    field.addEventListener("keydown", event => this.#key(event));
    // Before the field loses the focus, and with it the list.
    list.addEventListener("pointerdown", event => {
      event.preventDefault();
      const item =
        event.target instanceof Element ? event.target.closest<HTMLElement>("[role=option]") : null;
      const choice = this.#choices[Number(item?.dataset["place"] ?? -1)];
      if (choice !== undefined) this.#take(choice);
    });
  }

  /** Offer what fits now. */
  open(): void {
    this.#choices = this.events.offers(this.field.value);
    this.#active = this.#choices.length > 0 && this.field.value.trim() !== "" ? 0 : -1;
    this.#show();
  }

  close(): void {
    this.#choices = [];
    this.#active = -1;
    this.#show();
  }

  #key(event: KeyboardEvent): void {
    if (event.isComposing) return;
    const took = this.#act(event.key);
    if (took) event.preventDefault();
    if (took || event.key !== "Tab") event.stopPropagation();
  }

  #act(key: string): boolean {
    switch (key) {
      case "ArrowDown":
        return this.#move(1);
      case "ArrowUp":
        return this.#move(-1);
      case "Enter":
        return this.#enter();
      case "Escape":
        if (this.list.hidden && this.field.value === "") this.events.left();
        this.field.value = "";
        this.close();
        return true;
      case "Backspace":
        if (this.field.value !== "") return false;
        this.events.back();
        this.open();
        return true;
      default:
        return false;
    }
  }

  #move(by: number): boolean {
    if (this.list.hidden) this.open();
    const count = this.#choices.length;
    if (count > 0) this.#active = (this.#active + by + count + Number(this.#active < 0 && by < 0)) % count;
    this.#show();
    return true;
  }

  #enter(): boolean {
    const text = this.field.value;
    const choice = this.#choices[this.#active];
    if (text.trim() !== "" && this.events.typed(text)) {
      this.field.value = "";
      this.open();
    } else if (choice !== undefined) {
      this.#take(choice);
    }
    return true;
  }

  #take(choice: Choice): void {
    this.field.value = "";
    this.events.chosen(choice);
    this.field.focus();
    this.open();
  }

  #show(): void {
    const items = this.#choices.map((choice, place) =>
      make(
        "div",
        { id: `choice-${place}`, role: "option", "aria-selected": place === this.#active ? "true" : "false" },
        make("span", {}, choice.text),
        make("span", { class: "dim" }, choice.note),
      ),
    );
    items.forEach((item, place) => {
      item.dataset["place"] = String(place);
    });
    this.list.replaceChildren(...items);
    this.list.hidden = items.length === 0;
    this.field.setAttribute("aria-expanded", String(items.length > 0));
    const active = items[this.#active];
    if (active === undefined) this.field.removeAttribute("aria-activedescendant");
    else {
      this.field.setAttribute("aria-activedescendant", active.id);
      active.scrollIntoView({ block: "nearest" });
    }
  }
}
