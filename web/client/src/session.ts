/**
 * One connection's conversation: which frame is for which subscription, and what is due when.
 *
 * No input or output: texts and times come in, frames and news go out.
 */

import { type Frame, GATEWAY_ERROR, hits, isObject, parse, text } from "./frames.ts";
import { type Gap, type Hit, Refused } from "./news.ts";
import type { Pace } from "./pace.ts";
import type { Progress } from "./progress.ts";

/** Who is told what a frame meant. */
export interface Listener<P extends Progress> {
  /** New hits; `live` is false for those of a snapshot or a catch-up. */
  hits(of: P, hits: readonly Hit[], live: boolean): void;
  gap(of: P, gap: Gap): void;
  refused(of: P, refusal: Refused): void;
  /** Something that changes nothing by itself. */
  notice(code: string, text: string): void;
  /** The server is about to close the connection. */
  bye(reason: string): void;
}

/** The code of the notice about hits of a channel that nobody here has subscribed to, or no longer. */
export const STRAY = "stray";

/** Error codes after which the same subscribe may succeed; after any other it is refused for good. */
const TRANSIENT = /^too-many-|unavailable$|^(internal-error|busy|not-subscribed)$/;

export class Session<P extends Progress> {
  readonly #subscriptions: Iterable<P>;
  readonly #listener: Listener<P>;
  readonly #pace: Pace;
  readonly #random: () => number;
  readonly #asks = new Map<string, P>();
  #out: Frame[] = [];
  #early: Frame[] = [];
  #heard: number;
  #pinged: number;
  #unanswered = false;

  /** Begins when a socket has opened; the server knows nothing yet of the subscriptions. */
  constructor(
    subscriptions: Iterable<P>,
    listener: Listener<P>,
    { pace, random }: { readonly pace: Pace; readonly random: () => number },
    now: number,
  ) {
    this.#subscriptions = subscriptions;
    this.#listener = listener;
    this.#pace = pace;
    this.#random = random;
    this.#heard = now;
    this.#pinged = now;
    for (const each of subscriptions) each.lost();
  }

  // --- what is due ------------------------------------------------------------------------------

