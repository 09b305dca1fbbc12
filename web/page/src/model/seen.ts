/** The attributes and values that have come by, for completing filters. Bounded. */

import type { Hit, Scalar } from "./hit.ts";

export type Kind = "text" | "number" | "boolean";

export interface Attribute {
  readonly name: string;
  readonly kind: Kind;
}

const MAX_NAMES = 64;
const MAX_VALUES = 200;

interface Known {
  kind: Kind;
  readonly counts: Map<Scalar, number>;
  /** Hits that have it, and those of them whose message says its value. */
  hits: number;
  said: number;
}

export class Seen {
  readonly #known = new Map<string, Known>();

  /** What the server says there is. */
  declare(attributes: readonly Attribute[]): void {
    for (const each of attributes) this.#of(each.name, each.kind);
  }

  add(hit: Hit): void {
    this.#count("source", hit.source, "");
    this.#count("eventType", hit.eventType, "");
    for (const [name, value] of hit.attributes) this.#count(name, value, hit.message);
  }

  /** All attributes, declared ones first. */
  names(): Attribute[] {
    return [...this.#known].map(([name, known]) => ({ name, kind: known.kind }));
  }

  kind(name: string): Kind {
    return this.#known.get(name)?.kind ?? "text";
  }

  /** The values of an attribute, the most usual first; none for numbers, of which there is no end. */
  values(name: string): Scalar[] {
    const known = this.#known.get(name);
    if (known === undefined || known.kind === "number") return [];
    return [...known.counts].sort((one, other) => other[1] - one[1]).map(([value]) => value);
  }

  /**
   * The attributes that are worth a column: those that differ from hit to hit and that the message
   * does not say already. Texts first, then one number.
   */
  columns(texts: number): string[] {
    const differing = [...this.#known].filter(([name]) => !BESIDE.has(name));
    const words = differing.filter(
      ([, known]) => known.kind !== "number" && known.counts.size > 1 && known.said < known.hits / 2,
    );
    const number = differing.find(([, known]) => known.kind === "number" && known.hits > 0);
    return [...words.slice(0, texts), ...(number ? [number] : [])].map(([name]) => name);
  }

  #count(name: string, value: Scalar, message: string): void {
    if (value === null || value === "") return;
    const known = this.#of(name, kindOf(value));
    if (known === null) return;
    known.hits += 1;
    if (message.includes(String(value))) known.said += 1;
    if (known.kind === "number") return;
    if (known.counts.has(value) || known.counts.size < MAX_VALUES) {
      known.counts.set(value, (known.counts.get(value) ?? 0) + 1);
    }
  }

  #of(name: string, kind: Kind): Known | null {
    let known = this.#known.get(name);
    if (known === undefined) {
      if (this.#known.size === MAX_NAMES) return null;
      known = { kind, counts: new Map(), hits: 0, said: 0 };
      this.#known.set(name, known);
    }
    // What is declared as nothing in particular is what its first value is.
    if (known.hits === 0 && known.kind === "text") known.kind = kind;
    return known;
  }
}

/** What a line shows already, or what stands for the whole. */
const BESIDE = new Set(["service", "source", "eventType", "family", "severity", "level"]);

function kindOf(value: Scalar): Kind {
  if (typeof value === "number") return "number";
  return typeof value === "boolean" ? "boolean" : "text";
}
