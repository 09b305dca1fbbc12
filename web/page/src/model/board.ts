/** All that the page knows: what arrived, how it goes, what is missing. */

import type { Hit } from "./hit.ts";
import { readHit } from "./hit.ts";
import type { Mark } from "./rows.ts";
import { Rows } from "./rows.ts";
import { Seen } from "./seen.ts";
import { OLD, type Status } from "./status.ts";
import { Window } from "./window.ts";

/** Hits that a subscription begins with: enough to show the last minutes' shape. */
export const SNAPSHOT = 500;

/** Rows that are kept; the index has the rest. */
export const MAX_ROWS = 5_000;

/** Seconds that the charts show. */
export const SPAN = 120;

/** Milliseconds between two looks that tell of a sleep: of the machine, or of a page in the background. */
const SLEPT = 5_000;

export class Board {
  readonly seen = new Seen();
  rows = new Rows(MAX_ROWS);
  window = new Window(SPAN);
  status: Status = { word: "connecting", why: "", code: "", retryAt: null };
  /** Milliseconds that our clock is ahead of the server's. */
  skew = 0;
  /** When the filter was chosen. */
  since = 0;
  delivered = 0;
  /** Stretches that could not be had. */
  lost = 0;
  /** Up to when all is known: now, while live; null before. */
  asOf: number | null = null;
  /** When the newest hit was stored, by our clock. */
  newest: number | null = null;
  /** When the last hit arrived live. */
  lastHit: number | null = null;
  /** Hits that the present catch-up has brought. */
  caught = 0;
  #snapshot: { count: number; oldest: number } | null = { count: 0, oldest: Number.POSITIVE_INFINITY };
  #mark: Mark | null = null;
  #liveSince: number | null = null;
  #ticked = 0;

  /** Another filter: what was counted for the old one says nothing about it. */
  restart(now: number): void {
    const held = this.rows.holding;
    this.rows = new Rows(MAX_ROWS);
    this.rows.hold(held);
    this.window = new Window(SPAN);
    this.since = now;
    this.delivered = 0;
    this.lost = 0;
    this.asOf = null;
    this.newest = null;
    this.lastHit = null;
    this.caught = 0;
    this.#snapshot = { count: 0, oldest: Number.POSITIVE_INFINITY };
    this.#mark = null;
    this.#liveSince = null;
  }

  take(values: readonly unknown[], live: boolean, now: number): void {
    for (const value of values) {
      const hit = readHit(value);
      if (hit === null) continue;
      this.#take(hit, live, now);
    }
  }

  become(status: Status, now: number): void {
    const before = this.status.word;
    this.status = status;
    if (status.word === "live") {
      if (before !== "live") this.#caughtUp(now);
      return;
    }
    // `connecting` may be mere doubt, which a ping clears up: no mark is left for that.
    if (this.#liveSince !== null && this.#mark === null && status.word !== "connecting") {
      this.#open(status.word === "lagged" ? "lagged" : "lost", now);
    }
    if (status.word === "catching-up" && before !== "catching-up") this.caught = 0;
  }

  /** Something could not be had in time; or never can, which the stream says for good. */
  missed(mended: boolean, reason: string, now: number): void {
    if (this.#mark === null) this.#open(mended ? "lagged" : "gap", now);
    if (mended || this.#mark === null) return;
    this.#mark.missing = reason || "the server no longer has them";
    this.lost += 1;
  }

  /** Called now and then: while live, all up to now has arrived. */
  tick(now: number): void {
    // After a sleep the first look comes before anybody has noticed: it is not to be believed.
    const slept = now - this.#ticked > SLEPT;
    this.#ticked = now;
    if (this.status.word === "live" && this.#liveSince !== null && !slept) {
      this.asOf = now;
      this.window.known(this.#liveSince, now - this.skew);
    }
    this.window.prune(now - this.skew, [this.counted(now) - this.skew, this.measured(now) - this.skew]);
  }

  /** Up to when figures count: now while live, then still what was last known. */
  counted(now: number): number {
    return Math.min(now, this.asOf ?? now);
  }

  /** When the last of what they measure came: by now, or as far back as its age is told. */
  measured(now: number): number {
    const lastHit = this.lastHit ?? now;
    return now - lastHit > OLD ? Math.min(lastHit, this.counted(now)) : this.counted(now);
  }

  #take(hit: Hit, live: boolean, now: number): void {
    const here = now - this.skew;
    this.window.add(hit, live ? here - hit.occurred : null);
    this.seen.add(hit);
    this.rows.add(hit);
    this.delivered += 1;
    this.newest = Math.max(this.newest ?? 0, hit.ingested + this.skew);
    if (live) {
      this.lastHit = now;
      return;
    }
    this.caught += 1;
    if (this.#mark !== null) this.#mark.caught += 1;
    if (this.#snapshot !== null) {
      this.#snapshot.count += 1;
      this.#snapshot.oldest = Math.min(this.#snapshot.oldest, hit.ingested);
    }
  }

  #caughtUp(now: number): void {
    const here = now - this.skew;
    if (this.#snapshot !== null) {
      // A snapshot that is not full has all there is, however old.
      const from = this.#snapshot.count < SNAPSHOT ? 0 : this.#snapshot.oldest;
      this.window.known(from, here);
      this.#liveSince = here;
      this.#snapshot = null;
    }
    if (this.#mark !== null) {
      this.#mark.to = now;
      if (this.#mark.missing !== "") this.window.unknown(this.#mark.from - this.skew, here);
      this.#mark = null;
    }
  }

  #open(cause: Mark["cause"], now: number): void {
    const from = Math.min(now, Math.max(this.asOf ?? now, this.lastHit ?? 0));
    this.#mark = { from, to: null, caught: 0, missing: "", cause };
    this.rows.mark(this.#mark);
  }
}
