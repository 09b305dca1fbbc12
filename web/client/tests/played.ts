/**
 * The client's rules for players in another process: a line of JSON in, a line of JSON out.
 *
 * `tests/simulation` asks it what to send and tells it what arrives, in its own virtual time; a session and its
 * subscriptions are those of `src`. Nothing is written but answers, so who asks always knows whose turn it is.
 */

import { createInterface } from "node:readline";
import type { Filter, Gap, Hit } from "../src/index.ts";
import { PACE, type Pace } from "../src/pace.ts";
import { Progress } from "../src/progress.ts";
import { type Listener, Session } from "../src/session.ts";

/** What a question may have with it. */
interface Asked {
  readonly player: string;
  readonly does: keyof typeof acts;
  readonly now: number;
  /** A random share, 0 ≤ x < 1, for whatever it decides now. */
  readonly chance: number;
  readonly text?: string;
  readonly filter?: Filter;
  readonly snapshot?: number | null;
  readonly cursor?: string | null;
  readonly place?: number;
}

/** A storm of the simulation lasts four minutes, so it asks twice as often whether the connection still stands. */
const OURS: Pace = { ...PACE, heartbeat: PACE.heartbeat / 2 };

/** A subscription that knows since when nothing of it may be missing. */
class Judged extends Progress {
  since: number | undefined;
  #asked = 0;
  #heard = 0;

  override ask(id: string, now: number, pace: Pace) {
    if (!this.paging) this.#asked = now;
    return super.ask(id, now, pace);
  }

  override answered(id: string | undefined, channel: string, now: number, pace: Pace): void {
    this.#heard = now;
    super.answered(id, channel, now, pace);
  }

  override live(id: string | undefined, cursor: string | undefined): void {
    super.live(id, cursor);
    // A small snapshot may leave out what was before it.
    if (this.phase === "live") this.since ??= this.snapshot === undefined ? this.#asked : this.#heard;
  }
}

/** One client: what it has subscribed to, its present connection, and what it was told since the last answer. */
class Player {
  readonly subscriptions: Judged[] = [];
  chance = 0;
  session = this.#connected(0);
  #hits: [number, readonly Hit[]][] = [];
  #gaps: [number, Gap][] = [];

  open(now: number): void {
    this.session = this.#connected(now);
  }

  /** Where it stands, and what has been told. */
  answer(now: number, sends: readonly string[] = []) {
    const [hits, gaps] = [this.#hits, this.#gaps];
    this.#hits = [];
    this.#gaps = [];
    const wakeAt = this.session.wakeAt();
    const isDead = this.session.isDead(now);
    const stands = this.subscriptions.map(({ phase, cursor, channel, since }) => [
      phase,
      cursor ?? null,
      channel ?? null,
      since ?? null,
    ]);
    return { wakeAt, isDead, stands, hits, gaps, sends };
  }

  #connected(now: number): Session<Judged> {
    const listener: Listener<Judged> = {
      hits: (of, hits) => void this.#hits.push([this.subscriptions.indexOf(of), hits]),
      gap: (of, gap) => void this.#gaps.push([this.subscriptions.indexOf(of), gap]),
      refused: () => undefined,
      notice: () => undefined,
      bye: () => undefined,
    };
    return new Session(this.subscriptions, listener, { pace: OURS, random: () => this.chance }, now);
  }
}

const acts = {
  subscribe: (player: Player, { filter = {}, snapshot, cursor }: Asked) => {
    const subscription = new Judged(filter, snapshot ?? undefined);
    subscription.cursor = cursor ?? undefined;
    player.subscriptions.push(subscription);
  },
  leave: (player: Player, { place = 0 }: Asked) => {
    const subscription = player.subscriptions[place];
    if (subscription !== undefined) player.session.leave(subscription);
  },
  open: (player: Player, { now }: Asked) => player.open(now),
  receive: (player: Player, { text, now }: Asked) => player.session.received(text, now),
  send: (player: Player, { now }: Asked) => player.session.due(now).map(frame => JSON.stringify(frame)),
  look: () => undefined,
};

const players = new Map<string, Player>();

for await (const line of createInterface({ input: process.stdin })) {
  const asked: Asked = JSON.parse(line);
  const player = players.get(asked.player) ?? new Player();
  players.set(asked.player, player);
  player.chance = asked.chance;
  const sends = acts[asked.does](player, asked);
  process.stdout.write(`${JSON.stringify(player.answer(asked.now, sends ?? []))}\n`);
}
