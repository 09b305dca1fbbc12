/** What a page and its browser do to a client, in a world whose time the test tells. */

import { describe, expect, test, vi } from "vitest";
import { connect, type Options, Refused, type SubscribeOptions } from "../src/index.ts";
import { settle, World } from "./world.ts";

const F = { service: ["payments"] };

class Page {
  readonly world = new World();
  readonly window = new EventTarget();
  readonly document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  readonly stored = new Map<string, string>();
  readonly storage = {
    getItem: (key: string) => this.stored.get(key) ?? null,
    setItem: (key: string, value: string) => void this.stored.set(key, value),
  };
  readonly told: string[] = [];

  connect(options: Partial<Options> = {}) {
    const { window, document, storage } = this;
    return connect({ ...this.world.options, window, document, storage, ...options });
  }

  listening(options: SubscribeOptions = {}): SubscribeOptions {
    return { ...options, onHits: hits => void this.told.push(...hits.map(({ id }) => id)) };
  }

  async open(): Promise<void> {
    this.world.tickets.at(-1)?.answer("t");
    await settle();
    this.world.socket.tell("open");
  }

  async server(...frames: object[]): Promise<void> {
    for (const frame of frames) this.world.socket.tell("message", { data: JSON.stringify(frame) });
    await settle();
  }

  /** Answers the last subscribe with an empty catch-up. */
  async welcome(cursor: string): Promise<void> {
    const { id } = JSON.parse(this.world.socket.sent.at(-1) ?? "");
    await this.server({ type: "subscribed", id, channel: "c" }, { type: "live", id, channel: "c", cursor });
  }

  async hits(cursor: string, ...ids: string[]): Promise<void> {
    await this.server({ type: "hits", channel: "c", cursor, hits: ids.map(id => ({ id })) });
  }
}

async function live(options: SubscribeOptions = {}, page = new Page()) {
  const client = page.connect();
  const subscription = client.subscribe(F, page.listening(options));
  await page.open();
  await page.welcome("L1");
  expect(client.status).toBe("live");
  return { page, client, subscription };
}

describe("the browser", () => {
  test("going offline is believed at once: nothing is green that is dead", async () => {
    const { page, client } = await live();
    page.window.dispatchEvent(new Event("offline"));
    expect(client.status).toBe("offline");
    expect(client.detail.why).toBe("the browser is offline");
    expect(page.world.socket.closed).toBe(true);
  });

  test("coming online makes the next try soon", async () => {
    const { page, client } = await live();
    for (let times = 0; times < 8; times += 1) {
      page.window.dispatchEvent(new Event("offline"));
      await page.world.clock.pass(15_000);
    }
    page.window.dispatchEvent(new Event("offline"));
    expect(client.detail.retryIn).toBe(15_000);
    page.window.dispatchEvent(new Event("online"));
    expect(client.detail.retryIn).toBe(250);
    const before = page.world.tickets.length;
    await page.world.clock.pass(251);
    expect(page.world.tickets.length).toBe(before + 1);
  });

  test("so it does for a page that nobody looks at, and hiding one asks nothing", async () => {
    const { page, client } = await live();
    const before = page.world.socket.sent.length;
    page.document.visibilityState = "hidden";
    page.document.dispatchEvent(new Event("visibilitychange"));
    expect(page.world.socket.sent.length).toBe(before);
    page.world.chance = 0.9;
    page.window.dispatchEvent(new Event("offline"));
    page.world.chance = 0.1;
    page.window.dispatchEvent(new Event("online"));
    expect(client.detail.retryIn).toBe(50);
  });

  test("a page that is looked at again asks whether the socket still stands", async () => {
    const { page } = await live();
    const before = page.world.socket.sent.length;
    page.document.dispatchEvent(new Event("visibilitychange"));
    expect(page.world.socket.sent.slice(before)).toEqual(['{"type":"ping"}']);
  });

  test("after a sleep it is not called live until the server has answered", async () => {
    const { page, client } = await live();
    page.world.clock.sleep(3_600_000);
    await page.world.clock.pass(5_000);
    expect(client.status).toBe("connecting");
    expect(page.world.socket.sent.at(-1)).toBe('{"type":"ping"}');
    await page.server({ type: "pong" });
    expect(client.status).toBe("live");
  });

  test("after a sleep that the socket did not survive it comes back with its cursor", async () => {
    const { page, client } = await live();
    await page.hits("L2", "a");
    page.world.clock.sleep(3_600_000);
    await page.world.clock.pass(15_000);
    expect(client.status).toBe("offline");
    await page.world.clock.pass(500);
    await page.open();
    expect(JSON.parse(page.world.socket.sent[0] ?? "")).toMatchObject({ type: "subscribe", cursor: "L2" });
  });

  test("after close nothing listens and nothing waits", async () => {
    const { page, client } = await live();
    client.close();
    client.close();
    page.window.dispatchEvent(new Event("online"));
    page.document.dispatchEvent(new Event("visibilitychange"));
    expect(client.status).toBe("offline");
    expect(page.world.clock.pending).toBe(0);
    expect(page.world.socket.closed).toBe(true);
    expect(() => client.subscribe(F)).toThrow("closed");
    expect(client.send({})).toBe(false);
  });
});

