/** Rules of single parts. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { systemClock } from "../src/clock.ts";
import { parse } from "../src/frames.ts";
import { PACE, retry } from "../src/pace.ts";
import { REMEMBERED, Seen } from "../src/seen.ts";

describe("the ids that were told", () => {
  test("as many are remembered as the protocol asks for", () => {
    const seen = new Seen();
    const all = Array.from({ length: REMEMBERED + 1 }, (_, number) => String(number));
    expect(all.every(id => seen.isNew(id))).toBe(true);
    expect(REMEMBERED).toBe(100_000);
    expect(seen.isNew("1")).toBe(false);
    expect(seen.isNew("0")).toBe(true);
  });

  test("an id is new unless it is among the newest", () => {
    const ids = fc.array(fc.constantFrom(..."abcdef"));
    fc.assert(
      fc.property(ids, fc.integer({ min: 1, max: 6 }), (met, room) => {
        const seen = new Seen(room);
        let newest: string[] = [];
        for (const id of met) {
          expect(seen.isNew(id)).toBe(!newest.includes(id));
          newest = [...newest.filter(other => other !== id), id].slice(-room);
        }
      }),
    );
  });
});

test.each([1, 2, 7, 1_000_000])("the wait after %i failures is jittered in full and capped", failures => {
  expect(retry(PACE, failures, 0)).toBe(0);
  expect(retry(PACE, failures, 1)).toBe(Math.min(30_000, 500 * 2 ** (failures - 1)));
});

test("the heartbeat and its answer fit into the ten minutes after which API Gateway hangs up", () => {
  expect(PACE.heartbeat + PACE.pong).toBeLessThan(600_000);
});

test("whatever arrives, parsing gives a frame with a type", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), fc.uint8Array()), data => {
      expect(typeof parse(data).type).toBe("string");
    }),
  );
  expect(parse('{"type":"live","cursor":"L"}')).toEqual({ type: "live", cursor: "L" });
  expect(parse('{"message":"Internal server error"}').type).toBe("gateway-error");
});

test("the clock never goes back", () => {
  const clock = systemClock();
  const times = Array.from({ length: 1_000 }, () => clock.now());
  expect(times).toEqual([...times].sort((a, b) => a - b));
});

test("the clock goes on where either of the machine's clocks does", () => {
  const [wall, steady] = [Date.now, performance.now];
  let times = { wall: 1_000, steady: 5 };
  Date.now = () => times.wall;
  performance.now = () => times.steady;
  try {
    const clock = systemClock();
    times = { wall: 61_000, steady: 5 };
    expect(clock.now(), "asleep: the steady clock rested").toBe(60_000);
    times = { wall: 1_000, steady: 105 };
    expect(clock.now(), "the wall clock was set back").toBe(60_100);
  } finally {
    Date.now = wall;
    performance.now = steady;
  }
});
