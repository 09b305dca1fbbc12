/** One line of the stream: a hit, or the mark of a lost connection. Made once, filled many times. */

import * as format from "../model/format.ts";
import type { Hit } from "../model/hit.ts";
import { serviceOf, TELLING } from "../model/hit.ts";
import type { Mark, Row } from "../model/rows.ts";
import { make, write } from "./dom.ts";

const STATES = { ok: "fine", warn: "warning", bad: "failed", none: "" } as const;

export class Line {
  readonly element = make("div", { class: "hit", role: "row" });
  key = 0;
  readonly #time = cell("time");
  readonly #state = cell("state");
  readonly #service = cell("service");
  readonly #type = cell("type");
  readonly #message = cell("message");
  readonly #rest = cell("more-of-it");

  constructor(id: string) {
    this.element.id = id;
    this.element.append(this.#time, this.#state, this.#service, this.#type, this.#message, this.#rest);
  }

  fill(row: Row, place: number, columns: readonly string[], now: number): void {
    this.key = row.key;
    this.element.setAttribute("aria-rowindex", String(place + 1));
    if (row.mark !== null) this.#fillMark(row.mark, now);
    else if (row.hit !== null) this.#fillHit(row.hit, columns, now);
  }

  #fillHit(hit: Hit, columns: readonly string[], now: number): void {
    delete this.element.dataset["mark"];
    const clock = format.clock(hit.occurred);
    write(
      this.#time,
      format.sameDay(hit.occurred, now) ? clock : `${format.day(hit.occurred).slice(5)} ${clock.slice(0, 5)}`,
    );
    this.#state.dataset["state"] = hit.state;
    const said = TELLING.map(name => hit.attributes.get(name)).find(value => typeof value === "string");
    this.#state.setAttribute(
      "aria-label",
      said === undefined ? STATES[hit.state] || "no state" : String(said),
    );
    write(this.#service, serviceOf(hit));
    write(this.#type, hit.eventType);
    write(this.#message, hit.message);
    this.#fillRest(hit, columns);
  }

  #fillRest(hit: Hit, columns: readonly string[]): void {
    while (this.#rest.childElementCount < columns.length) this.#rest.append(make("span"));
    while (this.#rest.childElementCount > columns.length) this.#rest.lastElementChild?.remove();
    columns.forEach((name, column) => {
      const place = this.#rest.children[column];
      if (!(place instanceof HTMLElement)) return;
      const value = hit.attributes.get(name) ?? null;
      write(place, format.value(name, value));
      place.className = typeof value === "number" ? "number" : "";
      place.title = name;
    });
  }

  #fillMark(mark: Mark, now: number): void {
    this.element.dataset["mark"] = mark.missing === "" ? "warn" : "bad";
    for (const empty of [this.#time, this.#service, this.#type]) write(empty, "");
    this.#rest.replaceChildren();
    write(this.#message, words(mark, now));
  }
}

/** What a lost connection's mark says. */
export function words(mark: Mark, now: number): string {
  const began = format.tenths(mark.from, now);
  const what = { lost: "connection lost", lagged: "fell behind", gap: "hits are missing" }[mark.cause];
  const hits = format.plural(mark.caught, "hit");
  if (mark.to === null) {
    const sofar = mark.caught > 0 ? ` · ${hits} caught up so far` : "";
    return `${what} ${began} – not mended yet${sofar}`;
  }
  const span = `${what} ${began} – ${format.tenths(mark.to, now)}`;
  if (mark.missing !== "") return `${span} · some could not be had (${mark.missing}), ${hits} caught up`;
  return mark.caught === 0 ? `${span} · nothing missed` : `${span} · caught up, ${hits}, nothing missed`;
}

function cell(name: string): HTMLElement {
  return make("div", { class: name, role: "gridcell" });
}
