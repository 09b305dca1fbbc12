/**
 * A client of the live index: subscribe with a filter, get each hit once, miss nothing.
 *
 * ```ts
 * const client = connect({ http: { url: "https://…", token: () => myToken() } });
 * const payments = client.subscribe({ service: ["payments"] }, { snapshot: 20 });
 * for await (const hit of payments) console.log(hit.timestamp, hit.message);
 * ```
 *
 * What it promises: every hit of a subscription arrives at least once for as long as the server keeps the
 * data, and is told once; after a lost connection it comes back by itself, with a new ticket, and goes on
 * from its cursor. What was missed for good is told as a gap, never passed over.
 *
 * `Progress` and `Session` hold all the rules and do no input or output; `Link` and `Client` give them a
 * socket and a clock. `docs/client.md` tells more.
 */

import { Client } from "./client.ts";
import type { Options } from "./options.ts";

/** Connect, and stay connected until `close`. */
export function connect(options: Options): Client {
  return new Client(options);
}

export type { Client } from "./client.ts";
export type { Clock } from "./clock.ts";
export type { Http, Page, PageRequest } from "./http.ts";
export type { Storage } from "./keeping.ts";
export type { Socket, SocketClass } from "./link.ts";
export { type Detail, type Filter, type Gap, type Hit, Refused, type Status } from "./news.ts";
export type { Options } from "./options.ts";
export { PACE, type Pace } from "./pace.ts";
export { STRAY } from "./session.ts";
export type { SubscribeOptions, Subscription } from "./subscription.ts";
