/** A filter as chips, and as the event pattern that the server takes. */

import type { Scalar } from "./hit.ts";
import { isObject } from "./hit.ts";

export type Bound = ">" | ">=" | "<" | "<=";
export type Operator = "is" | "starts with" | Bound;

/** One attribute; any of its conditions is enough. */
export interface Clause {
  readonly key: string;
  readonly values: readonly Scalar[];
  readonly prefixes: readonly string[];
  readonly low: readonly [">" | ">=", number] | null;
  readonly high: readonly ["<" | "<=", number] | null;
}

export type Pattern = Record<string, unknown[]>;

export const OPERATORS = {
  text: ["is", "starts with"],
  number: [">", ">=", "<", "<=", "is"],
  boolean: ["is"],
} as const satisfies Record<string, readonly Operator[]>;

/** Add a condition: to the attribute's chip where there is one. A bound replaces the one of its side. */
export function add(
  clauses: readonly Clause[],
  key: string,
  operator: Operator,
  value: Scalar,
): readonly Clause[] {
  const found = clauses.find(clause => clause.key === key);
  const before = found ?? { key, values: [], prefixes: [], low: null, high: null };
  const after = join(before, operator, value);
  return found === undefined
    ? [...clauses, after]
    : clauses.map(clause => (clause === found ? after : clause));
}

export function remove(clauses: readonly Clause[], key: string): readonly Clause[] {
  return clauses.filter(clause => clause.key !== key);
}

/** The event pattern. */
export function toPattern(clauses: readonly Clause[]): Pattern {
  return Object.fromEntries(
    clauses.map(({ key, values, prefixes, low, high }) => {
      const numeric = [...(low ?? []), ...(high ?? [])];
      const conditions: unknown[] = [...values, ...prefixes.map(prefix => ({ prefix }))];
      if (numeric.length > 0) conditions.push({ numeric });
      return [key, conditions];
    }),
  );
}

/** The chips of a pattern; null where chips cannot say what it says. */
export function fromPattern(pattern: unknown): readonly Clause[] | null {
  if (!isObject(pattern)) return null;
  let clauses: readonly Clause[] = [];
  for (const [key, conditions] of Object.entries(pattern)) {
    if (!Array.isArray(conditions) || conditions.length === 0) return null;
    for (const condition of conditions) {
      const read = readCondition(condition);
      if (read === null) return null;
      for (const [operator, value] of read) clauses = add(clauses, key, operator, value);
    }
  }
  return JSON.stringify(sorted(toPattern(clauses))) === JSON.stringify(sorted(pattern)) ? clauses : null;
}

/** A chip in words: `payments, orders`, `> 10`. */
export function words(clause: Clause): string {
  const said = clause.values.map(value => (value === "" ? "“”" : String(value)));
  said.push(...clause.prefixes.map(prefix => `${prefix}…`));
  const bounds = [clause.low, clause.high].filter(bound => bound !== null);
  if (bounds.length > 0) said.push(bounds.map(bound => bound.join(" ")).join(" and "));
  return said.join(", ");
}

/** A command for the terminal that shows the same hits. */
export function tailCommand(pattern: Pattern, tenant: string): string {
  const whose = tenant === "" || tenant === "acme" ? "" : ` --tenant ${quoted(tenant)}`;
  if (Object.keys(pattern).length === 0) return `livedex tail${whose}`;
  return `livedex tail${whose} --filter ${quoted(JSON.stringify(pattern))}`;
}

/** What was typed at once, such as `latencyMs>500` or `service=payments`; null where it is no condition. */
export function typed(text: string): { key: string; operator: Operator; value: string } | null {
  const found = /^\s*([\w.-]+)\s*(>=|<=|>|<|=|:|\^)\s*(.+?)\s*$/u.exec(text);
  const [, key, sign, value] = found ?? [];
  if (key === undefined || sign === undefined || value === undefined) return null;
  const operator = sign === "=" || sign === ":" ? "is" : sign === "^" ? "starts with" : (sign as Bound);
  return { key, operator, value };
}

/** A typed value as the attribute's kind has it; null where it is none, such as a bound that is no number. */
export function readValue(text: string, operator: Operator, kind: "text" | "number" | "boolean"): Scalar {
  if (operator === "starts with") return text;
  const isBound = operator !== "is";
  if (isBound || kind === "number") {
    const number = Number(text);
    if (text.trim() !== "" && Number.isFinite(number)) return number;
    return isBound ? null : text;
  }
  if (kind === "boolean" && (text === "true" || text === "false")) return text === "true";
  return text;
}

function join(clause: Clause, operator: Operator, value: Scalar): Clause {
  if (operator === "starts with") {
    const prefix = String(value);
    return clause.prefixes.includes(prefix) ? clause : { ...clause, prefixes: [...clause.prefixes, prefix] };
  }
  if (operator === "is") {
    return clause.values.includes(value) ? clause : { ...clause, values: [...clause.values, value] };
  }
  const bound = Number(value);
  if (operator === ">" || operator === ">=") {
    const high = clause.high && clause.high[1] > bound ? clause.high : null;
    return { ...clause, low: [operator, bound], high };
  }
  const low = clause.low && clause.low[1] < bound ? clause.low : null;
  return { ...clause, high: [operator, bound], low };
}

function readCondition(condition: unknown): [Operator, Scalar][] | null {
  if (condition === null || ["string", "number", "boolean"].includes(typeof condition)) {
    return [["is", condition as Scalar]];
  }
  if (!isObject(condition)) return null;
  if (typeof condition["prefix"] === "string") return [["starts with", condition["prefix"]]];
  const numeric = condition["numeric"];
  if (!Array.isArray(numeric) || numeric.length % 2 === 1) return null;
  const bounds: [Operator, Scalar][] = [];
  for (let place = 0; place < numeric.length; place += 2) {
    const [sign, number]: unknown[] = numeric.slice(place, place + 2);
    if (typeof number !== "number" || typeof sign !== "string") return null;
    if (![">", ">=", "<", "<="].includes(sign)) return null;
    bounds.push([sign as Bound, number]);
  }
  return bounds;
}

function sorted(pattern: Record<string, unknown>): [string, unknown][] {
  return Object.entries(pattern)
    .map(([key, conditions]): [string, unknown] => [
      key,
      (conditions as unknown[]).map(each => JSON.stringify(each)).sort(),
    ])
    .sort(([one], [other]) => (one < other ? -1 : 1));
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
