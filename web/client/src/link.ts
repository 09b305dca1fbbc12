/** One way to the server at a time: a socket, else HTTP, else a wait before the next try. */

import type { Clock } from "./clock.ts";
import type { Http } from "./http.ts";
import { Refused } from "./news.ts";
import { type Pace, retry } from "./pace.ts";

/** What of a WebSocket is used; the browser's, Node's and `ws`'s all have it. */
export interface Socket {
  send(text: string): void;
  close(): void;
  // biome-ignore lint/suspicious/noExplicitAny: the three agree on what an event is, and not on its type
  addEventListener(type: "open" | "message" | "close" | "error", listener: (event: any) => void): void;
}

export type SocketClass = new (url: string) => Socket;

export type State = "connecting" | "open" | "polling" | "offline" | "refused" | "closed";

/** What a link asks, and tells, of its client. */
export interface Owner {
  /** The address to connect to, ticket included. */
  address(): Promise<string>;
  opened(): void;
  heard(data: unknown): void;
  /** Go on over HTTP until the signal aborts. */
  poll(): void;
  /** It stands elsewhere now. */
  changed(): void;
}

/** What a link needs. */
export interface Parts {
  readonly pace: Pace;
  readonly clock: Clock;
  /** Gives random shares, 0 ≤ x < 1. */
  readonly random: () => number;
  readonly WebSocket: SocketClass;
  /** Undefined where there is no HTTP API to fall back on. */
  readonly http?: Http;
}

/** Attempts in a row in which no socket opened, before it goes on over HTTP. */
const LADDER = 3;

/** Milliseconds that an attempt to come back from HTTP to a socket may take, since nothing flows meanwhile. */
const UPGRADE = 5_000;

/** Refusals in a row before they are believed: a ticket may just have expired on its way. */
const PATIENCE = 3;

/** Close codes by which a server refuses a ticket after the handshake; API Gateway itself has none.
 * 4000 to 4999 are the application's: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.2 */
const NO = [4401, 4403];

function nothing(): void {
  // what a timer that is not set is cancelled by
}

interface CloseEvent {
  readonly code: number;
  readonly reason: string;
}

export class Link {
  state: State = "connecting";
  /** For people; empty where the state says it all. */
  why = "";
  refusal: Refused | undefined;
  /** While offline: milliseconds until the next try. */
  retryIn: number | undefined;
  readonly #owner: Owner;
  readonly #parts: Parts;
  #attempt = new AbortController();
  #cancelTimer = nothing;
  #socket: Socket | undefined;
  #failures = 0;
  #unopened = 0;
  #noes = 0;

  constructor(owner: Owner, parts: Parts) {
    this.#owner = owner;
    this.#parts = parts;
  }

  /** Aborted when the present state ends. */
  get signal(): AbortSignal {
    return this.#attempt.signal;
  }

  send(text: string): void {
    this.#socket?.send(text);
  }

  dial(): void {
    const signal = this.#begin("connecting");
    const { opening } = this.#parts.pace;
    this.after(this.#descends ? Math.min(UPGRADE, opening) : opening, () =>
      this.lost("the server did not answer in time"),
    );
    this.#owner.address().then(
      url => signal.aborted || this.#open(url, signal),
      error => signal.aborted || this.failed(error),
    );
  }

  /** One timer serves: each state waits for one thing at a time. */
  after(milliseconds: number, call: () => void): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#parts.clock.after(Math.max(0, milliseconds), call);
  }

  /** Nothing is missing any more: what failed before no longer counts. */
  proved(): void {
    this.#failures = 0;
    this.#noes = 0;
  }

  failed(error: unknown): void {
    if (error instanceof Refused) this.refuse(error);
    else this.lost(error instanceof Error ? error.message : String(error));
  }

  /** Whether it has ended for good. */
  get isOver(): boolean {
    return this.state === "refused" || this.state === "closed";
  }

  lost(why: string): void {
    if (this.isOver) return;
    if (this.state === "connecting" && this.#descends) {
      this.#descend();
      return;
    }
    this.#failures += 1;
    const { pace, random } = this.#parts;
    this.#begin("offline", why, () => this.#retry(retry(pace, this.#failures, random())));
  }

  refuse(refusal: Refused): void {
    this.#begin("refused", "", () => {
      this.refusal = refusal;
    });
  }

  /** While it waits for the next try: make that soon. */
  hurry(): void {
    const { pace, random } = this.#parts;
    if (this.state === "offline") this.#retry(random() * pace.firstRetry);
  }

  close(): void {
    this.#begin("closed", "the client was closed");
  }

  get #descends(): boolean {
    return this.#unopened >= LADDER && this.#parts.http !== undefined;
  }

  #retry(delay: number): void {
    this.retryIn = delay;
    this.after(delay, () => (this.#descends ? this.#descend() : this.dial()));
  }

  #descend(): void {
    this.#begin("polling", "", () => this.after(this.#parts.pace.upgrade, () => this.dial()));
    this.#owner.poll();
  }

  #open(url: string, signal: AbortSignal): void {
    this.#unopened += 1;
    let socket: Socket;
    try {
      socket = new this.#parts.WebSocket(url);
    } catch (error) {
      this.failed(error);
      return;
    }
    const on = (type: "open" | "message" | "close" | "error", listener: (event: never) => void) =>
      socket.addEventListener(type, event => {
        if (!signal.aborted) listener(event as never);
      });
    this.#socket = socket;
    on("open", () => this.#opened());
    on("message", ({ data }: { data: unknown }) => this.#owner.heard(data));
    on("close", (event: CloseEvent) => this.#closed(event));
    on("error", nothing); // a close follows; the package ws throws what nobody listens to
  }

  #opened(): void {
    this.#unopened = 0;
    this.state = "open";
    this.#cancelTimer();
    this.#owner.opened();
  }

  #closed({ code, reason }: CloseEvent): void {
    const why = `the socket was closed (${code}${reason && ` ${reason}`})`;
    if (NO.includes(code)) this.#noes += 1;
    if (this.#noes >= PATIENCE) this.refuse(new Refused("unauthorized", why));
    else this.lost(why);
  }

  /** End what went on before, and stand elsewhere. */
  #begin(state: State, why = "", arrange = nothing): AbortSignal {
    this.#attempt.abort();
    this.#attempt = new AbortController();
    this.#cancelTimer();
    const socket = this.#socket;
    this.#socket = undefined;
    this.state = state;
    this.why = why;
    this.retryIn = undefined;
    const { signal } = this.#attempt;
    arrange();
    socket?.close();
    this.#owner.changed();
    return signal;
  }
}
