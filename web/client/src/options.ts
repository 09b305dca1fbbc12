/** What a client is given, and what it takes where it is not. */

import { type Clock, systemClock } from "./clock.ts";
import type { Http } from "./http.ts";
import type { Storage } from "./keeping.ts";
import type { SocketClass } from "./link.ts";
import type { Detail, Status } from "./news.ts";
import { PACE, type Pace } from "./pace.ts";

type Events = Pick<EventTarget, "addEventListener" | "removeEventListener">;

export interface Options {
  /** The WebSocket's address; left out, the answer to `POST /v1/tickets` names it. */
  readonly url?: string;
  /** A ticket, new for every connection, since each serves once. Throw `Refused` to stop for good. */
  readonly ticket?: () => Promise<string>;
  /** The HTTP API: for tickets where `ticket` is left out, for whole documents, and to go on where a network
   * lets no WebSocket through. */
  readonly http?: Http;
  readonly onStatus?: (status: Status, detail: Detail) => void;
  /** Something worth a line in a log, that changes nothing by itself. */
  readonly onNotice?: (code: string, text: string) => void;
  readonly pace?: Partial<Pace>;
  /** Node 20 has none of its own: give it that of the package `ws`. */
  readonly WebSocket?: SocketClass;
  readonly fetch?: typeof globalThis.fetch;
  readonly storage?: Storage;
  readonly clock?: Clock;
  /** Gives random shares, 0 ≤ x < 1. */
  readonly random?: () => number;
  /** Tells `online`, `offline` and `pagehide`. */
  readonly window?: Events;
  /** Tells `visibilitychange`. */
  readonly document?: Events & { readonly visibilityState: string };
}

/** The options, and the browser's or Node's own for what they leave out. */
export function withDefaults(options: Options) {
  return {
    clock: systemClock(),
    random: Math.random,
    fetch: (...request: Parameters<typeof fetch>) => globalThis.fetch(...request),
    WebSocket: globalThis.WebSocket as SocketClass,
    window: globalThis.window as Events | undefined,
    document: globalThis.document as Options["document"],
    ...options,
    pace: { ...PACE, ...options.pace },
  };
}

export function needed(http: Http | undefined): Http {
  if (http) return http;
  throw new TypeError("connect needs { http }, or { url, ticket }");
}
