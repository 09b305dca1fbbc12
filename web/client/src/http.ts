/** The HTTP API: tickets, and hits without a socket. `docs/openapi.yaml` tells it all. */

import { fields, hits, isObject, text } from "./frames.ts";
import { type Filter, type Gap, type Hit, Refused } from "./news.ts";
import { gap } from "./session.ts";

/** The HTTP API's address, and who asks: the token is asked for at each request, since tokens expire. */
export interface Http {
  readonly url: string;
  readonly token: () => Promise<string> | string;
}

/** What to ask of `GET /v1/hits`. */
export interface PageRequest {
  readonly filter: Filter;
  readonly cursor?: string | undefined;
  /** Of which channel of the filter the cursor is: the `conflate` of its subscription. Every hit comes all the same. */
  readonly conflate?: string | undefined;
  readonly limit?: number | undefined;
  /** Seconds that the server may wait for something new, at most 20. */
  readonly wait?: number | undefined;
  /** The `tag` of the page that the same request got before. */
  readonly tag?: string | undefined;
}

export interface Page {
  readonly hits: Hit[];
  /** Where to go on from; undefined where nothing has changed since `tag`. */
  readonly cursor: string | undefined;
  /** Whether there is more already. */
  readonly more: boolean;
  readonly tag: string | undefined;
  readonly gap: Gap | undefined;
}

/** Of the 4xx, those after which the same request may succeed. */
const AGAIN = [408, 425, 429];

const TICKETS = "/v1/tickets";

interface Answer {
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Trade the token for a ticket; the WebSocket address that uses it, within 30 seconds and once. */
export async function address(http: Http, fetch: typeof globalThis.fetch): Promise<string> {
  const { body } = await ask(http, TICKETS, fetch);
  const { url, ticket } = body;
  if (typeof url === "string" && typeof ticket === "string") return withTicket(url, ticket);
  throw new Error(`${http.url} answered without a ticket`);
}

export function withTicket(url: string, ticket: string): string {
  return `${url}?ticket=${encodeURIComponent(ticket)}`;
}

/** One page of hits, oldest first. Throws `Refused` where asking again is of no use. */
export async function page(
  http: Http,
  wanted: PageRequest,
  fetch: typeof globalThis.fetch,
  signal?: AbortSignal,
): Promise<Page> {
  const query = new URLSearchParams({ filter: JSON.stringify(wanted.filter) });
  for (const name of ["cursor", "limit", "wait", "conflate"] as const)
    if (wanted[name] !== undefined) query.set(name, String(wanted[name]));
  const { tag } = wanted;
  const { headers, body } = await ask(http, `/v1/hits?${query}`, fetch, signal, tag);
  const { cursor, more, gap: said } = body;
  return {
    hits: hits(body),
    cursor: text(cursor),
    more: more === true || /rel="?next/.test(headers.get("Link") ?? ""),
    tag: headers.get("ETag") ?? undefined,
    gap: isObject(said) ? gap(said, false, "") : undefined,
  };
}

/** One hit, whole, by the path that its pointer names. */
export async function hit(
  http: Http,
  href: string,
  fetch: typeof globalThis.fetch,
): Promise<Hit | undefined> {
  return hits((await ask(http, href, fetch)).body)[0];
}

async function ask(
  http: Http,
  path: string,
  fetch: typeof globalThis.fetch,
  signal?: AbortSignal,
  tag?: string,
): Promise<Answer> {
  const answer = await fetch(http.url.replace(/\/$/, "") + path, {
    method: path === TICKETS ? "POST" : "GET",
    headers: { Authorization: `Bearer ${await http.token()}`, ...(tag && { "If-None-Match": tag }) },
    signal: signal ?? null,
  });
  const { ok, status, headers } = answer;
  const body = fields(await answer.text());
  if (ok || status === 304) return { headers, body };
  const error = isObject(body["error"]) ? body["error"] : {};
  const said = text(error["text"]) ?? `${path.split("?")[0]} answered HTTP ${status}`;
  if (status >= 400 && status < 500 && !AGAIN.includes(status))
    throw new Refused(text(error["code"]) ?? `http-${status}`, said);
  throw new Error(said);
}
