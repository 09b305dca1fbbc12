/** The stream of hits: a table of which only what is seen exists, and which holds still when looked at. */

import * as format from "../model/format.ts";
import type { Hit } from "../model/hit.ts";
import type { Row, Rows } from "../model/rows.ts";
import { range, reveal } from "../model/virtual.ts";
import { write } from "./dom.ts";
import { Line } from "./lines.ts";

/** Rows that are ready above and below what is seen. */
const SPARE = 6;

export interface StreamEvents {
  open(hit: Hit): void;
  /** The hit under the pointer, or the chosen one; null when there is none. */
  point(hit: Hit | null): void;
  changed(): void;
}

export class Stream {
  readonly #lines: Line[] = [];
  #rows: Rows | null = null;
  #columns: readonly string[] = [];
  #chosen: number | null = null;
  #marked: number | null = null;
  #isOver = false;
  #isPaused = false;

  constructor(
    readonly place: HTMLElement,
    readonly header: HTMLElement,
    readonly more: HTMLButtonElement,
    readonly events: StreamEvents,
  ) {
    place.addEventListener("pointerenter", event => this.#over(event.pointerType === "mouse"));
    place.addEventListener("pointerleave", () => this.#over(false));
    place.addEventListener("pointermove", event => events.point(this.#hitAt(event.target)));
    place.addEventListener("click", event => this.#clicked(event.target));
    more.addEventListener("click", () => this.toTop());
    addEventListener("scroll", () => events.changed(), { passive: true });
    addEventListener("resize", () => events.changed(), { passive: true });
  }

  get chosen(): Hit | null {
    return this.#row(this.#chosen)?.hit ?? null;
  }

  pause(still: boolean): void {
    this.#isPaused = still;
    if (still) this.#holdStill();
    this.events.changed();
  }

  /** Show which hits belong to a second; null for none. */
  mark(second: number | null): void {
    if (second === this.#marked) return;
    this.#marked = second;
    this.events.changed();
  }

  /** Let go of the chosen row. */
  letGo(): void {
    this.#chosen = null;
    this.events.changed();
  }

  /** Show the newest again. */
  toTop(): void {
    this.#chosen = null;
    this.#isOver = false;
    const above = this.place.getBoundingClientRect().top - this.#upper();
    if (above < 0) scrollBy({ top: above, behavior: "instant" });
    this.events.changed();
  }

  /** Choose the row so many below the chosen one; the first one when none is. */
  move(by: number): Hit | null {
    const rows = this.#rows;
    if (rows === null || rows.shown === 0) return null;
    const before = this.#chosen === null ? -1 : rows.placeOf(this.#chosen);
    let place = this.#chosen === null ? 0 : Math.max(0, Math.min(rows.shown - 1, before + by));
    const step = Math.sign(by) || 1;
    while (rows.at(place)?.hit === null && rows.at(place + step) !== undefined) place += step;
    this.#chosen = rows.at(place)?.key ?? null;
    this.#holdStill();
    const height = this.#height();
    const top = this.place.getBoundingClientRect().top + place * height;
    const scroll = reveal(top, height, this.#upper(), innerHeight);
    if (scroll !== 0) scrollBy({ top: scroll, behavior: "instant" });
    this.events.changed();
    this.events.point(this.chosen);
    return this.chosen;
  }

  paint(rows: Rows, columns: readonly string[], now: number): void {
    this.#rows = rows;
    this.#columns = columns;
    const box = this.place.getBoundingClientRect();
    const height = this.#height();
    const isBelow = !this.place.hidden && box.top < this.#upper() - height;
    rows.hold(this.#isPaused || this.#isOver || this.#chosen !== null || isBelow);
    const wanted = range(-box.top, innerHeight, height, rows.shown, SPARE);
    this.place.style.height = `${rows.shown * height}px`;
    this.place.setAttribute("aria-rowcount", String(rows.shown));
    this.place.hidden = rows.shown === 0;
    this.#fill(rows, wanted.first, wanted.last, height, now);
    this.more.hidden = rows.waiting === 0;
    write(this.more, `${format.count(rows.waiting)} new`);
  }

  #fill(rows: Rows, first: number, last: number, height: number, now: number): void {
    while (this.#lines.length < last - first) {
      const line = new Line(`line-${this.#lines.length}`);
      this.#lines.push(line);
      this.place.append(line.element);
    }
    let active: string | null = null;
    this.#lines.forEach((line, number) => {
      const place = first + number;
      const row = place < last ? rows.at(place) : undefined;
      line.element.hidden = row === undefined;
      if (row === undefined) return;
      line.fill(row, place, this.#columns, now);
      line.element.style.transform = `translateY(${place * height}px)`;
      const isChosen = row.key === this.#chosen;
      line.element.setAttribute("aria-selected", String(isChosen));
      if (isChosen) active = line.element.id;
      const second = row.hit === null ? null : Math.floor(row.hit.ingested / 1000);
      line.element.toggleAttribute("data-marked", second !== null && second === this.#marked);
    });
    if (active === null) this.place.removeAttribute("aria-activedescendant");
    else this.place.setAttribute("aria-activedescendant", active);
  }

  /** Hold still from now on: what arrives before the next painting would still move what is being read. */
  #holdStill(): void {
    this.#rows?.hold(true);
  }

  #over(isOver: boolean): void {
    this.#isOver = isOver;
    if (isOver) this.#holdStill();
    if (!isOver) this.events.point(null);
    this.events.changed();
  }

  #clicked(target: EventTarget | null): void {
    const row = this.#rowAt(target);
    if (row === null || row.hit === null) return;
    this.#chosen = row.key;
    this.#holdStill();
    this.events.changed();
    this.events.open(row.hit);
  }

  #hitAt(target: EventTarget | null): Hit | null {
    return this.#rowAt(target)?.hit ?? null;
  }

  #rowAt(target: EventTarget | null): Row | null {
    if (!(target instanceof Element)) return null;
    const element = target.closest(".hit");
    const line = this.#lines.find(each => each.element === element);
    return line === undefined ? null : this.#row(line.key);
  }

  #row(key: number | null): Row | null {
    if (key === null || this.#rows === null) return null;
    const place = this.#rows.placeOf(key);
    return place < 0 ? null : (this.#rows.at(place) ?? null);
  }

  /** Where what sticks to the top ends: the first row is seen whole below it. */
  #upper(): number {
    return Math.max(0, this.header.getBoundingClientRect().bottom);
  }

  #height(): number {
    return Number.parseFloat(getComputedStyle(this.place).getPropertyValue("--row")) || 32;
  }
}
