import { keeping, localStorage, type Storage } from "./keeping.ts";
import type { Detail, Filter, Gap, Hit, Refused, Status } from "./news.ts";
import { Progress } from "./progress.ts";

export interface SubscribeOptions {
  /** How many of the newest hits to begin with, 0 to 2,000; left out, the server chooses. */
  readonly snapshot?: number;
  /** An attribute: of the hits with equal values only the latest is of interest. Suspends "each hit". */
  readonly conflate?: string;
  /** Goes on from an earlier subscription with the same filter; then no snapshot. */
  readonly cursor?: string;
  /** A name under which the cursor is kept in the storage, so that a reload goes on where it was. */
  readonly keep?: string;
  /** New hits, each once, in the order of arrival. Left out, the subscription is to be iterated. */
  readonly onHits?: (hits: readonly Hit[], how: { readonly live: boolean }) => void;
  readonly onStatus?: (status: Status, detail: Detail) => void;
  readonly onGap?: (gap: Gap) => void;
}

/** A filter, and what has come of it. Iterate it, or give it `onHits`. */
export interface Subscription extends AsyncIterable<Hit> {
  readonly filter: Filter;
  readonly status: Status;
  readonly detail: Detail;
  /** Why the server refused it. */
  readonly refusal: Refused | undefined;
  /** Where a resume would begin; opaque, only for this filter. */
  readonly cursor: string | undefined;
  /** Hits told so far. */
  readonly told: number;
  /** Hits that arrived again and were dropped. */
  readonly duplicates: number;
  /** Leave; hits already on their way are not told. */
  unsubscribe(): void;
  /** The hits as they come. Ends with `unsubscribe` or the client's `close`; throws `Refused`. */
  [Symbol.asyncIterator](): AsyncGenerator<Hit, void, undefined>;
}

/** What a subscription asks of its client. */
export interface Owner {
  leave(subscription: Following): void;
  /** Look what is due: the iterator's queue has room again. */
  tick(): void;
}

/** Milliseconds between two writes to the storage, which is slow and shared. */
const KEEP_EVERY = 1_000;

/** A subscription's progress, and the page that is told of it. */
export class Following extends Progress implements Subscription {
  status: Status = "connecting";
  detail: Detail = { why: "", caughtUp: 0 };
  refusal: Refused | undefined;
  readonly #owner: Owner;
  readonly #options: SubscribeOptions;
  readonly #keep: (() => void) | undefined;
  #keptAt = Number.NEGATIVE_INFINITY;
  #queue: Hit[] = [];
  #taken = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(owner: Owner, filter: Filter, options: SubscribeOptions, storage?: Storage) {
    super(filter, options.snapshot, options.conflate);
    this.#owner = owner;
    this.#options = options;
    if (options.keep !== undefined) this.#keep = keeping(storage ?? localStorage(), options.keep, this);
    this.cursor = options.cursor ?? this.cursor;
  }

  unsubscribe(): void {
    this.#owner.leave(this);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Hit, void, undefined> {
    if (this.#options.onHits) throw new TypeError("with onHits there is nothing to iterate");
    while (true) {
      const hit = this.#queue[this.#taken];
      if (hit !== undefined) {
        this.#taken += 1;
        yield hit;
      } else if (this.held()) {
        this.#queue = [];
        this.#taken = 0;
        this.#owner.tick();
      } else if (this.#ended) {
        if (this.refusal) throw this.refusal;
        return;
      } else {
        await new Promise<void>(resolve => {
          this.#wake = resolve;
        });
      }
    }
  }

  override held(): boolean {
    return this.#queue.length > 0;
  }

  takeHits(hits: readonly Hit[], live: boolean): void {
    const { onHits } = this.#options;
    if (this.#ended) return;
    if (onHits) guard(() => onHits(hits, { live }));
    else {
      for (const hit of hits) this.#queue.push(hit);
      this.#wake?.();
    }
  }

  takeGap(gap: Gap): void {
    guard(() => this.#options.onGap?.(gap));
  }

  takeStatus(status: Status, detail: Detail): void {
    stand(this, status, detail, this.#options);
  }

  /** No more will come. */
  end(refusal?: Refused): void {
    this.refusal ??= refusal;
    this.#ended = true;
    this.#wake?.();
  }

  /** Keep the cursor, unless hits before it still wait to be iterated. */
  keep(now: number, atOnce: boolean): void {
    if (this.held() || (now < this.#keptAt + KEEP_EVERY && !atOnce)) return;
    this.#keptAt = now;
    this.#keep?.();
  }
}

/** Whoever stands somewhere stands elsewhere now, and says so if that is a change. */
export function stand(
  who: { status: Status; detail: Detail },
  status: Status,
  detail: Detail,
  { onStatus }: Pick<SubscribeOptions, "onStatus">,
): void {
  if (status === who.status && detail.retryIn === who.detail.retryIn) return;
  who.status = status;
  who.detail = detail;
  guard(() => onStatus?.(status, detail));
}

/** A mistake in the page's own function is the page's to see; it does not disturb the client. */
export function guard(call: () => void): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
