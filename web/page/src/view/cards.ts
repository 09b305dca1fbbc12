/** The four figures: how much, how bad, whether all of it, how late. */

import type { Board } from "../model/board.ts";
import { fold, line, quantile, trend } from "../model/figures.ts";
import * as format from "../model/format.ts";
import { OLD } from "../model/status.ts";
import { make, write } from "./dom.ts";

const MINUTE = 60;
const SVG = "http://www.w3.org/2000/svg";
const WIDE = 88;
const HIGH = 24;

/** Values that make a line; fewer make a stroke that says nothing. */
const FEWEST = 5;

interface Figure {
  readonly value: string;
  readonly unit: string;
  readonly side: string;
  readonly below: string;
  readonly spark: readonly (number | null)[];
  readonly tone: string;
  readonly isMeasured?: boolean;
}

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
    const figures = [
      hits(board, now),
      problems(board, now),
      delivered(board, duplicates),
      latency(board, doubt, now),
    ];
    figures.forEach((figure, place) => {
      this.#cards[place]?.paint(figure, figure.isMeasured ? measured : all);
    });
  }
}

/** What an old value says of its age; null for one that is not. */
function aged(at: number | null, now: number, verb: string): string | null {
  return at === null || now - at <= OLD ? null : `${verb} ${format.age(now - at)} ago`;
}

function hits(board: Board, now: number): Figure {
  const here = now - board.skew;
  const last = board.window.totals(here, MINUTE);
  const before = board.window.totals(here, MINUTE, MINUTE);
  const grown = before.known === MINUTE ? trend(last.hits, before.hits) : null;
  const known = Math.max(1, last.known);
  return {
    value: last.known === 0 ? "–" : format.rate(last.hits / known),
    unit: "/s",
    side: grown === null ? "" : format.trend(grown),
    below:
      last.known === 0
        ? "not known yet"
        : last.known >= MINUTE
          ? "in the last minute"
          : `in the last ${format.plural(known, "second")}`,
    spark: fold(board.window.series(here, MINUTE).hits, 2),
    tone: "",
  };
}

function problems(board: Board, now: number): Figure {
  const here = now - board.skew;
  const last = board.window.totals(here, MINUTE);
  const before = board.window.totals(here, MINUTE, MINUTE);
  const share = last.hits === 0 ? null : last.problems / last.hits;
  const was = before.hits === 0 || before.known < MINUTE ? null : before.problems / before.hits;
  const grown = share === null || was === null ? null : trend(share, was);
  return {
    value: share === null ? "–" : format.rate(share * 100),
    unit: "%",
    side: grown === null ? "" : format.trend(grown),
    below:
      last.hits === 0
        ? ""
        : `${format.count(last.problems)} of ${format.plural(last.hits, "hit")} warn or fail`,
    spark: fold(board.window.series(here, MINUTE).problems, 2),
    tone: last.problems > 0 ? "bad" : "",
  };
}

function delivered(board: Board, duplicates: number): Figure {
  const missed = board.lost === 0 ? "0 missed" : `${format.plural(board.lost, "gap")} not mended`;
  const twice = duplicates === 0 ? "" : `, ${format.count(duplicates)} seen twice and dropped`;
  return {
    value: format.count(board.delivered),
    unit: board.delivered === 1 ? "hit" : "hits",
    side: `since ${format.minutes(board.since)}`,
    below: missed + twice,
    spark: [],
    tone: board.lost === 0 ? "" : "bad",
  };
}

function latency(board: Board, doubt: number, now: number): Figure {
  const here = now - board.skew;
  const sorted = board.window.behind(here, MINUTE);
  const [median, worst] = [quantile(sorted, 0.5), quantile(sorted, 0.99)];
  const [value, unit] = median === null ? ["–", "ms"] : format.duration(Math.max(0, median));
  const within = format.count(Math.ceil(doubt));
  const ahead = `${format.count(Math.abs(board.skew))} ms ${board.skew > 0 ? "ahead of" : "behind"} the server's`;
  return {
    value,
    unit: `${unit} p50`,
    side: worst === null ? "" : `${format.duration(Math.max(0, worst)).join(" ")} p99`,
    below: board.skew === 0 ? `clocks agree within ${within} ms` : `our clock is ${ahead}`,
    spark: board.window.medians(here, MINUTE),
    tone: "",
    isMeasured: true,
  };
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
