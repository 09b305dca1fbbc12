/** What the page's own server is asked: who we are, a ticket, a document. */

import { isObject } from "./model/hit.ts";
import type { Attribute, Kind } from "./model/seen.ts";

export interface Session {
  /** Where the page is served from: the local stack, say. */
  readonly place: string;
  readonly tenant: string;
  readonly attributes: readonly Attribute[];
  /** The command that puts some events. */
  readonly emit: string;
  /** Milliseconds that our clock is ahead of the server's, and by how much that may be wrong. */
  readonly skew: number;
  readonly doubt: number;
}

/** The server said no, or could not be asked. */
export class Trouble extends Error {}

const KINDS: Readonly<Record<string, Kind>> = { number: "number", boolean: "boolean" };

/** How often the clocks are compared to begin with; the quickest answer tells most. */
const COMPARISONS = 4;

export async function session(): Promise<Session> {
  let best = await once();
  for (let more = 1; more < COMPARISONS; more += 1) {
    const next = await once();
    if (next.doubt < best.doubt) best = next;
  }
  return best;
}

async function once(): Promise<Session> {
  const asked = Date.now();
  const said = await ask("/session");
  const answered = Date.now();
  const doubt = Math.max(1, (answered - asked) / 2);
  const skew = typeof said["now"] === "number" ? (asked + answered) / 2 - said["now"] : 0;
  const declared = Array.isArray(said["attributes"]) ? said["attributes"].filter(isObject) : [];
  return {
    place: String(said["place"] ?? ""),
    tenant: String(said["tenant"] ?? ""),
    emit: String(said["emit"] ?? ""),
    attributes: declared.map(each => ({
      name: String(each["name"]),
      kind: KINDS[String(each["kind"])] ?? "text",
    })),
    // What may as well be the way there and back is no difference.
    skew: Math.abs(skew) <= doubt ? 0 : Math.round(skew),
    doubt,
  };
}

/** The stored document of a hit; null when the index no longer has it. */
export async function document(id: string, signal: AbortSignal): Promise<Record<string, unknown> | null> {
  const said = await ask(`/v1/hits?${new URLSearchParams({ id })}`, { signal });
  const found: unknown = Array.isArray(said["hits"]) ? said["hits"][0] : undefined;
  return isObject(found) ? found : null;
}

async function ask(path: string, options: RequestInit = {}): Promise<Record<string, unknown>> {
  let answer: Response;
  try {
    answer = await fetch(path, options);
  } catch (trouble) {
    if (!(trouble instanceof TypeError)) throw trouble;
    throw new Trouble("The page's server does not answer: is `livedex run` still running?");
  }
  const body = await read(answer);
  if (answer.ok) return body;
  const error = isObject(body["error"]) ? body["error"] : {};
  throw new Trouble(String(error["text"] ?? `The server answered HTTP ${answer.status}.`));
}

async function read(answer: Response): Promise<Record<string, unknown>> {
  try {
    const body: unknown = await answer.json();
    return isObject(body) ? body : {};
  } catch (trouble) {
    if (!(trouble instanceof SyntaxError)) throw trouble;
    return {};
  }
}
