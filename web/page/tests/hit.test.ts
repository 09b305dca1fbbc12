import { describe, expect, it } from "vitest";
import { MAX_ATTRIBUTES, MAX_TEXT, readHit, serviceOf } from "../src/model/hit.ts";
import { hit, NOW, sent } from "./making.ts";

describe("a hit", () => {
  it("is read as it was sent", () => {
    const read = hit({ message: "done" });
    expect(read.message).toBe("done");
    expect(read.occurred).toBe(NOW);
    expect([...read.attributes.keys()]).toEqual(["service", "severity", "region", "latencyMs"]);
  });

  it.each([null, 3, "text", [], {}, { id: 3 }, { id: "a" }])("is not made of %j", value => {
    expect(readHit(value)).toBeNull();
  });

  it("is cut to what a line can show", () => {
    const attributes = Object.fromEntries(
      Array.from({ length: 90 }, (_, n) => [`key${n}`, "x".repeat(9_999)]),
    );
    const read = hit({ message: "y".repeat(30_000), attributes });
    expect(read.message).toHaveLength(MAX_TEXT + 1);
    expect(read.attributes.size).toBe(MAX_ATTRIBUTES);
    expect(read.attributes.get("key0")).toHaveLength(MAX_TEXT + 1);
  });

  it("that is only a pointer has nothing to say, and is still a hit", () => {
    const read = hit({ message: null, attributes: null, excerpt: null, href: "/v1/hits?id=a" });
    expect([read.message, read.attributes.size, read.state]).toEqual(["", 0, "none"]);
  });

  it.each([
    [{ severity: "ERROR" }, "bad"],
    [{ severity: "warning", status: "failed" }, "warn"],
    [{ level: "info", status: "declined" }, "ok"],
    [{ status: "timeout" }, "bad"],
    [{ status: 500 }, "none"],
    [{}, "none"],
  ])("with %j stands at %s", (attributes, state) => {
    expect(hit({ attributes }).state).toBe(state);
  });

  it("takes the first of several values, and passes objects over", () => {
    const read = hit({ attributes: { tags: ["a", "b"], deep: { a: 1 }, empty: [], none: null } });
    expect(Object.fromEntries(read.attributes)).toEqual({ tags: "a", none: null });
  });

  it("belongs to its service, else to its source", () => {
    expect(serviceOf(hit())).toBe("payments");
    expect(serviceOf(hit({ attributes: {}, source: "shop" }))).toBe("shop");
    expect(sent()["id"]).not.toBe(sent()["id"]);
  });
});
