/** The rules against a server that does its part and a world that does not: nothing missed, nothing twice. */

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Frame } from "../src/frames.ts";
import { PACE } from "../src/pace.ts";
import { Progress } from "../src/progress.ts";
import { type Listener, Session } from "../src/session.ts";

const PAGE = 2;

const live = (at: number) => `L${String(at).padStart(4, "0")}`;
const page = (at: number) => `P${String(9_999 - at).padStart(4, "0")}`; // sorts by no rule, on purpose
const hits = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, place) => ({ id: String(from + place + 1) }));

/** One connection: two functions post to it, so their frames may overtake each other. */
class Connection {
  readonly asks: Frame[] = [];
  readonly answers: Frame[] = [];
  readonly pushed: Frame[] = [];
  readonly session: Session<Progress>;
  isMember = false;
  lagged: number | undefined;
  #until = 0;

  constructor(progress: Progress, told: string[]) {
    const listener: Listener<Progress> = {
      hits: (_of, fresh) => void told.push(...fresh.map(({ id }) => id)),
      gap: () => undefined,
      refused: () => expect.unreachable("nothing is refused"),
      notice: () => undefined,
      bye: () => undefined,
    };
    this.session = new Session([progress], listener, { pace: PACE, random: () => 0.5 }, 0);
  }

  /** The message function takes one frame of the client's; `now` events have been announced. */
  serve(now: number): void {
    const ask = this.asks.shift();
    if (ask === undefined) return;
    const id = ask["id"];
    const cursor = String(ask["cursor"]);
    const after = cursor.startsWith("P") ? 9_999 - Number(cursor.slice(1)) : Number(cursor.slice(1));
    if (ask.type === "subscribe") {
      this.isMember = true;
      if (this.lagged !== undefined && ask["gap"] === live(this.lagged)) this.lagged = undefined;
      this.#until = now;
      this.answers.push({ type: "subscribed", id, channel: "c" });
    }
    const to = Math.min(after + PAGE, this.#until);
    const more = to < this.#until;
    if (to > after)
      this.answers.push({ type: "hits", id, channel: "c", cursor: page(to), more, hits: hits(after, to) });
    if (!more)
      this.answers.push({ type: "live", id, channel: "c", cursor: live(Math.max(after, this.#until)) });
  }

  /** The broadcast function posts event number `now`, or cannot. */
  broadcast(now: number, works: boolean): void {
    if (!this.isMember) return;
    if (!works) {
      this.lagged ??= now - 1;
      return;
    }
    // First the gap: the cursor of the frame behind it lies beyond what was left out.
    if (this.lagged !== undefined) this.pushed.push({ type: "gap", channel: "c", since: live(this.lagged) });
    this.pushed.push({ type: "hits", channel: "c", cursor: live(now), hits: hits(now - 1, now) });
  }

  arrive(frames: Frame[]): void {
    const frame = frames.shift();
    if (frame !== undefined) this.session.received(JSON.stringify({ v: 1, ...frame }), 0);
    this.asks.push(...this.session.due(0));
  }
}

const ACTS = ["announce", "fail", "serve", "answer", "push", "cut"] as const;

/** Cuts and failures are rare enough for something to happen between them. */
const act = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom<(typeof ACTS)[number]>("announce", "serve", "answer", "push") },
  { weight: 1, arbitrary: fc.constantFrom<(typeof ACTS)[number]>("fail", "cut") },
);

function play(acts: readonly (typeof ACTS)[number][]) {
  const told: string[] = [];
  const progress = new Progress({}, 0);
  progress.cursor = live(0);
  let announced = 0;
  let connection = new Connection(progress, told);
  const act = (what: (typeof ACTS)[number]) => {
    if (what === "announce" || what === "fail") connection.broadcast(++announced, what === "announce");
    else if (what === "serve") connection.serve(announced);
    else if (what === "answer") connection.arrive(connection.answers);
    else if (what === "push") connection.arrive(connection.pushed);
    else connection = new Connection(progress, told);
  };
  for (const what of acts) act(what);
  act("announce"); // a lagged member hears of it with the next frame
  for (let rounds = 0; rounds < 20 * (announced + 1); rounds += 1)
    for (const what of ["answer", "push", "serve"] as const) act(what);
  return { told, announced, progress };
}

test("whatever is cut, overtaken or left out, every event is told once", () => {
  fc.assert(
    fc.property(fc.array(act, { minLength: 30, maxLength: 150 }), acts => {
      const { told, announced, progress } = play(acts);
      expect(progress.phase).toBe("live");
      expect(told.length, "nothing twice").toBe(new Set(told).size);
      expect(new Set(told), "nothing missed").toEqual(new Set(hits(0, announced).map(({ id }) => id)));
    }),
    { numRuns: 300 },
  );
});
