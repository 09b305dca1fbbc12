import { describe, expect, it } from "vitest";
import { choices } from "../src/model/choices.ts";
import type { Clause } from "../src/model/filter.ts";
import {
  add,
  fromPattern,
  readValue,
  remove,
  tailCommand,
  toPattern,
  typed,
  words,
} from "../src/model/filter.ts";
import { Seen } from "../src/model/seen.ts";
import { hit } from "./making.ts";

const NONE: readonly Clause[] = [];

describe("a filter", () => {
  it("is chips, a pattern and words", () => {
    let clauses = add(NONE, "service", "is", "payments");
    clauses = add(clauses, "service", "is", "orders");
    clauses = add(clauses, "latencyMs", ">", 10);
    clauses = add(clauses, "latencyMs", "<=", 500);
    clauses = add(clauses, "region", "starts with", "eu-");
    expect(toPattern(clauses)).toEqual({
      service: ["payments", "orders"],
      latencyMs: [{ numeric: [">", 10, "<=", 500] }],
      region: [{ prefix: "eu-" }],
    });
    expect(clauses.map(words)).toEqual(["payments, orders", "> 10 and <= 500", "eu-…"]);
    expect(fromPattern(toPattern(clauses))).toEqual(clauses);
    expect(remove(clauses, "service")).toHaveLength(2);
  });

  it("says nothing twice", () => {
    const once = add(add(NONE, "a", "is", 1), "b", "starts with", "x");
    expect(add(add(once, "a", "is", 1), "b", "starts with", "x")).toEqual(once);
  });

  it("never has a low bound over its high one", () => {
    const clauses = add(add(NONE, "n", "<", 10), "n", ">", 20);
    expect(toPattern(clauses)).toEqual({ n: [{ numeric: [">", 20] }] });
    expect(toPattern(add(clauses, "n", "<=", 5))).toEqual({ n: [{ numeric: ["<=", 5] }] });
  });

  it.each([
    null,
    [],
    { a: "b" },
    { a: [] },
    { a: [{ exists: true }] },
    { a: [[1]] },
    { a: [{ numeric: ["=", 1] }] },
    { a: [{ numeric: [">"] }] },
    { a: [{ numeric: [">", 1] }, { numeric: [">", 2] }] },
  ])("of %j is none that chips can say", pattern => {
    expect(fromPattern(pattern)).toBeNull();
  });

  it("is a command for the terminal, quoted for the shell", () => {
    expect(tailCommand({}, "acme")).toBe("livedex tail");
    expect(tailCommand({ a: ["it's"] }, "glo bex")).toBe(
      `livedex tail --tenant 'glo bex' --filter '{"a":["it'\\''s"]}'`,
    );
  });

  it.each([
    ["latencyMs>500", { key: "latencyMs", operator: ">", value: "500" }],
    [" latencyMs >= 5 ", { key: "latencyMs", operator: ">=", value: "5" }],
    ["service=payments", { key: "service", operator: "is", value: "payments" }],
    ["service:pay ments", { key: "service", operator: "is", value: "pay ments" }],
    ["region^eu", { key: "region", operator: "starts with", value: "eu" }],
    ["service", null],
    ["=x", null],
  ])("can be typed as %s", (text, wanted) => {
    expect(typed(text)).toEqual(wanted);
  });

  it("reads values as the attribute has them", () => {
    expect(readValue("5", "is", "number")).toBe(5);
    expect(readValue("5", "is", "text")).toBe("5");
    expect(readValue("true", "is", "boolean")).toBe(true);
    expect(readValue("x", ">", "number")).toBeNull();
    expect(readValue("", "<", "number")).toBeNull();
    expect(readValue("5", "starts with", "number")).toBe("5");
  });
});

describe("completion", () => {
  const seen = new Seen();
  seen.declare([
    { name: "service", kind: "text" },
    { name: "latencyMs", kind: "number" },
    { name: "retried", kind: "boolean" },
  ]);
  for (const service of ["orders", "payments", "payments"]) {
    seen.add(hit({ attributes: { service, retried: false, latencyMs: 5 } }));
  }
  const texts = (draft: Parameters<typeof choices>[1], text: string) =>
    choices(seen, draft, text).map(choice => choice.text);

  it("offers declared attributes first, and those that begin so before those that hold it", () => {
    expect(texts({ key: null, operator: null }, "").slice(0, 3)).toEqual(["service", "latencyMs", "retried"]);
    expect(texts({ key: null, operator: null }, "s")).toEqual(["service", "source", "latencyMs"]);
  });

  it("offers the operators that the kind has", () => {
    expect(texts({ key: "service", operator: null }, "")).toEqual(["is", "starts with"]);
    expect(texts({ key: "latencyMs", operator: null }, ">")).toEqual([">", ">="]);
  });

  it("offers the values that were seen, the most usual first, and what was typed", () => {
    expect(texts({ key: "service", operator: "is" }, "")).toEqual(["payments", "orders"]);
    expect(texts({ key: "service", operator: "is" }, "ord")).toEqual(["orders", "ord"]);
    expect(texts({ key: "latencyMs", operator: ">" }, "x")).toEqual([]);
    expect(choices(seen, { key: "retried", operator: "is" }, "")[0]).toMatchObject({ value: false });
  });

  it("knows which attributes are worth a column", () => {
    const of = new Seen();
    for (const region of ["eu", "us"]) {
      of.add(
        hit({ message: "sign-in ok", attributes: { service: "a", operation: "sign-in", region, ms: 5 } }),
      );
    }
    expect(of.columns(1)).toEqual(["region", "ms"]);
  });

  it("stays small, however many attributes and values come by", () => {
    const of = new Seen();
    for (let n = 0; n < 500; n += 1) of.add(hit({ attributes: { [`key${n}`]: n, same: `value ${n}` } }));
    expect(of.names().length).toBeLessThanOrEqual(64);
    expect(of.values("same").length).toBeLessThanOrEqual(200);
  });
});
