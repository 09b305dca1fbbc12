/** Subscriptions, and the link that serves them all. */

import { LONGEST } from "./frames.ts";
import { address, hit, type Page, type PageRequest, page, withTicket } from "./http.ts";
import { Link } from "./link.ts";
import { type Detail, type Filter, type Hit, Refused, type Status } from "./news.ts";
import { needed, type Options, withDefaults } from "./options.ts";
import { poll } from "./polling.ts";
import { type Listener, Session } from "./session.ts";
import { Following, guard, type SubscribeOptions, type Subscription, stand } from "./subscription.ts";

/** Milliseconds between two looks at the time, so that a sleep is noticed soon after it. */
const WATCH = 5_000;

/** Frames of the page's own that wait for a connection. */
const QUEUE = 100;

/** The client's status is the first of these that a subscription has. */
const WORST: readonly Status[] = ["lagged", "catching-up", "live", "refused"];

export class Client {
  status: Status = "connecting";
  detail: Detail = { why: "", caughtUp: 0 };
  readonly #parts: ReturnType<typeof withDefaults>;
  readonly #link: Link;
  readonly #subscriptions = new Set<Following>();
  #queue: string[] = [];
  #session: Session<Following> | undefined;

  constructor(options: Options) {
    const { ticket, url } = options;
    this.#parts = withDefaults(options);
    if (!(url && ticket)) needed(options.http);
    if (!this.#parts.WebSocket) throw new TypeError("connect needs { WebSocket }: that of ws");
    this.#link = new Link(this, this.#parts);
    this.#listen("addEventListener");
    this.#link.dial();
  }

  /** Add a subscription; the server hears of it at once when connected, else as soon as it can. */
  subscribe(filter: Filter, options: SubscribeOptions = {}): Subscription {
    if (this.#link.state === "closed") throw new Error("the client was closed");
    const following = new Following(this, filter, options, this.#parts.storage);
    this.#subscriptions.add(following);
    if (this.#link.state === "polling") this.#poll(following);
    this.tick();
    return following;
  }

  /**
   * Send a frame of the page's own; while there is no connection it waits for one.
   *
   * False where too many wait already. Throws `RangeError` where API Gateway would close the connection.
   */
  send(frame: object): boolean {
    const text = JSON.stringify(frame);
    if (new TextEncoder().encode(text).length > LONGEST)
      throw new RangeError(`a frame has at most ${LONGEST} bytes`);
    if (this.#link.state === "closed" || this.#queue.length >= QUEUE) return false;
    this.#queue.push(text);
    this.tick();
    return true;
  }

  /** A page of stored hits over HTTP, of which no subscription is told. */
  async fetchPage(request: PageRequest): Promise<Page> {
    return await page(needed(this.#parts.http), request, this.#parts.fetch);
  }

  /** The whole of a hit, by its id or by the pointer that stands for it. */
  async fetchHit(wanted: Hit | string): Promise<Hit | undefined> {
    const { id, href } = typeof wanted === "string" ? { id: wanted } : wanted;
    const path = href ?? `/v1/hits?id=${encodeURIComponent(id)}`;
    return await hit(needed(this.#parts.http), path, this.#parts.fetch);
  }

  /** Look at once: try again what waits for a retry, ping where a socket is open. */
  nudge(): void {
    this.#link.hurry();
    this.#session?.probe(this.#parts.clock.now());
    this.tick();
  }

  /** Leave for good: every subscription ends. */
  close(): void {
    this.#keep(true);
    this.#listen("removeEventListener");
    this.#link.close();
  }

  // --- for its subscriptions and its link -------------------------------------------------------

  /** @internal */
  leave(following: Following): void {
    following.keep(this.#parts.clock.now(), true);
    this.#subscriptions.delete(following);
    following.phase = "left";
    this.#session?.leave(following);
    following.end();
    this.tick();
  }

  /** @internal */
  async address(): Promise<string> {
    const { url, ticket, http, fetch } = this.#parts;
    return url && ticket ? withTicket(url, await ticket()) : await address(needed(http), fetch);
  }

  readonly #listener: Listener<Following> = {
    hits: (of, hits, live) => of.takeHits(hits, live),
    gap: (of, gap) => of.takeGap(gap),
    refused: (of, refusal) => of.end(refusal),
    notice: (code, text) => guard(() => this.#parts.onNotice?.(code, text)),
    bye: reason => {
      this.#listener.notice("bye", reason);
      const why = `the server said good-bye (${reason})`;
      if (reason === "revoked") this.#link.refuse(new Refused(reason, why));
      else this.#link.lost(why);
    },
  };

  /** @internal */
  opened(): void {
    const now = this.#parts.clock.now();
    this.#session = new Session(this.#subscriptions, this.#listener, this.#parts, now);
    this.tick();
  }

  /** @internal */
  heard(data: unknown): void {
    this.#session?.received(data, this.#parts.clock.now());
    this.tick();
  }

  /** @internal Look what is due, and tell what has changed. */
  tick(): void {
    const session = this.#session;
    const now = this.#parts.clock.now();
    if (session?.isDead(now)) {
      this.#link.lost("the server did not answer a ping");
      return;
    }
    if (session) {
      for (const frame of session.due(now)) this.#link.send(JSON.stringify(frame));
      const waiting = this.#queue;
      this.#queue = [];
      for (const text of waiting) this.#link.send(text);
      this.#link.after(Math.min(session.wakeAt() - now, WATCH), () => this.tick());
    }
    this.#tell();
    this.#keep();
  }

  // --- over HTTP --------------------------------------------------------------------------------

  /** @internal */
  poll(): void {
    for (const each of this.#subscriptions) {
      each.lost();
      this.#poll(each);
    }
    this.#tell();
  }

  #poll(following: Following): void {
    const { signal } = this.#link;
    poll(following, {
      ...this.#parts,
      http: needed(this.#parts.http),
      signal,
      listener: this.#listener,
      settled: () => this.tick(),
    }).catch((error: unknown) => {
      if (signal.aborted) return;
      if (!(error instanceof Refused) || /unauthorized|forbidden|40[13]/.test(error.code)) {
        this.#link.failed(error);
        return;
      }
      following.phase = "refused";
      following.end(error);
      this.#tell();
    });
  }

  // --- what the browser tells -------------------------------------------------------------------

  #listen(method: "addEventListener" | "removeEventListener"): void {
    const { window, document } = this.#parts;
    for (const type of ["online", "offline", "pagehide"]) window?.[method](type, this);
    document?.[method]("visibilitychange", this);
  }

  /** @internal */
  handleEvent({ type }: { readonly type: string }): void {
    if (type === "offline") {
      this.#link.lost("the browser is offline");
      return;
    }
    this.#keep(true);
    if (type === "online" || this.#parts.document?.visibilityState !== "hidden") this.nudge();
  }

  // --- what is told -----------------------------------------------------------------------------

  /** @internal */
  changed(): void {
    this.#session = undefined;
    const { isOver, refusal } = this.#link;
    if (isOver) for (const each of this.#subscriptions) each.end(refusal);
    this.#tell();
  }

  #keep(atOnce = false): void {
    const now = this.#parts.clock.now();
    for (const each of this.#subscriptions) each.keep(now, atOnce);
  }

  #tell(): void {
    const link = this.#linkStatus();
    const statuses = new Set<Status>();
    let caughtUp = 0;
    for (const each of this.#subscriptions) {
      const status = each.refusal ? "refused" : (link ?? each.standing);
      each.takeStatus(status, this.#detail(each.caughtUp, each.refusal));
      statuses.add(status);
      caughtUp += each.caughtUp;
    }
    const status = link ?? WORST.find(each => statuses.has(each)) ?? "live";
    if (status === "live") this.#link.proved();
    stand(this, status, this.#detail(caughtUp, this.#link.refusal), this.#parts);
  }

  /** Where every subscription stands because the link does; undefined where each stands for itself. */
  #linkStatus(): Status | undefined {
    const { state } = this.#link;
    if (state === "closed") return "offline";
    if (state !== "open" && state !== "polling") return state;
    return this.#session?.isDoubtful(this.#parts.clock.now()) ? "connecting" : undefined;
  }

  #detail(caughtUp: number, refusal: Refused | undefined): Detail {
    const { why, retryIn } = this.#link;
    return { why: refusal?.message ?? why, caughtUp, code: refusal?.code, retryIn };
  }
}
