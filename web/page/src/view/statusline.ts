/** Is it alive: the pill, its detail, the banner, and what a screen reader hears of it. */

import type { Board } from "../model/board.ts";
import { quantile } from "../model/figures.ts";
import * as format from "../model/format.ts";
import { nextTry, OLD, pill, wayOut } from "../model/status.ts";
import { byId, write } from "./dom.ts";

/** The server's word for a filter that it does not take: the bar says it, where it can be mended. */
export const BAD_FILTER = "bad-filter";

export class StatusLine {
  #announced = "";

  /** @param again What the banner's button does: try now, or reload. */
  constructor(again: () => void) {
    byId("banner-button", HTMLButtonElement).addEventListener("click", again);
  }

  paint(board: Board, now: number): void {
    const behind = quantile(board.window.behind(now - board.skew, OLD / 1_000), 0.5);
    const said = pill(board.status, { now, behind, newest: board.newest, caught: board.caught });
    const place = byId("pill", HTMLElement);
    place.dataset["tone"] = said.tone;
    write(byId("pill-word", HTMLElement), said.word);
    write(byId("pill-detail", HTMLElement), said.detail);
    document.title = `${said.word} · livedex`;
    this.#announce(said.word);
    this.#paintBanner(board, now);
  }

  /** A screen reader hears of a new status, never of the numbers that go with it. */
  #announce(word: string): void {
    if (word === this.#announced) return;
    this.#announced = word;
    write(byId("announcer", HTMLElement), word);
  }

  #paintBanner(board: Board, now: number): void {
    const { word, why, code, retryAt } = board.status;
    const banner = byId("banner", HTMLElement);
    banner.hidden = (word !== "offline" && word !== "refused") || code === BAD_FILTER;
    if (banner.hidden) return;
    const isOffline = word === "offline";
    write(byId("banner-button", HTMLElement), isOffline ? "Try now" : "Reload");
    const sentences = isOffline
      ? [`Not connected${why === "" ? "" : `: ${why}`}.`, asOf(board), sentence(nextTry(retryAt, now))]
      : [`The server refused this page: ${why || "it did not say why"}.`, wayOut(why)];
    write(byId("banner-text", HTMLElement), sentences.filter(Boolean).join(" "));
  }
}

function asOf(board: Board): string {
  return board.asOf === null ? "" : `What you see is as of ${format.seconds(board.asOf)}.`;
}

function sentence(text: string): string {
  return text === "" ? "" : `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
