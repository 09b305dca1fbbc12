/**
 * One subscription's life, over as many connections as it takes. No input or output.
 *
 *     unasked ──ask──→ asked ──subscribed──→ catching-up ──live──→ live
 *        ↑               │ └──error──→ refused  │   ↑               │
 *        │               │                      └more (next page, or the same again later)
 *        └───────────────┴──── connection lost, silence, gap ───────┘
 *
 * The rule that keeps everything: **a live frame moves the cursor only while live**. One that arrives during
 * a catch-up is newer than what is still on its way; resuming from it would skip the rest. Its cursor is put
 * by, and counts from the end of the catch-up on. The end of a page moves the cursor to that page's own.
 *
 * A page that the server cannot give just now is asked for again. To subscribe again would begin the catch-up
 * anew: where many wait for pages, all of them would begin anew for ever.
 *
 * Cursors are opaque, but of two live ones of a channel the later sorts higher: so the server promises. The
 * cursor of a page sorts by no rule, and is never compared.
 */

import type { Frame } from "./frames.ts";
import type { Filter, Hit } from "./news.ts";
import { type Pace, retry } from "./pace.ts";
import { Seen } from "./seen.ts";

export type Phase = "unasked" | "asked" | "catching-up" | "live" | "refused" | "left";

export class Progress {
  readonly filter: Filter;
  /** How many of the newest hits to begin with; undefined leaves it to the server. */
  readonly snapshot: number | undefined;
  readonly conflate: string | undefined;
  /** Where a resume would begin. */
  cursor: string | undefined;
  /** The lowest cursor since which the server could not post to us, not yet asked for. */
  owed: string | undefined;
  /** The server's name of the channel on the present connection. */
  channel: string | undefined;
  phase: Phase = "unasked";
  /** Whether the server could not keep up, and the catch-up that mends it has not ended. */
  lagged = false;
  told = 0;
  duplicates = 0;
  caughtUp = 0;
  readonly #seen = new Seen();
  #ask = "";
  #answers: string | undefined;
  #due = 0;
  #failures = 0;
  #putBy = "";
  #more = false;
  #askedMore = false;

  constructor(filter: Filter, snapshot?: number, conflate?: string) {
    this.filter = filter;
    this.snapshot = snapshot;
    this.conflate = conflate;
  }

  get active(): boolean {
    return this.phase !== "refused" && this.phase !== "left";
  }

  get standing(): "live" | "lagged" | "catching-up" {
    if (this.phase === "live") return "live";
    return this.lagged ? "lagged" : "catching-up";
  }

  /**
   * When to ask (again), or for more; undefined when there is nothing to ask.
   *
   * An answer or a part of a catch-up may be lost on its way; silence where more must follow is how one
   * notices.
   */
  due(): number | undefined {
    if (this.phase === "live" || !this.active) return undefined;
    return this.#more && this.held() ? undefined : this.#due;
  }

  /** Whether the next page is to wait, until there is room for it. */
  held(): boolean {
    return false;
  }

