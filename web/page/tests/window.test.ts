import { describe, expect, it } from "vitest";
import { LATE, Window } from "../src/model/window.ts";
import { at, NOW } from "./making.ts";

const SECOND = 1_000;

describe("the window", () => {
  it("counts by the second in which a hit was stored, whenever it arrives", () => {
    const window = new Window(4);
    window.known(0, NOW);
    for (const ago of [1, 1, 3]) window.add(at(NOW - ago * SECOND), null);
    expect(window.series(NOW).hits).toEqual([0, 1, 0, 2]);
  });

  it("says nothing about seconds that nobody can know", () => {
    const window = new Window(4);
    window.known(NOW - 3 * SECOND, NOW);
    window.add(at(NOW - 2 * SECOND), null);
    expect(window.series(NOW).hits).toEqual([null, 0, 1, 0]);
    window.unknown(NOW - 2 * SECOND, NOW - SECOND);
    expect(window.series(NOW).hits).toEqual([null, 0, null, 0]);
  });

  it("tells problems and late ones apart", () => {
    const window = new Window(2);
    window.known(0, NOW);
    window.add(at(NOW - SECOND, { attributes: { severity: "error" } }), null);
    window.add(at(NOW - SECOND, { timestamp: new Date(NOW - LATE - 5 * SECOND).toISOString() }), null);
    const series = window.series(NOW);
    expect([series.hits[1], series.problems[1], series.late[1]]).toEqual([2, 1, 1]);
    expect(window.totals(NOW, 2)).toEqual({ hits: 2, problems: 1, late: 1, known: 2 });
  });

  it("measures live hits only, and no late ones", () => {
    const window = new Window(10);
    window.add(at(NOW - SECOND), 40);
    window.add(at(NOW - SECOND), 20);
    window.add(at(NOW - SECOND), null);
    window.add(at(NOW - SECOND, { timestamp: new Date(0).toISOString() }), 1e12);
    expect(window.behind(NOW, 5)).toEqual([20, 40]);
    expect(window.medians(NOW, 2)).toEqual([null, 40]);
  });

  it("ranks services within the span, and lets go of what is older", () => {
    const window = new Window(10);
    for (const service of ["b", "a", "b"]) window.add(at(NOW - SECOND, { attributes: { service } }), null);
    window.add(at(NOW - 15 * SECOND, { attributes: { service: "old" } }), null);
    expect(window.services(NOW)).toEqual([
      ["b", 2],
      ["a", 1],
    ]);
    expect(window.totals(NOW, 10, 10).hits).toBe(1);
    window.prune(NOW + 60 * SECOND);
    expect(window.totals(NOW, 60).hits).toBe(0);
  });

  it("stays small however many services there are", () => {
    const window = new Window(10);
    for (let n = 0; n < 1_000; n += 1)
      window.add(at(NOW - SECOND, { attributes: { service: `s${n}` } }), null);
    const services = window.services(NOW);
    expect(services).toHaveLength(201);
    expect(services[0]).toEqual(["others", 800]);
  });
});
