/** Hits a service, as bars that are a list: each says its number and is a button that filters. */

import * as format from "../model/format.ts";
import { make, write } from "./dom.ts";

const MOST = 6;

interface Bar {
  readonly item: HTMLLIElement;
  readonly button: HTMLButtonElement;
  readonly name: HTMLElement;
  readonly fill: HTMLElement;
  readonly number: HTMLElement;
}

export class Bars {
  readonly #bars: Bar[] = [];
  readonly #none = make("li", { class: "empty-bars" }, "Services show up here with their first hits.");

  constructor(
    readonly place: HTMLElement,
    readonly total: HTMLElement,
    readonly choose: (service: string) => void,
  ) {
    place.append(this.#none);
  }

  /** @param old What these numbers say of their age; null for those of the present. */
  paint(services: readonly [string, number][], old: string | null): void {
    const shown = services.slice(0, services.length > MOST ? MOST - 1 : MOST);
    const rest = services.slice(shown.length);
    const more = rest.reduce((sum, [, count]) => sum + count, 0);
    const all: [string, number][] =
      rest.length > 0 ? [...shown, [`${rest.length} others`, more]] : [...shown];
    const total = services.reduce((sum, [, count]) => sum + count, 0);
    const longest = Math.max(1, ...all.map(([, count]) => count));
    this.#none.hidden = all.length > 0;
    const said = old === null ? format.plural(total, "hit") : `${format.plural(total, "hit")} ${old}`;
    write(this.total, all.length > 0 ? said : "");
    this.place.toggleAttribute("data-old", old !== null);
    while (this.#bars.length < all.length) this.#add();
    this.#bars.forEach((bar, place) => {
      const entry = all[place];
      bar.item.hidden = entry === undefined;
      if (entry === undefined) return;
      const [name, count] = entry;
      const isRest = place === shown.length;
      write(bar.name, name || "(none)");
      write(bar.number, format.count(count));
      bar.fill.style.width = `${(count / longest) * 100}%`;
      bar.button.disabled = isRest || name === "";
      bar.button.title = isRest ? "" : name;
      bar.button.dataset["service"] = name;
    });
  }

  #add(): void {
    const name = make("span", { class: "name" });
    const fill = make("i");
    const number = make("span", { class: "number" });
    const track = make("span", { class: "track", "aria-hidden": "true" }, fill);
    const button = make("button", { type: "button" }, name, track, number);
    const item = make("li", {}, button);
    button.addEventListener("click", () => this.choose(button.dataset["service"] ?? ""));
    this.#bars.push({ item, button, name, fill, number });
    this.place.append(item);
  }
}
