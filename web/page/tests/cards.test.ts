import { describe, expect, it } from "vitest";
import { Board } from "../src/model/board.ts";
import { aged, figures } from "../src/model/cards.ts";
import type { Word } from "../src/model/status.ts";
import { NOW, sent } from "./making.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

function status(word: Word) {
  return { word, why: "", code: "", retryAt: null };
}

/** Live until `NOW`, with one hit in each of the last 150 seconds, a problem in every third. */
function busy(): Board {
  const board = new Board();
  const begun = NOW - 150 * SECOND;
  board.restart(begun);
  board.become(status("live"), begun);
  for (let now = begun; now <= NOW; now += SECOND) {
    const severity = (now / SECOND) % 3 === 0 ? "error" : "info";
    const timestamp = new Date(now - 40).toISOString();
    const fields = { ingested: now, timestamp, attributes: { service: "payments", severity } };
    board.take([sent(fields)], true, now);
    board.tick(now);
  }
  return board;
}

const said = (board: Board, now: number) =>
  figures(board, 0, 8, now).map(({ value, unit, side }) => [value, unit, side].join(" ").trim());

describe("the cards", () => {
  it("say how much there was in the last minute, and how much that grew", () => {
    expect(said(busy(), NOW)).toEqual([
      "1.0 /s ± 0 %",
      "33.3 % ± 0 %",
      expect.stringMatching(/^151 hits since/),
      "40 ms p50 40 ms p99",
    ]);
  });

  it.each([12 * SECOND, 5 * MINUTE])("keep what was last known when %d ms are not", gone => {
    const board = busy();
    const before = said(board, NOW);
    board.become(status("offline"), NOW + SECOND);
    for (let now = NOW + SECOND; now <= NOW + gone; now += SECOND) board.tick(now);
    expect(said(board, NOW + gone)).toEqual(before);
    expect(board.window.services(board.counted(NOW + gone))).toEqual([["payments", 121]]);
  });

  it("keep how late the last hits came when none come", () => {
    const board = busy();
    for (let now = NOW + SECOND; now <= NOW + 5 * MINUTE; now += SECOND) board.tick(now);
    const [rate, , , late] = said(board, NOW + 5 * MINUTE);
    expect([rate, late]).toEqual(["0.0 /s", "40 ms p50 40 ms p99"]);
  });

  it("hold no half minute against a whole one", () => {
    const board = busy();
    board.window.unknown(NOW - 20 * SECOND, NOW - 10 * SECOND);
    expect(
      figures(board, 0, 8, NOW)
        .slice(0, 2)
        .map(({ side }) => side),
    ).toEqual(["", ""]);
  });

  it("say the age of what is older than ten seconds", () => {
    expect([aged(NOW, NOW + 9 * SECOND, "as of"), aged(null, NOW, "as of")]).toEqual([null, null]);
    expect(aged(NOW, NOW + 12 * SECOND, "as of")).toBe("as of 12 s ago");
  });
});
