/** The filter bar: chips, the field that adds one, and the same filter as text. */

import type { Choice, Draft } from "../model/choices.ts";
import { choices } from "../model/choices.ts";
import type { Clause, Pattern } from "../model/filter.ts";
import {
  add,
  fromPattern,
  readValue,
  remove,
  tailCommand,
  toPattern,
  typed,
  words,
} from "../model/filter.ts";
import type { Scalar } from "../model/hit.ts";
import type { Seen } from "../model/seen.ts";
import { Combobox } from "./combobox.ts";
import { byId, copy, make, write } from "./dom.ts";

const NOTHING: Draft = { key: null, operator: null };

export class FilterBar {
  #clauses: readonly Clause[] = [];
  #draft: Draft = NOTHING;
  #tenant = "";
  readonly #chips = byId("chips", HTMLElement);
  readonly #field = byId("ask", HTMLInputElement);
  readonly #wrong = byId("filter-wrong", HTMLElement);
  readonly #form = byId("text-form", HTMLFormElement);
  readonly #text = byId("pattern", HTMLTextAreaElement);
  readonly #tail = byId("tail", HTMLElement);
  readonly #combobox: Combobox;

  /** @param changed Called with the filter whenever it is another one. */
  constructor(
    readonly seen: Seen,
    readonly changed: (pattern: Pattern) => void,
  ) {
    this.#combobox = new Combobox(this.#field, byId("choices", HTMLElement), {
      offers: text => choices(this.seen, this.#draft, text),
      chosen: choice => this.#chosen(choice),
      typed: text => this.#typed(text),
      back: () => this.#back(),
      left: () => this.#field.blur(),
    });
    this.#form.addEventListener("submit", event => {
      event.preventDefault();
      this.#apply();
    });
    const asText = byId("as-text", HTMLButtonElement);
    asText.addEventListener("click", () => {
      this.#form.hidden = !this.#form.hidden;
      asText.setAttribute("aria-expanded", String(!this.#form.hidden));
    });
    for (const [id, text] of [
      ["copy-pattern", () => this.#text.value],
      ["copy-tail", () => this.#tail.textContent ?? ""],
    ] as const) {
      const button = byId(id, HTMLButtonElement);
      button.addEventListener("click", () => void copy(text(), button));
    }
    this.#show();
  }

  get pattern(): Pattern {
    return toPattern(this.#clauses);
  }

  get isEmpty(): boolean {
    return this.#clauses.length === 0;
  }

  /** Begin with a filter that somebody wrote down; whether chips can say it. */
  read(text: string): boolean {
    const found = parsed(text);
    if (found === null) return false;
    this.#clauses = found;
    this.#show();
    return true;
  }

  of(tenant: string): void {
    this.#tenant = tenant;
    this.#show();
  }

  focus(): void {
    this.#field.focus();
  }

  /** Put the whole filter in place of the present one. */
  replace(conditions: readonly (readonly [string, Scalar])[]): void {
    let clauses: readonly Clause[] = [];
    for (const [key, value] of conditions) clauses = add(clauses, key, "is", value);
    this.#become(clauses);
  }

  add(key: string, value: Scalar): void {
    this.#become(add(this.#clauses, key, "is", value));
  }

  clear(): void {
    this.#become([]);
  }

  /** Say what is wrong with the filter; nothing when it is empty. */
  complain(text: string): void {
    this.#wrong.hidden = text === "";
    write(this.#wrong, text);
  }

  #chosen(choice: Choice): void {
    if (choice.kind === "key") {
      const isOnlyEqual = this.seen.kind(choice.key) === "boolean";
      this.#draft = { key: choice.key, operator: isOnlyEqual ? "is" : null };
    } else if (choice.kind === "operator") {
      this.#draft = { ...this.#draft, operator: choice.operator };
    } else if (this.#draft.key !== null && this.#draft.operator !== null) {
      const { key, operator } = this.#draft;
      this.#draft = NOTHING;
      this.#become(add(this.#clauses, key, operator, choice.value));
      return;
    }
    this.#show();
  }

  #typed(text: string): boolean {
    if (this.#draft.key !== null) return false;
    const found = typed(text);
    if (found === null) return false;
    const value = readValue(found.value, found.operator, this.seen.kind(found.key));
    if (value === null) {
      this.complain(`${found.operator} wants a number after it, not “${found.value}”.`);
      return true;
    }
    this.#become(add(this.#clauses, found.key, found.operator, value));
    return true;
  }

  #back(): void {
    if (this.#draft.operator !== null && this.seen.kind(this.#draft.key ?? "") !== "boolean") {
      this.#draft = { ...this.#draft, operator: null };
    } else if (this.#draft.key !== null) {
      this.#draft = NOTHING;
    } else {
      const last = this.#clauses.at(-1);
      if (last !== undefined) this.#become(remove(this.#clauses, last.key));
      return;
    }
    this.#show();
  }

  #apply(): void {
    const found = parsed(this.#text.value);
    if (found === null) {
      this.complain(
        'That is no filter which chips can show; for example {"service": ["payments"], "latencyMs": [{"numeric": [">", 500]}]}.',
      );
      return;
    }
    this.#become(found);
  }

  #become(clauses: readonly Clause[]): void {
    this.#clauses = clauses;
    this.complain("");
    this.#show();
    this.changed(this.pattern);
  }

  #show(): void {
    for (const chip of this.#chips.querySelectorAll(".chip")) chip.remove();
    this.#chips.prepend(...this.#clauses.map(clause => this.#chip(clause)));
    if (this.#draft.key !== null) {
      const said = make("span", { class: "dim" }, `${this.#draft.key} ${this.#draft.operator ?? ""}`);
      this.#field.parentElement?.before(make("span", { class: "chip draft" }, said, ""));
    }
    this.#field.placeholder = this.#hint();
    write(this.#tail, tailCommand(this.pattern, this.#tenant));
    this.#text.value = JSON.stringify(this.pattern);
  }

  #hint(): string {
    if (this.#draft.operator !== null) return "a value";
    if (this.#draft.key !== null) return "is, starts with, >, …";
    const names = this.seen
      .names()
      .map(({ name }) => name)
      .filter(name => !this.#clauses.some(({ key }) => key === name));
    return `add a filter: ${[...names.slice(0, 3), "…"].join(", ")}`;
  }

  #chip(clause: Clause): HTMLElement {
    const gone = make("button", { type: "button", "aria-label": `Remove the filter on ${clause.key}` }, "×");
    gone.addEventListener("click", () => {
      this.#become(remove(this.#clauses, clause.key));
      this.#field.focus();
      this.#combobox.close();
    });
    const text = words(clause);
    return make(
      "span",
      { class: "chip" },
      make("span", { class: "dim" }, clause.key),
      make("b", { title: text }, text),
      gone,
    );
  }
}

function parsed(text: string): readonly Clause[] | null {
  try {
    return fromPattern(JSON.parse(text.trim() || "{}"));
  } catch (trouble) {
    if (!(trouble instanceof SyntaxError)) throw trouble;
    return null;
  }
}