describe("a cursor kept in the storage", () => {
  test("a page that is loaded again goes on where it was", async () => {
    const { page, client } = await live({ keep: "dashboard" });
    await page.hits("L5", "a");
    client.close();
    const again = page.connect();
    expect(again.subscribe(F, { keep: "dashboard", snapshot: 5 }).cursor).toBe("L5");
    expect(again.subscribe(F, { keep: "another" }).cursor).toBeUndefined();
    expect(again.subscribe({ other: [1] }, { keep: "dashboard" }).cursor, "another filter").toBeUndefined();
    expect(again.subscribe(F, { keep: "dashboard", cursor: "L7" }).cursor).toBe("L7");
  });

  test("what is still owed is kept with it", async () => {
    const { page, client } = await live({ keep: "k" });
    await page.server({ type: "gap", channel: "c", since: "L0" });
    await page.server({ type: "gap", channel: "c", since: "K9" });
    client.close();
    const again = page.connect();
    again.subscribe(F, page.listening({ keep: "k" }));
    await page.open();
    await page.welcome("L9");
    expect(JSON.parse(page.world.socket.sent.at(-1) ?? "")).toMatchObject({
      type: "subscribe",
      cursor: "K9",
    });
  });

  test("it is written once a second, and when the page goes", async () => {
    const page = new Page();
    const setItem = vi.spyOn(page.storage, "setItem");
    await live({ keep: "k" }, page);
    const before = setItem.mock.calls.length;
    for (let number = 2; number < 9; number += 1) await page.hits(`L${number}`, String(number));
    expect(setItem.mock.calls.length).toBe(before);
    await page.world.clock.pass(1_000);
    await page.hits("L9", "9");
    expect(setItem.mock.calls.length).toBe(before + 1);
    await page.hits("LA", "a");
    page.window.dispatchEvent(new Event("pagehide"));
    expect([...page.stored.values()][0]).toContain('"LA"');
    await page.hits("LB", "b");
    page.document.visibilityState = "hidden";
    page.document.dispatchEvent(new Event("visibilitychange"));
    expect([...page.stored.values()][0]).toContain('"LB"');
  });

  test.each(["full", "forbidden", "spoilt"])("a storage that is %s is survived", async how => {
    const page = new Page();
    const fail = () => {
      throw new DOMException(how, "QuotaExceededError");
    };
    if (how !== "spoilt") page.storage.setItem = fail;
    if (how === "forbidden") page.storage.getItem = fail;
    page.stored.set("livedex k", "{spoilt");
    const { client, subscription } = await live({ keep: "k" }, page);
    await page.hits("L2", "a");
    expect(page.told).toEqual(["a"]);
    expect(subscription.cursor).toBe("L2");
    client.close();
  });
});

describe("iteration", () => {
  async function iterating() {
    const page = new Page();
    const client = page.connect();
    const subscription = client.subscribe(F, { cursor: "L0", keep: "k" });
    await page.open();
    return { page, client, subscription, hits: subscription[Symbol.asyncIterator]() };
  }

  test("gives each hit, and ends with the subscription", async () => {
    const { page, subscription, hits } = await iterating();
    await page.welcome("L1");
    await page.hits("L2", "a", "b");
    await page.hits("L3", "b", "c");
    const next = async () => (await hits.next()).value?.id;
    expect([await next(), await next(), await next()]).toEqual(["a", "b", "c"]);
    const last = hits.next();
    subscription.unsubscribe();
    expect(await last).toEqual({ done: true, value: undefined });
  });

  test("throws what the server refused it with", async () => {
    const { page, hits } = await iterating();
    const refused = expect(hits.next()).rejects.toThrow(new Refused("bad-filter", "colour is no attribute"));
    await page.server({ type: "error", id: "1", code: "bad-filter", text: "colour is no attribute" });
    await refused;
  });

  test("holds the next page back until what came has been read, and keeps no cursor beyond it", async () => {
    const { page, hits } = await iterating();
    await page.server({ type: "subscribed", id: "1", channel: "c" });
    const before = page.world.socket.sent.length;
    await page.server({ type: "hits", id: "1", channel: "c", cursor: "P1", more: true, hits: [{ id: "a" }] });
    await page.world.clock.pass(50_000);
    expect(page.world.socket.sent.length).toBe(before);
    expect([...page.stored.values()].join()).not.toContain("P1");
    await hits.next();
    void hits.next();
    await settle();
    expect(JSON.parse(page.world.socket.sent.at(-1) ?? "")).toMatchObject({ type: "more", cursor: "P1" });
    expect([...page.stored.values()].join()).toContain("P1");
  });

  test("is for subscriptions without onHits", async () => {
    const { subscription } = await live();
    await expect(subscription[Symbol.asyncIterator]().next()).rejects.toThrow(TypeError);
  });
});

