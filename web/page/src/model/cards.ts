/** What the four cards say: how much, how bad, whether all of it, how late. */

import type { Board } from "./board.ts";
import { fold, quantile, trend } from "./figures.ts";
import * as format from "./format.ts";
import { OLD } from "./status.ts";
import type { Totals } from "./window.ts";

/** Seconds that a figure speaks of, and before them as many that it is held against. */
const MINUTE = 60;

export interface Figure {
  readonly value: string;
  readonly unit: string;
  readonly side: string;
  readonly below: string;
  readonly spark: readonly (number | null)[];
  readonly tone: string;
  readonly isMeasured?: boolean;
}

/**
 * The figures of the present, or the last that were known.
 *
 * @param duplicates Hits that came again and were dropped.
 * @param doubt Milliseconds by which the clocks may differ, though they seem to agree.
 */
export function figures(board: Board, duplicates: number, doubt: number, now: number): Figure[] {
  const known = board.counted(now) - board.skew;
  const measured = board.measured(now) - board.skew;
  return [
    hits(board, known),
    problems(board, known),
    delivered(board, duplicates),
    latency(board, doubt, measured),
  ];
}

/** What an old value says of its age; null for one that is not. */
export function aged(at: number | null, now: number, verb: string): string | null {
  return at === null || now - at <= OLD ? null : `${verb} ${format.age(now - at)} ago`;
}

function hits(board: Board, here: number): Figure {
  const last = board.window.totals(here, MINUTE);
  const before = board.window.totals(here, MINUTE, MINUTE);
  const grown = areWhole(last, before) ? trend(last.hits, before.hits) : null;
  const known = Math.max(1, last.known);
  return {
    value: last.known === 0 ? "–" : format.rate(last.hits / known),
    unit: "/s",
    side: grown === null ? "" : format.trend(grown),
    below:
      last.known === 0
        ? "not known yet"
        : last.known >= MINUTE
          ? "in the last minute"
          : `in the last ${format.plural(known, "second")}`,
    spark: fold(board.window.series(here, MINUTE).hits, 2),
    tone: "",
  };
}

function problems(board: Board, here: number): Figure {
  const last = board.window.totals(here, MINUTE);
  const before = board.window.totals(here, MINUTE, MINUTE);
  const share = last.hits === 0 ? null : last.problems / last.hits;
  const was = before.hits === 0 || !areWhole(last, before) ? null : before.problems / before.hits;
  const grown = share === null || was === null ? null : trend(share, was);
  return {
    value: share === null ? "–" : format.rate(share * 100),
    unit: "%",
    side: grown === null ? "" : format.trend(grown),
    below:
      last.hits === 0
        ? ""
        : `${format.count(last.problems)} of ${format.plural(last.hits, "hit")} warn or fail`,
    spark: fold(board.window.series(here, MINUTE).problems, 2),
    tone: last.problems > 0 ? "bad" : "",
  };
}

function delivered(board: Board, duplicates: number): Figure {
  const missed = board.lost === 0 ? "0 missed" : `${format.plural(board.lost, "gap")} not mended`;
  const twice = duplicates === 0 ? "" : `, ${format.count(duplicates)} seen twice and dropped`;
  return {
    value: format.count(board.delivered),
    unit: board.delivered === 1 ? "hit" : "hits",
    side: `since ${format.minutes(board.since)}`,
    below: missed + twice,
    spark: [],
    tone: board.lost === 0 ? "" : "bad",
  };
}

function latency(board: Board, doubt: number, here: number): Figure {
  const sorted = board.window.behind(here, MINUTE);
  const [median, worst] = [quantile(sorted, 0.5), quantile(sorted, 0.99)];
  const [value, unit] = median === null ? ["–", "ms"] : format.duration(Math.max(0, median));
  const within = format.count(Math.ceil(doubt));
  const ahead = `${format.count(Math.abs(board.skew))} ms ${board.skew > 0 ? "ahead of" : "behind"} the server's`;
  return {
    value,
    unit: `${unit} p50`,
    side: worst === null ? "" : `${format.duration(Math.max(0, worst)).join(" ")} p99`,
    below: board.skew === 0 ? `clocks agree within ${within}\u00a0ms` : `our clock is ${ahead}`,
    spark: board.window.medians(here, MINUTE),
    tone: "",
    isMeasured: true,
  };
}

/** Whether two minutes can be held against each other: of half a minute half as much is known. */
function areWhole(...minutes: readonly Totals[]): boolean {
  return minutes.every(({ known }) => known === MINUTE);
}
