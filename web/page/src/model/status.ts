/** What the pill says. */

import * as format from "./format.ts";

export type Word = "connecting" | "catching-up" | "live" | "lagged" | "offline" | "refused";

export interface Status {
  readonly word: Word;
  /** For people; empty where the word says it all. */
  readonly why: string;
  /** The server's stable word where it refused; else empty. */
  readonly code: string;
  /** When the next try begins, in ms since the epoch; null when none is planned. */
  readonly retryAt: number | null;
}

export interface Circumstances {
  readonly now: number;
  /** Milliseconds from a fact to here, at the median; null when it is not known. */
  readonly behind: number | null;
  /** When the newest hit was stored; null when there is none. */
  readonly newest: number | null;
  /** Hits that the present catch-up has brought. */
  readonly caught: number;
}

export interface Pill {
  readonly tone: "ok" | "warn" | "bad" | "idle";
  readonly word: string;
  readonly detail: string;
}

/** Milliseconds after which a value is old. */
export const OLD = 10_000;

const WAY_OUT: readonly [RegExp, string][] = [
  [/origin/iu, "Open the page at the address that `livedex run` printed."],
  [/filter/iu, "Change the filter."],
  [/ticket|token|unauthori[sz]ed|401|403/iu, "Reload; if that does not help, start `livedex run` again."],
];

export function pill(status: Status, at: Circumstances): Pill {
  switch (status.word) {
    case "connecting":
      return { tone: "idle", word: "connecting", detail: status.why };
    case "catching-up":
      return {
        tone: "idle",
        word: "catching up",
        detail: at.caught > 0 ? format.plural(at.caught, "hit") : "",
      };
    case "live":
      return { tone: "ok", word: "live", detail: freshness(at) };
    case "lagged":
      return { tone: "warn", word: "lagged", detail: status.why || "some hits came too late; fetching them" };
    case "offline":
      return { tone: "bad", word: "offline", detail: joined(status.why, nextTry(status.retryAt, at.now)) };
    case "refused":
      return { tone: "bad", word: "refused", detail: joined(status.why, wayOut(status.why)) };
  }
}

export function wayOut(why: string): string {
  return WAY_OUT.find(([found]) => found.test(why))?.[1] ?? "Reload to try again.";
}

export function nextTry(retryAt: number | null, now: number): string {
  if (retryAt === null) return "";
  const seconds = Math.ceil((retryAt - now) / 1000);
  return seconds > 0 ? `next try in ${seconds} s` : "trying now";
}

function freshness({ now, behind, newest }: Circumstances): string {
  if (newest === null) return "waiting for the first hit";
  if (now - newest > OLD) return `nothing new for ${format.age(now - newest)}`;
  return behind === null ? "" : `${format.duration(Math.max(0, behind)).join(" ")} behind`;
}

function joined(...parts: string[]): string {
  return parts.filter(Boolean).join(" · ");
}
