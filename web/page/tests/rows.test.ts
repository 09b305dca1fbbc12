import { describe, expect, it } from "vitest";
import { Rows } from "../src/model/rows.ts";
import { range, reveal } from "../src/model/virtual.ts";
import { at, NOW } from "./making.ts";

function ages(rows: Rows): (number | null)[] {
  return Array.from({ length: rows.shown }, (_, place) => {
    const row = rows.at(place);
    return row?.hit ? (NOW - row.hit.ingested) / 1_000 : null;
  });
}

function filled(limit: number, ...agos: number[]): Rows {
  const rows = new Rows(limit);
  for (const ago of agos) rows.add(at(NOW - ago * 1_000));
  return rows;
}

const MARK = { from: NOW, to: null, caught: 0, missing: "", cause: "lost" } as const;

describe("rows", () => {
  it("are newest first, also when the older arrive later", () => {
    expect(ages(filled(100, 9, 3, 5, 1))).toEqual([1, 3, 5, 9]);
  });

  it("keep what was caught up above the mark of its gap", () => {
    const rows = filled(100, 5);
    rows.mark({ ...MARK });
    rows.add(at(NOW - 1_000));
    rows.add(at(NOW - 9_000));
    expect(ages(rows)).toEqual([1, 9, null, 5]);
  });

  it("hold still while told to, and say how many wait", () => {
    const rows = filled(100, 5, 4);
    rows.hold(true);
    rows.add(at(NOW));
    rows.add(at(NOW - 9_000));
    expect(ages(rows)).toEqual([4, 5]);
    expect(rows.waiting).toBe(2);
    rows.hold(false);
    expect([rows.shown, rows.waiting]).toEqual([4, 0]);
  });

  it("are bounded, and drop the oldest", () => {
    const rows = new Rows(100);
    for (let n = 0; n < 10_000; n += 1) rows.add(at(NOW + n));
    expect(rows.shown).toBeGreaterThanOrEqual(100);
    expect(rows.shown).toBeLessThanOrEqual(110);
    expect(rows.at(0)?.hit?.ingested).toBe(NOW + 9_999);
  });

  it("are bounded while they hold still, too", () => {
    const rows = filled(100, 5, 4);
    rows.hold(true);
    for (let n = 0; n < 1_000; n += 1) rows.add(at(NOW + n));
    expect(rows.shown + rows.waiting).toBeLessThanOrEqual(110);
    expect(rows.shown).toBe(0);
  });

  it("keep their names, whatever comes above them", () => {
    const rows = filled(100, 5, 4);
    const key = rows.at(1)?.key ?? 0;
    rows.add(at(NOW));
    expect(rows.placeOf(key)).toBe(2);
    expect(rows.placeOf(-1)).toBe(-1);
  });
});

describe("the part of a long list that is worth having", () => {
  it.each([
    [0, 320, 100, { first: 0, last: 12 }],
    [-500, 320, 100, { first: 0, last: 0 }],
    [-160, 320, 100, { first: 0, last: 7 }],
    [1_600, 320, 100, { first: 48, last: 62 }],
    [3_100, 320, 100, { first: 94, last: 100 }],
    [99_999, 320, 100, { first: 100, last: 100 }],
    [0, 320, 0, { first: 0, last: 0 }],
  ])("scrolled by %d px of rows of 32: %j", (top, seen, count, wanted) => {
    expect(range(top, seen, 32, count, 2)).toEqual(wanted);
  });

  it("reveals a row with the least scrolling", () => {
    expect(reveal(10, 32, 100, 500)).toBe(-90);
    expect(reveal(490, 32, 100, 500)).toBe(22);
    expect(reveal(200, 32, 100, 500)).toBe(0);
  });
});
