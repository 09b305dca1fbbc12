/** Where a cursor outlives the page: a `Storage`, such as `localStorage`, that may fail or be forbidden. */

import { fields, text } from "./frames.ts";
import type { Progress } from "./progress.ts";

export type Storage = Pick<globalThis.Storage, "getItem" | "setItem">;

/** Go on from what was kept under the name, if it was of the same filter. The function that keeps it on. */
export function keeping(storage: Storage | undefined, name: string, progress: Progress): () => void {
  const key = `livedex ${name}`;
  const of = JSON.stringify([progress.filter, progress.conflate]);
  let written: string | null | undefined;
  try {
    written = storage?.getItem(key);
    const kept = fields(written ?? "");
    if (kept["of"] === of) {
      progress.cursor = text(kept["cursor"]);
      progress.owed = text(kept["owed"]);
    }
  } catch {
    // forbidden: begin anew
  }
  return () => {
    const { cursor, owed } = progress;
    const kept = JSON.stringify({ of, cursor, owed });
    if (cursor === undefined || kept === written) return;
    try {
      storage?.setItem(key, kept);
      written = kept;
    } catch {
      // full or forbidden: the cursor is still in memory, and a reload begins with a snapshot
    }
  };
}

/** The default storage; asking for it throws where the user forbids it. */
export function localStorage(): Storage | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined;
  }
}
