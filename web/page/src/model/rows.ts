/** The lines of the stream: hits, and the marks that lost connections leave. Bounded. */

import type { Hit } from "./hit.ts";

/** A lost connection, as the stream shows it. */
export interface Mark {
  /** When it was lost, in ms since the epoch. */
  readonly from: number;
  /** When all was well again; null while it is not. */
  to: number | null;
  /** Hits that were caught up. */
  caught: number;
  /** Why something could not be caught up; empty when nothing is missing. */
  missing: string;
  readonly cause: "lost" | "lagged" | "gap";
}

export interface Row {
  /** Grows with every row; names it. */
  readonly key: number;
  readonly hit: Hit | null;
  readonly mark: Mark | null;
}

/** Rows that a newly arrived hit may be sorted in before. */
const REACH = 2_500;

export class Rows {
  #rows: Row[] = [];
  #next = 1;
  /** How many of the newest wait while the list holds still; null while it does not. */
  #waiting: number | null = null;

  constructor(readonly limit: number) {}

  /** Rows that are shown, newest first: 0 is the top. */
  at(place: number): Row | undefined {
    return this.#rows[this.shown - 1 - place];
  }

  get shown(): number {
    return this.#rows.length - (this.#waiting ?? 0);
  }

  /** Rows that wait for the list to move on. */
  get waiting(): number {
    return this.#waiting ?? 0;
  }

  get holding(): boolean {
    return this.#waiting !== null;
  }

  hold(still: boolean): void {
    if (still) this.#waiting ??= 0;
    else this.#waiting = null;
  }

  /** Put a hit where its time belongs: what is caught up arrives after what is live. */
  add(hit: Hit): void {
    let place = this.#rows.length;
    const floor = Math.max(this.shown * Number(this.holding), place - REACH, 0);
    while (place > floor && newer(this.#rows[place - 1], hit)) place -= 1;
    this.#insert(place, { key: this.#key(), hit, mark: null });
  }

  /** Put a mark on top of all that is there. */
  mark(mark: Mark): void {
    this.#insert(this.#rows.length, { key: this.#key(), hit: null, mark });
  }

  /** Where a row is shown; -1 when it is not. */
  placeOf(key: number): number {
    for (let place = 0; place < this.shown; place += 1) if (this.at(place)?.key === key) return place;
    return -1;
  }

  clear(): void {
    this.#rows = [];
    if (this.#waiting !== null) this.#waiting = 0;
  }

  #insert(place: number, row: Row): void {
    if (place === this.#rows.length) this.#rows.push(row);
    else this.#rows.splice(place, 0, row);
    if (this.#waiting !== null) this.#waiting += 1;
    // Cut in steps: a shift of the whole list for every hit would cost more than the hit.
    if (this.#rows.length > this.limit * 1.1) {
      this.#rows.splice(0, this.#rows.length - this.limit);
      this.#waiting = this.#waiting === null ? null : Math.min(this.#waiting, this.#rows.length);
    }
  }

  #key(): number {
    this.#next += 1;
    return this.#next;
  }
}

function newer(row: Row | undefined, hit: Hit): boolean {
  return row?.hit !== null && row !== undefined && row.hit.ingested > hit.ingested;
}
