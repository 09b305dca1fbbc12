/** What the filter bar offers while one types: an attribute, then an operator, then a value. */

import type { Operator } from "./filter.ts";
import { OPERATORS, readValue } from "./filter.ts";
import type { Scalar } from "./hit.ts";
import type { Seen } from "./seen.ts";

/** A filter that is being put together. */
export interface Draft {
  readonly key: string | null;
  readonly operator: Operator | null;
}

export type Choice =
  | { readonly kind: "key"; readonly key: string; readonly text: string; readonly note: string }
  | { readonly kind: "operator"; readonly operator: Operator; readonly text: string; readonly note: string }
  | { readonly kind: "value"; readonly value: Scalar; readonly text: string; readonly note: string };

const MOST = 12;

const NOTES: Readonly<Record<Operator, string>> = {
  is: "this value, or one of several",
  "starts with": "texts that begin so",
  ">": "above",
  ">=": "from … on",
  "<": "below",
  "<=": "up to",
};

export function choices(seen: Seen, draft: Draft, text: string): Choice[] {
  if (draft.key === null) return keys(seen, text);
  const kind = seen.kind(draft.key);
  if (draft.operator === null) {
    const wanted = text.trim().toLowerCase();
    return OPERATORS[kind]
      .filter(operator => operator.startsWith(wanted))
      .map(operator => ({ kind: "operator", operator, text: operator, note: NOTES[operator] }));
  }
  return values(seen, draft.key, draft.operator, text);
}

function keys(seen: Seen, text: string): Choice[] {
  const wanted = text.trim().toLowerCase();
  return seen
    .names()
    .map(({ name, kind }) => ({ name, kind, place: name.toLowerCase().indexOf(wanted) }))
    .filter(({ place }) => place >= 0)
    .sort((one, other) => Math.min(one.place, 1) - Math.min(other.place, 1))
    .slice(0, MOST)
    .map(({ name, kind }) => ({ kind: "key", key: name, text: name, note: kind === "text" ? "" : kind }));
}

function values(seen: Seen, key: string, operator: Operator, text: string): Choice[] {
  const kind = seen.kind(key);
  const wanted = text.trim().toLowerCase();
  const found = operator === "is" ? seen.values(key) : [];
  const offered: Choice[] = found
    .filter(value => String(value).toLowerCase().includes(wanted))
    .slice(0, MOST)
    .map(value => ({ kind: "value", value, text: String(value), note: "" }));
  const own = text.trim() === "" ? null : readValue(text.trim(), operator, kind);
  if (own !== null && !found.includes(own)) {
    const typed: Choice = { kind: "value", value: own, text: String(own), note: "as typed" };
    return kind === "number" || operator !== "is" ? [typed, ...offered] : [...offered, typed];
  }
  return offered;
}
