/** What arrived in the last minutes, counted by the second in which it was stored. */

import { quantile } from "./figures.ts";
import type { Hit } from "./hit.ts";
import { serviceOf } from "./hit.ts";

/** Milliseconds between a fact and its storing from which on it counts as late. */
export const LATE = 60_000;

/** Services that are told apart in one second; the rest is counted together. */
const MAX_SERVICES = 200;

interface Bucket {
  hits: number;
  problems: number;
  late: number;
  readonly services: Map<string, number>;
  readonly behind: number[];
}

export interface Series {
  /** Seconds since the epoch. */
  readonly x: number[];
  /** Null where nobody can know. */
  readonly hits: (number | null)[];
  readonly problems: (number | null)[];
  readonly late: (number | null)[];
}

export interface Totals {
  readonly hits: number;
  readonly problems: number;
  readonly late: number;
  /** Seconds of the span that are known. */
  readonly known: number;
}

/** Measurements of one second that are kept for quantiles. */
const MAX_MEASURED = 200;

export class Window {
  readonly #buckets = new Map<number, Bucket>();
  readonly #unknown: [number, number][] = [];
  #knownFrom = Number.POSITIVE_INFINITY;
  #knownTo = Number.NEGATIVE_INFINITY;

  /** @param span Seconds that are shown; twice as many are kept. */
  constructor(readonly span: number) {}

  /** @param behind Milliseconds from the fact to here; null for what did not arrive live. */
  add(hit: Hit, behind: number | null): void {
    const second = Math.floor(hit.ingested / 1000);
    let bucket = this.#buckets.get(second);
    if (bucket === undefined) {
      bucket = { hits: 0, problems: 0, late: 0, services: new Map(), behind: [] };
      this.#buckets.set(second, bucket);
    }
    bucket.hits += 1;
    if (hit.state === "bad" || hit.state === "warn") bucket.problems += 1;
    const late = hit.ingested - hit.occurred > LATE;
    if (late) bucket.late += 1;
    if (behind !== null && !late && bucket.behind.length < MAX_MEASURED) bucket.behind.push(behind);
    const service = serviceOf(hit);
    const counted = bucket.services.has(service) || bucket.services.size < MAX_SERVICES ? service : "others";
    bucket.services.set(counted, (bucket.services.get(counted) ?? 0) + 1);
  }

  /** All that was stored between these times has arrived, in ms since the epoch. */
  known(from: number, to: number): void {
    this.#knownFrom = Math.min(this.#knownFrom, from);
    this.#knownTo = Math.max(this.#knownTo, to);
  }

  /** What was stored between these times may be missing, in ms since the epoch. */
  unknown(from: number, to: number): void {
    this.#unknown.push([from, to]);
    if (this.#unknown.length > 100) this.#unknown.shift();
  }

  /**
   * Forget what is too old to matter.
   *
   * @param moments Other times from which somebody still looks back.
   */
  prune(now: number, moments: readonly number[] = []): void {
    const kept = 2 * this.span + 2;
    const present = Math.floor(now / 1000);
    const ends = moments.map(moment => Math.floor(moment / 1000));
    for (const second of this.#buckets.keys()) {
      const matters = second >= present - kept || ends.some(end => second <= end && second >= end - kept);
      if (!matters) this.#buckets.delete(second);
    }
  }

  /** One value a second up to the last whole one. */
  series(now: number, span = this.span): Series {
    const out: Series = { x: [], hits: [], problems: [], late: [] };
    const end = Math.floor(now / 1000);
    for (let second = end - span; second < end; second += 1) {
      const bucket = this.#buckets.get(second);
      const known = this.#isKnown(second);
      out.x.push(second);
      out.hits.push(known ? (bucket?.hits ?? 0) : null);
      out.problems.push(known ? (bucket?.problems ?? 0) : null);
      out.late.push(known ? (bucket?.late ?? 0) : null);
    }
    return out;
  }

  /** Sums of the seconds from `ago` back to `ago + span`. */
  totals(now: number, span: number, ago = 0): Totals {
    const sums = { hits: 0, problems: 0, late: 0, known: 0 };
    const end = Math.floor(now / 1000) - ago;
    for (let second = end - span; second < end; second += 1) {
      const bucket = this.#buckets.get(second);
      if (this.#isKnown(second)) sums.known += 1;
      if (bucket === undefined) continue;
      sums.hits += bucket.hits;
      sums.problems += bucket.problems;
      sums.late += bucket.late;
    }
    return sums;
  }

  /** Measurements of the last seconds, sorted; all of them, the present second's too. */
  behind(now: number, span: number): number[] {
    const end = Math.floor(now / 1000);
    const all: number[] = [];
    for (let second = end - span; second <= end; second += 1) {
      all.push(...(this.#buckets.get(second)?.behind ?? []));
    }
    return all.sort((one, other) => one - other);
  }

  /** The median of every second; null where nothing was measured. */
  medians(now: number, span: number): (number | null)[] {
    const end = Math.floor(now / 1000);
    return Array.from({ length: span }, (_, place) => {
      const measured = this.#buckets.get(end - span + place)?.behind ?? [];
      return quantile(
        [...measured].sort((one, other) => one - other),
        0.5,
      );
    });
  }

  /** Hits a service, the most first. */
  services(now: number): [string, number][] {
    const sums = new Map<string, number>();
    const oldest = Math.floor(now / 1000) - this.span;
    for (const [second, bucket] of this.#buckets) {
      if (second < oldest) continue;
      for (const [service, count] of bucket.services) sums.set(service, (sums.get(service) ?? 0) + count);
    }
    return [...sums].sort((one, other) => other[1] - one[1] || one[0].localeCompare(other[0]));
  }

  #isKnown(second: number): boolean {
    const [from, to] = [second * 1000, second * 1000 + 999];
    if (to < this.#knownFrom || to > this.#knownTo) return false;
    return !this.#unknown.some(([start, end]) => from < end && to > start);
  }
}
