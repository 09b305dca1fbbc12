/** Time and timers. */
export interface Clock {
  /** Milliseconds; never goes back, and goes on while the machine sleeps. */
  now(): number;
  /** Call once after so many milliseconds; the answer takes that back. */
  after(milliseconds: number, call: () => void): () => void;
}

/**
 * The machine's own. `performance.now()` may rest while the machine sleeps and `Date.now()` may be set back;
 * going on by the larger step of the two, it does neither.
 */
export function systemClock(): Clock {
  let wall = Date.now();
  let steady = performance.now();
  let time = 0;
  return {
    now() {
      const [newWall, newSteady] = [Date.now(), performance.now()];
      time += Math.max(newWall - wall, newSteady - steady);
      [wall, steady] = [newWall, newSteady];
      return time;
    },
    after(milliseconds, call) {
      const timer = setTimeout(call, milliseconds);
      return () => clearTimeout(timer);
    },
  };
}
