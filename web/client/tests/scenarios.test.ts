/** The scenarios of `tests/scenarios`, which the Python client plays as well. Their README tells the steps. */

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Client, connect, type Gap, Refused, type Status, type Subscription } from "../src/index.ts";
import { settle, type TestSocket, World } from "./world.ts";

type Step = Readonly<Record<string, unknown>>;
type Fields = Readonly<Record<string, unknown>>;
interface Scenario {
  readonly name: string;
  readonly pace?: Fields;
  readonly steps: readonly Step[];
}

const FOLDER = new URL("../../../tests/scenarios/", import.meta.url);

class Play {
  readonly #world = new World();
  readonly #statuses: Status[] = ["connecting"];
  readonly #notices: string[] = [];
  readonly #gaps: Gap[] = [];
  readonly #told = new Map<string, string[]>();
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #client: Client;
  #heard = 0;
  #sockets = 0;
  #tickets = 0;
  #requests = 0;

  constructor(pace: Fields = {}) {
    this.#client = connect({
      ...this.#world.options,
      pace: Object.fromEntries(
        Object.entries(pace).map(([name, seconds]) => [name, Number(seconds) * 1_000]),
      ),
      onStatus: status => this.#statuses.push(status),
      onNotice: code => this.#notices.push(code),
    });
  }

  async run(step: Step): Promise<void> {
    for (const [word, value] of Object.entries(step)) {
      const act = this.#acts[word];
      if (act === undefined) throw new Error(`there is no step "${word}"`);
      await act(value as never);
    }
    await settle();
  }

  async end(): Promise<void> {
    this.#client.close();
    await settle();
    expect(this.#world.clock.pending, "timers after the end").toBe(0);
  }

  readonly #acts: Readonly<Record<string, (value: never) => void | Promise<void>>> = {
    subscribe: ({ as = "a", filter, ...options }: { as?: string; filter: Fields }) => {
      this.#told.set(as, []);
      const subscription = this.#client.subscribe(filter, {
        ...options,
        onHits: hits => this.#told.get(as)?.push(...hits.map(({ id }) => id)),
        onGap: gap => this.#gaps.push(gap),
      });
      this.#subscriptions.set(as, subscription);
    },
    unsubscribe: (as: string) => this.#subscriptions.get(as)?.unsubscribe(),
    send: (frame: object) => expect(this.#client.send(frame)).toBe(true),
    nudge: () => this.#client.nudge(),
    pass: (seconds: number) => this.#world.clock.pass(seconds * 1_000),

    dial: async (how: string) => {
      const ticket = this.#world.tickets.at(-1);
      if (ticket === undefined || this.#world.tickets.length === this.#tickets)
        throw new Error("nothing was dialled");
      this.#tickets = this.#world.tickets.length;
      if (how === "no-ticket") ticket.fail(new TypeError("fetch failed"));
      else if (how === "refused") ticket.fail(new Refused("unauthorized", "no"));
      else {
        ticket.answer(`t/${this.#tickets}`);
        await settle();
        expect(this.#world.socket.url).toBe(`wss://there/live?ticket=t%2F${this.#tickets}`);
        this.#sockets += 1;
        this.#heard = 0;
        if (how === "open") this.#world.socket.tell("open");
        else this.#world.socket.tell("close", { code: 1006, reason: "" });
      }
    },
    undialled: () => expect(this.#world.tickets.length).toBe(this.#tickets),
    client: (frame: Fields) => {
      expect(this.#sent[this.#heard]).toEqual(frame);
      this.#heard += 1;
    },
    silent: () => expect(this.#sent.slice(this.#heard)).toEqual([]),
    server: (frame: Fields) =>
      this.#socket.tell("message", { data: JSON.stringify({ v: 1, ...withHits(frame) }) }),
    raw: (data: string) => this.#socket.tell("message", { data }),
    close: (code: number) => this.#socket.tell("close", { code, reason: "" }),

    get: ({ filter, tag, ...rest }: Fields) => {
      const asked = this.#world.requests[this.#requests];
      if (asked === undefined) throw new Error("nothing was asked over HTTP");
      const url = new URL(asked.what);
      const query = Object.fromEntries(url.searchParams);
      expect(url.pathname).toBe("/v1/hits");
      expect(asked.headers["Authorization"]).toBe("Bearer t0k3n");
      expect(asked.headers["If-None-Match"]).toBe(tag);
      expect(query).toEqual({
        filter: JSON.stringify(filter),
        ...Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, String(value)])),
      });
      this.#requests += 1;
    },
    unasked: () => expect(this.#world.requests.length).toBe(this.#requests),
    answer: ({ status = 200, tag, code, ...body }: Fields) => {
      const text = code === undefined ? withHits(body) : { error: { code, text: "no" } };
      const headers = tag === undefined ? {} : { ETag: String(tag) };
      const answer = new Response(status === 304 ? null : JSON.stringify(text), {
        status: Number(status),
        headers,
      });
      this.#world.requests[this.#requests - 1]?.answer(answer);
    },

    told: (ids: readonly string[] | Record<string, readonly string[]>) => {
      const told = Array.isArray(ids) ? { a: ids } : ids;
      expect(Object.fromEntries(this.#told)).toEqual(told);
      for (const [as] of this.#told) this.#told.set(as, []);
    },
    status: (status: Status) => expect(this.#client.status).toBe(status),
    statuses: (statuses: readonly Status[]) => expect(this.#statuses.splice(0)).toEqual(statuses),
    gaps: (gaps: readonly Gap[]) => expect(this.#gaps.splice(0)).toEqual(gaps),
    notices: (codes: readonly string[]) => expect(this.#notices.splice(0)).toEqual(codes),
    cursor: (cursor: string | null | Record<string, string | null>) => {
      const wanted = typeof cursor === "object" && cursor !== null ? cursor : { a: cursor };
      for (const [as, one] of Object.entries(wanted))
        expect(this.#subscriptions.get(as)?.cursor ?? null).toBe(one);
    },
    duplicates: (count: number) => expect(this.#subscriptions.get("a")?.duplicates).toBe(count),
    refused: (code: string) => {
      expect(this.#subscriptions.get("a")?.refusal?.code).toBe(code);
      expect(this.#subscriptions.get("a")?.status).toBe("refused");
    },
  };

  get #socket(): TestSocket {
    expect(this.#world.sockets.length).toBe(this.#sockets);
    return this.#world.socket;
  }

  get #sent(): unknown[] {
    return this.#world.sockets.at(-1)?.sent.map(text => JSON.parse(text)) ?? [];
  }
}

/** In scenarios a hit may be given by its id alone. */
function withHits(frame: Fields): Fields {
  const { hits } = frame;
  if (!Array.isArray(hits)) return frame;
  return { ...frame, hits: hits.map(hit => (typeof hit === "string" ? { id: hit } : hit)) };
}

for (const file of readdirSync(FOLDER).filter(name => name.endsWith(".json"))) {
  const scenarios: Scenario[] = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8"));
  describe(file, () => {
    for (const { name, pace, steps } of scenarios)
      test(name, async () => {
        const play = new Play(pace);
        for (const [place, step] of steps.entries())
          try {
            await play.run(step);
          } catch (error) {
            throw new Error(`step ${place + 1}, ${JSON.stringify(step)}: ${(error as Error).message}`, {
              cause: error,
            });
          }
        await play.end();
      });
  });
}
