import { describe, expect, it } from "vitest";
import { Board, SNAPSHOT } from "../src/model/board.ts";
import type { Word } from "../src/model/status.ts";
import { pill } from "../src/model/status.ts";
import { NOW, sent } from "./making.ts";

const SECOND = 1_000;

function status(word: Word, why = "") {
  return { word, why, code: "", retryAt: null };
}

function live(now = NOW): Board {
  const board = new Board();
  board.restart(now);
  board.become(status("catching-up"), now);
  board.become(status("live"), now);
  for (let at = now; at <= now + 3 * SECOND; at += 250) board.tick(at);
  return board;
}

describe("the board", () => {
  it("leaves no mark for the first connection, and none for mere doubt", () => {
    const board = live();
    board.become(status("connecting"), NOW + 4 * SECOND);
    board.become(status("live"), NOW + 5 * SECOND);
    expect(board.rows.shown).toBe(0);
  });

  it("marks a lost connection from when all was last known, and counts what was caught up", () => {
    const board = live();
    board.become(status("offline"), NOW + 60 * SECOND);
    const mark = board.rows.at(0)?.mark;
    expect([mark?.from, mark?.to]).toEqual([NOW + 3 * SECOND, null]);
    board.become(status("connecting"), NOW + 61 * SECOND);
    board.become(status("catching-up"), NOW + 62 * SECOND);
    board.take([sent(), sent()], false, NOW + 62 * SECOND);
    expect(board.caught).toBe(2);
    board.take([sent()], true, NOW + 62 * SECOND);
    board.become(status("live"), NOW + 63 * SECOND);
    expect(mark).toMatchObject({ to: NOW + 63 * SECOND, caught: 2, missing: "" });
    expect([board.delivered, board.lost]).toEqual([3, 0]);
  });

  it("marks what could not be had, for good, and does not draw it as nothing", () => {
    const board = live();
    board.become(status("offline"), NOW + 4 * SECOND);
    board.become(status("catching-up"), NOW + 20 * SECOND);
    board.missed(false, "expired", NOW + 20 * SECOND);
    board.become(status("live"), NOW + 21 * SECOND);
    expect(board.rows.at(0)?.mark?.missing).toBe("expired");
    expect(board.lost).toBe(1);
    expect(board.window.series(NOW + 22 * SECOND, 5).hits).toContain(null);
  });

  it("does not believe the first look after a sleep", () => {
    const board = live();
    const woken = NOW + 3_600 * SECOND;
    board.tick(woken);
    expect(board.asOf).toBe(NOW + 3 * SECOND);
    board.become(status("offline"), woken + 10);
    expect(board.rows.at(0)?.mark?.from).toBe(NOW + 3 * SECOND);
  });

  it("knows of the time before only what a full snapshot reaches back to", () => {
    const full = new Board();
    full.restart(NOW);
    const oldest = NOW - 10 * SECOND;
    full.take(
      Array.from({ length: SNAPSHOT }, (_, n) => sent({ ingested: oldest + n })),
      false,
      NOW,
    );
    full.become(status("live"), NOW);
    expect(full.window.totals(NOW, 60).known).toBe(10);
    const all = new Board();
    all.restart(NOW);
    all.take([sent({ ingested: oldest })], false, NOW);
    all.become(status("live"), NOW);
    expect(all.window.totals(NOW, 60).known).toBe(60);
  });

  it("begins anew with another filter", () => {
    const board = live();
    board.take([sent()], true, NOW);
    board.rows.hold(true);
    board.restart(NOW + SECOND);
    expect([board.delivered, board.rows.shown, board.newest]).toEqual([0, 0, null]);
    expect(board.rows.holding).toBe(true);
  });
});

describe("the pill", () => {
  const at = { now: NOW, behind: 58, newest: NOW, caught: 104 };

  it.each([
    ["connecting", "idle", ""],
    ["catching-up", "idle", "104 hits"],
    ["live", "ok", "58 ms behind"],
    ["lagged", "warn", "some hits came too late; fetching them"],
    ["offline", "bad", ""],
    ["refused", "bad", "Reload to try again."],
  ] as const)("says %s in its own colour", (word, tone, detail) => {
    expect(pill(status(word), at)).toMatchObject({ tone, detail });
  });

  it("is never green unless all is well", () => {
    const words: Word[] = ["connecting", "catching-up", "lagged", "offline", "refused"];
    expect(words.map(word => pill(status(word), at).tone)).not.toContain("ok");
  });

  it("says when the next try is", () => {
    const offline = { ...status("offline", "no network"), retryAt: NOW + 3_200 };
    expect(pill(offline, at).detail).toBe("no network · next try in 4 s");
    expect(pill({ ...offline, retryAt: NOW }, at).detail).toBe("no network · trying now");
  });

  it("says how old the newest hit is when it is old", () => {
    expect(pill(status("live"), { ...at, newest: NOW - 12_345 }).detail).toBe("nothing new for 12 s");
    expect(pill(status("live"), { ...at, newest: null }).detail).toBe("waiting for the first hit");
  });

  it("says the way out of a refusal", () => {
    expect(pill(status("refused", "The ticket is unknown"), at).detail).toMatch(/Reload/);
    expect(pill(status("refused", "The filter on x is a list"), at).detail).toMatch(/Change the filter/);
  });
});
