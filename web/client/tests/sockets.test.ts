/** Against real WebSocket and HTTP servers, with the package ws, as in Node 20. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import WebSocket, { WebSocketServer } from "ws";
import { type Client, connect, type Hit } from "../src/index.ts";

type Frame = Readonly<Record<string, unknown>>;

let server: WebSocketServer;
let client: Client | undefined;
let tickets: number;

beforeEach(async () => {
  tickets = 0;
  server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
});

afterEach(async () => {
  client?.close();
  for (const each of server.clients) each.terminate();
  await new Promise(resolve => server.close(resolve));
});

function start({ port } = server.address() as AddressInfo): Client {
  return connect({
    url: `ws://127.0.0.1:${port}`,
    ticket: () => {
      tickets += 1;
      return Promise.resolve(String(tickets));
    },
    pace: { firstRetry: 1, longestRetry: 2 },
    WebSocket,
  });
}

/** Serve hits 0, 1, 2 …, from the cursor on, and cut the line after each `run` of them. */
function serve(
  count: number,
  run: number,
): { readonly asks: Frame[]; readonly urls: (string | undefined)[] } {
  const asks: Frame[] = [];
  const urls: (string | undefined)[] = [];
  server.on("connection", (socket, { url }) => {
    urls.push(url);
    socket.on("message", data => {
      const ask = JSON.parse(String(data));
      asks.push(ask);
      const say = (frame: Frame) => socket.send(JSON.stringify({ v: 1, channel: "c", ...frame }));
      const from = Number(String(ask.cursor ?? "L000").slice(1));
      say({ type: "subscribed", id: ask.id });
      say({ type: "hits", id: ask.id, cursor: "P", hits: [{ id: String(Math.max(0, from - 1)) }] });
      say({ type: "live", id: ask.id, cursor: `L${String(from).padStart(3, "0")}` });
      for (let place = from; place < Math.min(count, from + run); place += 1)
        say({
          type: "hits",
          cursor: `L${String(place + 1).padStart(3, "0")}`,
          hits: [{ id: String(place) }],
        });
      socket.terminate();
    });
  });
  return { asks, urls };
}

test("a line that is cut again and again loses nothing and shows nothing twice", async () => {
  const { asks, urls } = serve(100, 7);
  client = start();
  const told: string[] = [];
  for await (const hit of client.subscribe({}, { snapshot: 1 })) {
    told.push(hit.id);
    if (told.length === 100) break;
  }
  expect(told).toEqual([...Array(100).keys()].map(String));
  expect(new Set(urls).size, "a new ticket for every connection").toBe(urls.length);
  expect(urls.length).toBeGreaterThan(10);
  expect(asks.length, "one subscribe a connection").toBe(urls.length);
});

test("a server that is not there yet is tried until it is", async () => {
  const there = server.address() as AddressInfo;
  await new Promise(resolve => server.close(resolve));
  client = start(there);
  const hits = client.subscribe({})[Symbol.asyncIterator]();
  const first = hits.next();
  while (tickets < 3) await new Promise(resolve => setImmediate(resolve));
  server = new WebSocketServer({ host: "127.0.0.1", port: there.port });
  serve(1, 1);
  expect((await first).value?.id).toBe("0");
});

test("where no socket opens the same hits come over HTTP, with fetch as it is", async () => {
  const pages: (string | null)[] = [];
  const http = createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://there");
    if (request.headers.upgrade) return;
    expect(request.headers.authorization).toBe("Bearer t0k3n");
    pages.push(url.searchParams.get("cursor"));
    const place = pages.length;
    const hits: Partial<Hit>[] = [{ id: String(place - 1) }, { id: String(place) }];
    response.setHeader("ETag", `"${place}"`);
    response.end(JSON.stringify({ hits, cursor: `L${place}` }));
  });
  http.on("upgrade", (_request, socket) => socket.destroy());
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const { port } = http.address() as AddressInfo;
  client = connect({
    url: `ws://127.0.0.1:${port}`,
    ticket: async () => "t",
    http: { url: `http://127.0.0.1:${port}`, token: () => "t0k3n" },
    pace: { firstRetry: 1, longestRetry: 2 },
    WebSocket,
  });
  const told: string[] = [];
  for await (const hit of client.subscribe({})) {
    told.push(hit.id);
    if (told.length === 5) break;
  }
  expect(told).toEqual(["0", "1", "2", "3", "4"]);
  expect(pages.slice(0, 3)).toEqual([null, "L1", "L2"]);
  expect(client.status).toBe("live");
  client.close();
  http.closeAllConnections();
  await new Promise(resolve => http.close(resolve));
});