  /** The frame that asks, and the wait for its answer begins. */
  ask(id: string, now: number, pace: Pace): Frame {
    const due = now + pace.answer;
    this.#due = due;
    this.#askedMore = this.#more;
    if (this.#more) {
      this.#more = false;
      return { type: "more", id: this.#ask, channel: this.channel, cursor: this.cursor };
    }
    this.phase = "asked";
    this.#ask = id;
    this.#putBy = "";
    const { filter, cursor, snapshot, conflate } = this;
    return {
      type: "subscribe",
      id,
      filter,
      ...(cursor === undefined ? { snapshot } : { cursor }),
      conflate,
      gap: this.#answers,
    };
  }

  /** Whether the next thing to ask for is a page of the present catch-up. */
  get paging(): boolean {
    return this.#more;
  }

  /** The connection is gone, and with it the server's memory of this subscription. */
  lost(): void {
    this.channel = undefined;
    if (this.active) this.#again(0);
  }

  /** The server has us as a member of the channel; the catch-up follows. */
  answered(id: string | undefined, channel: string, now: number, pace: Pace): void {
    if (id !== this.#ask || this.phase !== "asked") return;
    this.phase = "catching-up";
    this.channel = channel;
    this.#due = now + pace.answer;
  }

  /** A part of the catch-up has arrived, and more must follow: by itself, or at a page's end if we ask. */
  catchingUp(id: string, cursor: string | undefined, ended: boolean, now: number, pace: Pace): void {
    if (id !== this.#ask || this.phase !== "catching-up") return;
    this.#due = now + pace.answer;
    if (ended && cursor !== undefined) {
      this.#more = true;
      this.cursor = cursor;
      this.#due = 0;
      this.#failures = 0;
    }
  }

  /** The catch-up has ended: all before the cursor has arrived. */
  live(id: string | undefined, cursor: string | undefined): void {
    if (this.phase !== "catching-up" || (id !== undefined && id !== this.#ask)) return;
    this.#failures = 0;
    this.#more = false;
    this.cursor = higher(cursor, this.#putBy) ?? this.cursor;
    this.#settle();
  }

  /**
   * Take hits as they came; the ones not seen before.
   *
   * `cursor` is that of a live frame; undefined for one of a catch-up.
   */
  take(hits: readonly Hit[], cursor: string | undefined): Hit[] {
    const fresh = hits.filter(hit => this.#seen.isNew(hit.id));
    this.told += fresh.length;
    this.duplicates += hits.length - fresh.length;
    if (cursor === undefined) {
      if (this.phase !== "live") this.caughtUp += fresh.length;
    } else {
      this.#putBy = higher(cursor, this.#putBy) ?? "";
      if (this.phase === "live") this.cursor = higher(this.cursor, this.#putBy);
    }
    return fresh;
  }

  /**
   * The server could not post to us since then. While live: ask again, from there or from before. During a
   * catch-up: after it, since what it is bringing may lie before that, and a page's cursor cannot be
   * compared.
   */
  lagging(since: string): void {
    if (!this.active) return;
    this.lagged = true;
    if (this.phase === "live") {
      this.cursor = lower(this.cursor, since);
      this.#answers = since;
      this.owed = undefined;
      this.#again(0);
    } else {
      this.owed = lower(this.owed, since);
    }
  }

  /**
   * The server could not do its part just now: ask again later. The cursor rests.
   *
   * @param joined Whether the server still has us as a member of the channel, as far as we know.
   */
  putOff(now: number, pace: Pace, chance: number, joined: boolean): void {
    if (this.phase !== "asked" && this.phase !== "catching-up") return;
    const due = now + retry(pace, ++this.#failures, chance);
    if (joined && this.#askedMore) {
      this.#more = true;
      this.#due = due;
    } else this.#again(due);
  }

  /** Over HTTP an answer is whole, so its cursor always counts; without `more` it is the last page. */
  polled(cursor: string | undefined, more: boolean): void {
    if (!this.active) return;
    this.cursor = cursor ?? this.cursor;
    this.phase = "catching-up";
    if (!more) this.#settle();
  }

  /** A catch-up has ended: nothing lags, unless something waited for that. */
  #settle(): void {
    this.phase = "live";
    this.lagged = false;
    this.#answers = undefined;
    if (this.owed !== undefined) this.lagging(this.owed);
  }

  #again(due: number): void {
    if (this.phase === "live") this.caughtUp = 0;
    this.phase = "unasked";
    this.#more = false;
    this.#due = due;
  }
}

function higher(one: string | undefined, other: string | undefined): string | undefined {
  return ((one ?? "") > (other ?? "") ? one : other) || undefined;
}

function lower(one: string | undefined, other: string): string {
  return one !== undefined && one < other ? one : other;
}
