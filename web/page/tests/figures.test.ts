import { describe, expect, it } from "vitest";
import { fold, line, quantile, trend } from "../src/model/figures.ts";
import * as format from "../src/model/format.ts";

describe("figures", () => {
  it("find quantiles of sorted values", () => {
    const values = Array.from({ length: 100 }, (_, n) => n + 1);
    expect([quantile(values, 0.5), quantile(values, 0.99), quantile(values, 1)]).toEqual([51, 100, 100]);
    expect(quantile([], 0.5)).toBeNull();
    expect(quantile([7], 0.99)).toBe(7);
  });

  it("say how much something grew, where that means something", () => {
    expect(trend(104, 100)).toBeCloseTo(0.04);
    expect(trend(0, 10)).toBe(-1);
    expect([trend(5, 0), trend(Number.NaN, 1), trend(1, Number.POSITIVE_INFINITY)]).toEqual([
      null,
      null,
      null,
    ]);
  });

  it("draw a line with holes where nothing is known", () => {
    expect(line([0, 2, null, 1], 30, 10)).toBe("M0 10L10 0M30 5");
    expect(line([0, 0], 10, 10)).toBe("M0 10L10 10");
    expect(line([], 10, 10)).toBe("");
  });

  it("fold neighbours, and keep what is unknown unknown", () => {
    expect(fold([1, 2, 3, 4, 5], 2)).toEqual([5, 9]);
    expect(fold([1, null, 3, 4], 2)).toEqual([null, 7]);
  });
});

describe("formats", () => {
  it.each([
    [58, "58 ms"],
    [1_240, "1.2 s"],
    [90_000, "2 min"],
    [86_400_000, "24 h"],
    [864_000_000, "10 days"],
  ])("say %d ms as %s", (ms, said) => {
    expect(format.duration(ms).join(" ")).toBe(said);
  });

  it("say trends with an arrow, not with a colour alone", () => {
    expect([0.04, -0.12, 0.001, 99].map(format.trend)).toEqual(["▲ 4 %", "▼ 12 %", "± 0 %", "▲ > 999 %"]);
  });

  it("say ages, counts and values", () => {
    expect([0, 12_345, 130_000, 7_300_000].map(format.age)).toEqual(["0 s", "12 s", "2 min", "2 h"]);
    expect([format.plural(1, "hit"), format.plural(2_771, "hit")]).toEqual(["1 hit", "2,771 hits"]);
    expect([format.rate(46.23), format.rate(1_000.4)]).toEqual(["46.2", "1,000"]);
    expect(format.value("latencyMs", 940.4)).toBe("940 ms");
    expect([format.value("ok", true), format.value("n", 2.345), format.value("x", null)]).toEqual([
      "true",
      "2.35",
      "",
    ]);
  });

  it("say times in the reader's own zone", () => {
    const noon = new Date(2026, 10, 22, 14, 32, 41, 828).getTime();
    expect(format.clock(noon)).toBe("14:32:41.828");
    expect(format.tenths(noon, noon)).toBe("14:32:41.8");
    expect(format.tenths(noon, noon + 86_400_000)).toBe("2026-11-22 14:32:41.8");
  });
});
