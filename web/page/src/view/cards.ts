/** The four figures: how much, how bad, whether all of it, how late. */

import type { Board } from "../model/board.ts";
import { aged, type Figure, figures } from "../model/cards.ts";
import { line } from "../model/figures.ts";
import { make, write } from "./dom.ts";

const SVG = "http://www.w3.org/2000/svg";
const WIDE = 88;
const HIGH = 24;

/** Values that make a line; fewer make a stroke that says nothing. */
const FEWEST = 5;

export class Cards {
  readonly #cards: Card[];

  constructor(place: HTMLElement) {
    this.#cards = ["Hits", "Problems", "Delivered", "Put → here"].map(name => new Card(name));
    place.append(...this.#cards.map(card => card.element));
  }

  paint(board: Board, duplicates: number, doubt: number, now: number): void {
    // While live, what is counted is counted up to now, be it nothing; how late hits come is known from hits.
    const all = aged(board.asOf, now, "as of");
    const measured = all ?? aged(board.lastHit, now, "measured");
    figures(board, duplicates, doubt, now).forEach((figure, place) => {
      this.#cards[place]?.paint(figure, figure.isMeasured ? measured : all);
    });
  }
}

class Card {
  readonly element: HTMLElement;
  readonly #value = make("span");
  readonly #unit = make("small");
  readonly #side = make("p", { class: "side" });
  readonly #below = make("p", { class: "below" });
  readonly #path = document.createElementNS(SVG, "path");
  readonly #spark = document.createElementNS(SVG, "svg");

  constructor(name: string) {
    this.#spark.setAttribute("viewBox", `0 0 ${WIDE} ${HIGH}`);
    this.#spark.setAttribute("preserveAspectRatio", "none");
    this.#spark.setAttribute("aria-hidden", "true");
    this.#path.setAttribute("vector-effect", "non-scaling-stroke");
    this.#spark.append(this.#path);
    const value = make("p", { class: "value" }, this.#value, this.#unit);
    this.element = make("article", { class: "card" }, make("h2", {}, name), this.#side, value);
    this.element.append(this.#spark, this.#below);
    write(this.#value, "–");
  }

  paint(figure: Figure, old: string | null): void {
    write(this.#value, figure.value);
    write(this.#unit, figure.unit);
    write(this.#side, figure.side);
    write(this.#below, old ?? figure.below);
    this.element.toggleAttribute("data-old", old !== null);
    this.element.dataset["tone"] = figure.tone;
    const known = figure.spark.filter(value => value !== null).length;
    const drawn = known < FEWEST ? "" : line(figure.spark, WIDE, HIGH);
    this.#path.setAttribute("d", drawn);
    this.#spark.toggleAttribute("hidden", drawn === "");
  }
}