describe("the page's own functions", () => {
  test("one that throws disturbs nobody else, and is told to whoever listens for errors", async () => {
    const caught: unknown[] = [];
    const thrown = new Error("the page's mistake");
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", error => caught.push(error));
    try {
      const page = new Page();
      const client = page.connect();
      const subscription = client.subscribe(F, {
        onHits: () => {
          throw thrown;
        },
      });
      await page.open();
      await page.welcome("L1");
      await page.hits("L2", "a");
      expect(subscription.cursor).toBe("L2");
      expect(client.status).toBe("live");
      expect(caught).toEqual([thrown]);
    } finally {
      process.removeAllListeners("uncaughtException");
      for (const each of listeners) process.on("uncaughtException", each);
    }
  });

  test("one that closes the client in the middle of a frame is told no more", async () => {
    const page = new Page();
    const client = page.connect();
    const told: string[] = [];
    for (const name of ["a", "b"])
      client.subscribe(F, {
        onHits: () => {
          told.push(name);
          client.close();
        },
      });
    await page.open();
    await page.server(
      { type: "subscribed", id: "1", channel: "c" },
      { type: "subscribed", id: "2", channel: "c" },
    );
    await page.hits("L2", "x");
    expect(told).toEqual(["a"]);
    expect(page.world.clock.pending).toBe(0);
  });

  test("frames of its own wait for a connection, a hundred at most, none longer than the gateway takes", async () => {
    const page = new Page();
    const client = page.connect();
    for (let number = 0; number < 100; number += 1) expect(client.send({ number })).toBe(true);
    expect(client.send({ number: 100 })).toBe(false);
    expect(() => client.send({ text: "漢".repeat(11_000) })).toThrow(RangeError);
    await page.open();
    expect(page.world.socket.sent.map(text => JSON.parse(text).number)).toEqual([...Array(100).keys()]);
  });
});

describe("over HTTP", () => {
  const pointer = { id: "a", href: "/v1/hits?id=a" };

  test("a pointer's whole hit is fetched when it is asked for", async () => {
    const { page, client } = await live();
    const whole = client.fetchHit(pointer as never);
    const byId = client.fetchHit("b/c");
    await settle();
    expect(page.world.requests.map(({ what }) => what)).toEqual([
      "https://there/v1/hits?id=a",
      "https://there/v1/hits?id=b%2Fc",
    ]);
    page.world.requests[0]?.answer(Response.json({ hits: [{ id: "a", message: "whole" }] }));
    page.world.requests[1]?.answer(Response.json({ hits: [] }));
    expect(await whole).toEqual({ id: "a", message: "whole" });
    expect(await byId).toBeUndefined();
  });

  test("a page tells whether there is more, by its body or by its Link", async () => {
    const { page, client } = await live();
    const asked = client.fetchPage({ filter: F, cursor: "L1", limit: 2 });
    await settle();
    const headers = { Link: '</v1/hits?cursor=P1>; rel="next"', ETag: '"e"' };
    page.world.requests[0]?.answer(Response.json({ hits: [{ id: "a" }, {}], cursor: "P1" }, { headers }));
    expect(await asked).toEqual({
      hits: [{ id: "a" }],
      cursor: "P1",
      more: true,
      tag: '"e"',
      gap: undefined,
    });
  });

  test.each([
    [403, "<html>", Refused, "/v1/hits answered HTTP 403"],
    [429, "", Error, "/v1/hits answered HTTP 429"],
    [503, '{"error":{"code":"unavailable","text":"later"}}', Error, "later"],
    [400, '{"error":{"code":"bad-query","text":"limit"}}', Refused, "limit"],
  ])("an answer with %i says why", async (status, body, kind, message) => {
    const { page, client } = await live();
    const asked = client.fetchPage({ filter: F });
    await settle();
    page.world.requests[0]?.answer(new Response(body, { status }));
    const error = await asked.catch((trouble: unknown) => trouble);
    expect(error).toBeInstanceOf(kind);
    expect(error instanceof Refused).toBe(kind === Refused);
    expect((error as Error).message).toBe(message);
  });

  test("tickets come from the HTTP API where no other way to get them is given", async () => {
    const { clock, random, WebSocket, fetch, http } = new World().options;
    const world = new World();
    connect({ clock, random, WebSocket: world.options.WebSocket, fetch: world.options.fetch, http });
    await settle();
    expect(world.requests[0]?.what).toBe("https://there/v1/tickets");
    world.requests[0]?.answer(
      Response.json({ ticket: "a/b=", url: "wss://elsewhere/live" }, { status: 201 }),
    );
    await settle();
    expect(world.socket.url).toBe("wss://elsewhere/live?ticket=a%2Fb%3D");
    expect(() => connect({ clock, random, WebSocket, fetch })).toThrow("connect needs");
    expect(() => connect({ http, WebSocket: undefined as never })).toThrow("that of ws");
  });
});
