/** What a client tells the page that uses it. */

/** One hit as the server sent it; later servers may add fields. */
export interface Hit {
  readonly id: string;
  readonly index: string;
  readonly family: string;
  readonly source: string;
  readonly eventType: string;
  /** When it happened: ISO 8601, UTC, milliseconds. */
  readonly timestamp: string;
  /** When it was stored, in ms since the epoch. */
  readonly ingested: number;
  /** Null in a pointer. */
  readonly message: string | null;
  /** Null in a pointer. */
  readonly attributes: Readonly<Record<string, unknown>> | null;
  /** Null in a pointer. */
  readonly excerpt: Readonly<Record<string, unknown>> | null;
  /** Only in a pointer, a hit too big for a frame: where it can be read. `Client.fetchHit` reads it. */
  readonly href?: string;
  /** The event's whole `detail`, as it came; only in what `Client.fetchHit` gives. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** A filter, in the form of an EventBridge event pattern over attributes; `{}` matches everything. */
export type Filter = Readonly<Record<string, unknown>>;

/**
 * - `connecting`: on the way to the server, or not sure that it is still there;
 * - `catching-up`: a snapshot, or what was missed, is still arriving; live hits arrive in between;
 * - `live`: nothing is missing;
 * - `lagged`: the server could not keep up with this connection; what was left out is being fetched;
 * - `offline`: not connected; tries again by itself;
 * - `refused`: the server said no, and would say it again.
 */
export type Status = "connecting" | "catching-up" | "live" | "lagged" | "offline" | "refused";

/** More about a status. */
export interface Detail {
  /** One line for people; empty where the status says it all. */
  readonly why: string;
  /** The server's stable word, where it refused. */
  readonly code?: string | undefined;
  /** While offline: milliseconds until the next try. */
  readonly retryIn?: number | undefined;
  /** New hits that the present catch-up, or the last one, has brought. */
  readonly caughtUp: number;
}

/** Hits were left out. */
export interface Gap {
  /** True when the client is already fetching them; false when it will not, or cannot. */
  readonly mended: boolean;
  /** The server's word: `expired`, `unknown-cursor`, `lagged`, `sampled`, … */
  readonly reason: string;
  /** Milliseconds since the epoch from which hits are missing; null where it is not known. */
  readonly from?: number | null | undefined;
  /** Milliseconds since the epoch up to which they are. */
  readonly to?: number | null | undefined;
  /** A cursor from before the gap: `Client.fetchPage` can fetch what a `sampled` frame left out, with the
   * subscription's `conflate` where it has one. */
  readonly since?: string | undefined;
  /** Of a `sampled` frame: how many of how many hits came. */
  readonly kept?: number | undefined;
  readonly of?: number | undefined;
}

/** The server said no in a way that trying again cannot change. */
export class Refused extends Error {
  override readonly name = "Refused";
  /** The server's stable word, such as `bad-filter` or `unauthorized`. */
  readonly code: string;

  constructor(code: string, text: string) {
    super(text);
    this.code = code;
  }
}
