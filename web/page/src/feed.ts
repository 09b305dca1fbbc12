/** The page's side of the client: one subscription at a time, with whatever filter the bar says. */

import type { Client, Subscription } from "@livedex/client";
import { connect } from "@livedex/client";
import type { Pattern } from "./model/filter.ts";
import type { Status } from "./model/status.ts";

/** What could not be had, or only later. */
export interface Missed {
  /** Whether the client is fetching it. */
  readonly mended: boolean;
  readonly reason: string;
}

export interface Listener {
  /** @param live False for hits of a snapshot or a catch-up. */
  hits(hits: readonly unknown[], live: boolean): void;
  status(status: Status): void;
  missed(missed: Missed): void;
}

export interface Feed {
  /** Leave the present filter for another one. */
  follow(pattern: Pattern, snapshot: number, listener: Listener): void;
  /** Hits that came again and were dropped, since the filter was chosen. */
  readonly duplicates: number;
  /** Do not wait for the next try. */
  nudge(): void;
}

/**
 * A ping after so many milliseconds of silence, and how long its answer may take: somebody looks at
 * the pill, so it must not be green for long when nobody is at the other end.
 */
const PULSE = { heartbeat: 10_000, pong: 8_000 };

/** Over the page's own server, which knows the token; nobody else needs it. */
export function feed(origin: string): Feed {
  return new Followed(connect({ http: { url: origin, token: () => "the-page-server-has-it" }, pace: PULSE }));
}

class Followed implements Feed {
  #subscription: Subscription | null = null;
  #leave: (() => void) | null = null;

  constructor(readonly client: Client) {}

  get duplicates(): number {
    return this.#subscription?.duplicates ?? 0;
  }

  follow(pattern: Pattern, snapshot: number, listener: Listener): void {
    this.#subscription?.unsubscribe();
    let isCurrent = true;
    this.#leave?.();
    this.#leave = () => {
      isCurrent = false;
    };
    this.#subscription = this.client.subscribe(pattern, {
      snapshot,
      onHits: (hits, { live }) => {
        if (isCurrent) listener.hits(hits, live);
      },
      onStatus: (word, { why, code, retryIn }) => {
        const retryAt = retryIn === undefined ? null : Date.now() + retryIn;
        if (isCurrent) listener.status({ word, why: plain(why), code: code ?? "", retryAt });
      },
      onGap: ({ mended, reason }) => {
        if (isCurrent) listener.missed({ mended, reason });
      },
    });
  }

  nudge(): void {
    this.client.nudge();
  }
}

/** What browsers say when no answer came; each says it in words of its own. */
const NO_ANSWER = /^(failed to fetch|load failed|networkerror.*)$/i;

function plain(why: string): string {
  if (!NO_ANSWER.test(why)) return why;
  return navigator.onLine ? "the page's server does not answer" : "this device is offline";
}