  /** When something will be due, if nothing arrives before. */
  wakeAt(): number {
    const { heartbeat, pong } = this.#pace;
    let first = this.#pinged + (this.#unanswered ? pong : heartbeat);
    for (const each of this.#subscriptions) first = Math.min(first, each.due() ?? first);
    return first;
  }

  /** Whether a ping went unanswered: nobody is at the other end, though nothing said so. */
  isDead(now: number): boolean {
    return this.#unanswered && now >= this.#pinged + this.#pace.pong;
  }

  /** Whether it has been silent for so long that a ping should have been answered, as after a sleep. */
  isDoubtful(now: number): boolean {
    return now >= this.#heard + this.#pace.heartbeat + this.#pace.pong;
  }

  /** The frames to send now. */
  due(now: number): Frame[] {
    for (const each of this.#subscriptions) {
      const at = each.due();
      if (at !== undefined && at <= now) this.#out.push(this.#ask(each, now));
    }
    if (now >= this.#pinged + this.#pace.heartbeat) this.probe(now);
    const out = this.#out;
    this.#out = [];
    return out;
  }

  /** Ask whether the connection still stands, unless that was asked already. */
  probe(now: number): void {
    if (this.#unanswered) return;
    this.#unanswered = true;
    this.#pinged = now;
    this.#out.push({ type: "ping" });
  }

  /** Leave a channel, unless somebody else here is on it too. */
  leave(progress: P): void {
    const { channel } = progress;
    progress.phase = "left";
    progress.channel = undefined;
    if (channel === undefined) return; // the answer to its subscribe is still to come, or never will
    for (const each of this.#subscriptions) if (each.active && each.channel === channel) return;
    this.#out.push({ type: "unsubscribe", id: this.#next(progress), channel });
  }

  #ask(progress: P, now: number): Frame {
    return progress.ask(progress.paging ? "" : this.#next(progress), now, this.#pace);
  }

  #next(progress: P): string {
    const id = String(this.#asks.size + 1);
    this.#asks.set(id, progress);
    return id;
  }

  // --- what arrives -----------------------------------------------------------------------------

  /** Take a frame; the listener is told what it means. */
  received(data: unknown, now: number): void {
    this.#heard = now;
    this.#unanswered = false;
    this.#take(parse(data), now);
  }

  #take(frame: Frame, now: number): void {
    const { type } = frame;
    const id = text(frame["id"]);
    if (id === undefined && (type === "hits" || type === "gap")) this.#hold(frame);
    if (type === "hits") this.#hits(frame, id, now);
    else if (type === "subscribed") this.#subscribed(frame, id, now);
    else if (type === "live") for (const each of this.#addressed(frame)) each.live(id, text(frame["cursor"]));
    else if (type === "gap") this.#gap(frame);
    else if (type === "error") this.#error(frame, now);
    else if (type === "bye") this.#listener.bye(String(frame["reason"]));
    else if (type === GATEWAY_ERROR) this.#gatewayError(frame, now);
  }

  #subscribed(frame: Frame, id: string | undefined, now: number): void {
    const channel = text(frame["channel"]);
    const asker = this.#asks.get(id ?? "");
    if (asker && channel !== undefined) {
      if (asker.phase === "left") {
        asker.channel = channel;
        this.leave(asker);
      } else asker.answered(id, channel, now, this.#pace);
    }
    // Membership begins before the answer is sent, so live frames may overtake it.
    const early = this.#early;
    this.#early = [];
    for (const held of early) this.#take(held, now);
  }

  #hits(frame: Frame, id: string | undefined, now: number): void {
    const live = id === undefined;
    const { more, sampled } = frame;
    const cursor = text(frame["cursor"]);
    for (const of of this.#addressed(frame)) {
      const fresh = of.take(hits(frame), live ? cursor : undefined);
      if (!live) of.catchingUp(id, cursor, more === true, now, this.#pace);
      if (fresh.length > 0) this.#listener.hits(of, fresh, live);
      if (isObject(sampled)) this.#listener.gap(of, gap(sampled, false, "sampled"));
    }
  }

  /** A live frame may also be for whoever does not know its channel yet: it waits for the answer that names it. */
  #hold(frame: Frame): void {
    for (const { phase, channel } of this.#subscriptions) {
      if (phase === "asked" && channel === undefined) {
        this.#early.push(frame);
        return;
      }
    }
    if (frame.type === "hits" && this.#addressed(frame).length === 0)
      this.#listener.notice(STRAY, `hits of the channel ${frame["channel"]}`);
  }

  #gap(frame: Frame): void {
    const since = text(frame["since"]);
    for (const of of this.#addressed(frame)) {
      if (since !== undefined) of.lagging(since);
      this.#listener.gap(of, gap(frame, since !== undefined, "lagged"));
    }
  }

  #error(frame: Frame, now: number): void {
    const code = String(frame["code"]);
    const said = String(frame["text"]);
    const of = this.#asks.get(text(frame["id"]) ?? "");
    if (of?.active && !TRANSIENT.test(code)) {
      of.phase = "refused";
      this.#listener.refused(of, new Refused(code, said));
      return;
    }
    of?.putOff(now, this.#pace, this.#random(), code !== "not-subscribed");
    this.#listener.notice(code, said);
  }

  #gatewayError(frame: Frame, now: number): void {
    // It does not say which frame failed; whatever waits for an answer is asked again.
    for (const each of this.#subscriptions)
      if (each.phase === "asked") each.putOff(now, this.#pace, this.#random(), true);
    this.#listener.notice(GATEWAY_ERROR, String(frame["message"]));
  }

  /** The subscriptions a frame is for: the asker of a catch-up, else everyone on the channel. */
  #addressed(frame: Frame): P[] {
    const asker = this.#asks.get(text(frame["id"]) ?? "");
    if (asker !== undefined) return asker.active ? [asker] : [];
    const channel = text(frame["channel"]);
    const found: P[] = [];
    for (const each of this.#subscriptions)
      if (each.active && channel !== undefined && each.channel === channel) found.push(each);
    return found;
  }
}

/** A gap as a frame, or an answer over HTTP, tells it. */
export function gap(said: Readonly<Record<string, unknown>>, mended: boolean, reason: string): Gap {
  const { from, to, since, kept, of } = said as Partial<Gap>;
  return { mended, reason: text(said["reason"]) ?? reason, from, to, since, kept, of };
}
