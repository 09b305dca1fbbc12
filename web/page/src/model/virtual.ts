/** Which rows of a long list are worth having. */

export interface Range {
  /** The first row, and the one past the last. */
  readonly first: number;
  readonly last: number;
}

/**
 * @param top Pixels of the list above the upper edge of what is seen; negative when it begins below.
 * @param seen Pixels that are seen.
 * @param row Pixels of a row.
 * @param count Rows that there are.
 * @param spare Rows to have ready on either side.
 */
export function range(top: number, seen: number, row: number, count: number, spare: number): Range {
  const first = Math.floor(top / row) - spare;
  const last = Math.ceil((top + seen) / row) + spare;
  const begin = Math.min(Math.max(0, first), count);
  return { first: begin, last: Math.max(begin, Math.min(count, last)) };
}

/** By how much to scroll so that a row is seen whole, between the edges; 0 when it is. */
export function reveal(rowTop: number, row: number, upper: number, lower: number): number {
  if (rowTop < upper) return rowTop - upper;
  if (rowTop + row > lower) return rowTop + row - lower;
  return 0;
}
