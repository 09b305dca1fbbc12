/** A world without input or output: its time passes when told to, and the test plays the server. */

import type { Clock } from "../src/clock.ts";
import type { Socket } from "../src/link.ts";

/** Let everything run that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise(resolve => setImmediate(resolve));
}

export class TestClock implements Clock {
  #time = 0;
  readonly #timers = new Set<{ at: number; call: () => void }>();

  now(): number {
    return this.#time;
  }

  after(milliseconds: number, call: () => void): () => void {
    const timer = { at: this.#time + milliseconds, call };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  get pending(): number {
    return this.#timers.size;
  }

  async pass(milliseconds: number): Promise<void> {
    const until = this.#time + milliseconds;
    while (true) {
      const [next] = [...this.#timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#time = Math.max(this.#time, next.at);
      next.call();
      await settle();
    }
    this.#time = until;
  }

  /** Time passes in which no timer runs, as while the machine sleeps. */
  sleep(milliseconds: number): void {
    this.#time += milliseconds;
    for (const timer of this.#timers) timer.at += milliseconds;
  }
}

type Kind = "open" | "message" | "close" | "error";

export class TestSocket implements Socket {
  readonly url: string;
  readonly sent: string[] = [];
  closed = false;
  readonly #listeners = new Map<Kind, (event: unknown) => void>();

  constructor(url: string) {
    this.url = url;
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(): void {
    this.closed = true;
  }

  addEventListener(type: Kind, listener: (event: unknown) => void): void {
    this.#listeners.set(type, listener);
  }

  tell(type: Kind, event: unknown = {}): void {
    this.#listeners.get(type)?.(event);
  }
}

/** Something that was asked for and waits for its answer. */
export class Asked<Value> {
  readonly what: string;
  readonly promise: Promise<Value>;
  answer: (value: Value) => void = () => undefined;
  fail: (error: Error) => void = () => undefined;

  constructor(what: string) {
    this.what = what;
    this.promise = new Promise((resolve, reject) => {
      this.answer = resolve;
      this.fail = reject;
    });
  }
}

/** What a client needs of its world, and what it asked of it. */
export class World {
  readonly clock = new TestClock();
  readonly sockets: TestSocket[] = [];
  readonly tickets: Asked<string>[] = [];
  readonly requests: (Asked<Response> & { readonly headers: Record<string, string> })[] = [];
  chance = 0.5;

  readonly options = {
    url: "wss://there/live",
    ticket: () => {
      const asked = new Asked<string>("ticket");
      this.tickets.push(asked);
      return asked.promise;
    },
    http: { url: "https://there/", token: () => "t0k3n" },
    clock: this.clock,
    random: () => this.chance,
    WebSocket: this.#socketClass(),
    fetch: this.#fetch(),
  };

  get socket(): TestSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("no socket was opened");
    return socket;
  }

  #socketClass(): new (url: string) => TestSocket {
    const { sockets } = this;
    return class extends TestSocket {
      constructor(url: string) {
        super(url);
        sockets.push(this);
      }
    };
  }

  #fetch(): typeof globalThis.fetch {
    return (url, init) => {
      const asked = new Asked<Response>(String(url));
      const abort = () => asked.fail(new DOMException("aborted", "AbortError"));
      init?.signal?.addEventListener("abort", abort);
      this.requests.push(Object.assign(asked, { headers: { ...(init?.headers as Record<string, string>) } }));
      return asked.promise;
    };
  }
}
