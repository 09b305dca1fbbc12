/** Ids. A resume overlaps what was seen by half a minute or so: 3,000 hits a second before one comes twice. */
export const REMEMBERED = 100_000;

/**
 * The ids a subscription has already told, the newest of them.
 *
 * An id that has just been met again counts as new, so that what keeps coming back is never forgotten.
 */
export class Seen {
  readonly #ids = new Set<string>();
  readonly #room: number;

  constructor(room = REMEMBERED) {
    this.#room = room;
  }

  /** Whether this id was not met before, among the newest; remembers it. */
  isNew(id: string): boolean {
    const known = this.#ids.delete(id);
    this.#ids.add(id);
    const [oldest] = this.#ids.size > this.#room ? this.#ids : [];
    if (oldest !== undefined) this.#ids.delete(oldest);
    return !known;
  }
}
