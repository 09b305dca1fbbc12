/** The lower rung: the same subscriptions and the same cursors, by one long request after another. */

import type { Clock } from "./clock.ts";
import { type Http, type Page, page } from "./http.ts";
import { Refused } from "./news.ts";
import type { Pace } from "./pace.ts";
import type { Progress } from "./progress.ts";
import type { Listener } from "./session.ts";

/** Hits of a page: the most that one search gives. */
const PAGE = 2_000;

export interface Polling<P extends Progress> {
  readonly http: Http;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly pace: Pace;
  /** Aborted when the client does something else. */
  readonly signal: AbortSignal;
  readonly listener: Listener<P>;
  /** An answer has been taken. */
  settled(): void;
}

/** Ask until aborted; throws what `page` throws, or when an answer does not come in time. */
export async function poll<P extends Progress>(progress: P, on: Polling<P>): Promise<void> {
  const { clock, pace, signal } = on;
  let tag: string | undefined;
  let keptSince = clock.now();
  while (!signal.aborted && progress.active) {
    const before = progress.cursor;
    const got = await answered(progress, tag, on);
    if (signal.aborted || !progress.active) return;
    take(progress, got, clock.now() > keptSince + pace.upgrade, on);
    on.settled();
    let rest = got !== undefined && progress.cursor === before;
    tag = rest ? (got?.tag ?? tag) : undefined;
    if (!rest) keptSince = clock.now();
    while (!signal.aborted && (rest || progress.held())) {
      rest = false;
      await pause(pace.pollRest, on);
    }
  }
}

/**
 * Take an answer; undefined where the server does not take the cursor.
 *
 * Where nothing is new the cursor stays, so that the same can be asked again by its tag; unless it has stayed
 * for so long (`renew`) that it might expire.
 */
function take<P extends Progress>(progress: P, got: Page | undefined, renew: boolean, on: Polling<P>): void {
  if (got === undefined) {
    progress.cursor = undefined;
    on.listener.gap(progress, { mended: false, reason: "unknown-cursor", from: null });
    return;
  }
  if (got.gap) on.listener.gap(progress, got.gap);
  const begins = progress.cursor === undefined;
  const live = progress.phase === "live";
  const fresh = progress.take(begins && progress.snapshot === 0 ? [] : got.hits, undefined);
  if (fresh.length > 0) on.listener.hits(progress, fresh, live);
  const isNew = begins || fresh.length > 0 || got.more || renew;
  progress.polled(isNew ? got.cursor : undefined, got.more);
}

async function answered<P extends Progress>(
  progress: P,
  tag: string | undefined,
  on: Polling<P>,
): Promise<Page | undefined> {
  const { filter, cursor, snapshot, conflate } = progress;
  const wait = progress.phase === "live" ? on.pace.poll : 0;
  const limit = cursor !== undefined ? PAGE : snapshot === undefined ? undefined : Math.max(1, snapshot);
  const late = new AbortController();
  const cancel = on.clock.after(wait + on.pace.answer, () => late.abort());
  try {
    const request = { filter, cursor, limit, wait: wait > 0 ? wait / 1_000 : undefined, tag, conflate };
    return await page(on.http, request, on.fetch, AbortSignal.any([on.signal, late.signal]));
  } catch (error) {
    if (late.signal.aborted) throw new Error("the server did not answer in time", { cause: error });
    if (!(error instanceof Refused) || error.code !== "bad-cursor" || cursor === undefined) throw error;
    return undefined;
  } finally {
    cancel();
  }
}

function pause<P extends Progress>(milliseconds: number, on: Polling<P>): Promise<void> {
  return new Promise(resolve => {
    const cancel = on.clock.after(milliseconds, resolve);
    on.signal.addEventListener("abort", () => {
      cancel();
      resolve();
    });
  });
}
