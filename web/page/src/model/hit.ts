/** A hit as the page keeps it: checked, cut to what a line can show, never trusted. */

export type Scalar = string | number | boolean | null;
export type State = "ok" | "warn" | "bad" | "none";

export interface Hit {
  readonly id: string;
  readonly index: string;
  readonly source: string;
  readonly eventType: string;
  /** When the fact occurred, in ms since the epoch. */
  readonly occurred: number;
  /** When it was stored, in ms since the epoch. */
  readonly ingested: number;
  readonly message: string;
  readonly attributes: ReadonlyMap<string, Scalar>;
  readonly state: State;
}

/** Characters of a text that a hit keeps: a line shows fewer, and the drawer fetches the document. */
export const MAX_TEXT = 400;

/** Attributes that a hit keeps. */
export const MAX_ATTRIBUTES = 32;

const TONES: Readonly<Record<string, State>> = {
  ...tones("bad", "emergency alert fatal critical crit severe error err failed failure timeout"),
  ...tones("warn", "warning warn degraded"),
  ...tones("ok", "notice informational information info debug trace ok success succeeded"),
};

/** Which attributes tell how a hit went, the most telling first. */
export const TELLING = ["severity", "level", "status"] as const;

/** Read a hit; null for what is none. */
export function readHit(value: unknown): Hit | null {
  if (!isObject(value) || typeof value["id"] !== "string") return null;
  const attributes = readAttributes(value["attributes"]);
  const ingested = typeof value["ingested"] === "number" ? value["ingested"] : Number.NaN;
  const occurred = typeof value["timestamp"] === "string" ? Date.parse(value["timestamp"]) : Number.NaN;
  if (Number.isNaN(ingested) && Number.isNaN(occurred)) return null;
  return {
    id: value["id"],
    index: text(value["index"]),
    source: text(value["source"]),
    eventType: text(value["eventType"]),
    occurred: Number.isNaN(occurred) ? ingested : occurred,
    ingested: Number.isNaN(ingested) ? occurred : ingested,
    message: text(value["message"]),
    attributes,
    state: stateOf(attributes),
  };
}

/** What stands for the hit's service: its attribute of that name, else where the event came from. */
export function serviceOf(hit: Hit): string {
  const named = hit.attributes.get("service");
  return named === undefined || named === null ? hit.source : String(named);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readAttributes(value: unknown): Map<string, Scalar> {
  const kept = new Map<string, Scalar>();
  if (!isObject(value)) return kept;
  for (const [name, given] of Object.entries(value)) {
    if (kept.size === MAX_ATTRIBUTES) break;
    const first: unknown = Array.isArray(given) ? given[0] : given;
    if (first === undefined || isObject(first) || Array.isArray(first)) continue;
    kept.set(name, typeof first === "string" ? text(first) : (first as Scalar));
  }
  return kept;
}

function stateOf(attributes: ReadonlyMap<string, Scalar>): State {
  for (const name of TELLING) {
    const value = attributes.get(name);
    const tone = typeof value === "string" ? TONES[value.toLowerCase()] : undefined;
    if (tone !== undefined) return tone;
  }
  return "none";
}

function text(value: unknown): string {
  if (typeof value !== "string") return "";
  return value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value;
}

function tones(tone: State, words: string): Record<string, State> {
  return Object.fromEntries(words.split(" ").map(word => [word, tone]));
}
