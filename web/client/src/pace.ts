/** How long a client waits for what, in milliseconds. */
export interface Pace {
  /** From one ping to the next, also while frames arrive: its answer tells what a quiet channel missed.
   * API Gateway closes a WebSocket after ten idle minutes:
   * https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html */
  readonly heartbeat: number;
  /** How long a ping may go unanswered before the socket counts as dead. */
  readonly pong: number;
  /** How long a subscribe or a `more` may go unanswered, and how long a catch-up may pause. An integration
   * behind API Gateway ends within 29 s (same page): what is later will not come. */
  readonly answer: number;
  /** How long one attempt to connect may take; the authorizer behind it ends within 29 s too. */
  readonly opening: number;
  /** The longest wait after the first failure; doubled after each further one. */
  readonly firstRetry: number;
  /** The longest wait of all. */
  readonly longestRetry: number;
  /** How long the server may hold an answer over HTTP. */
  readonly poll: number;
  /** The rest after an answer over HTTP that brought nothing new. */
  readonly pollRest: number;
  /** While over HTTP: how long until the socket is tried again. */
  readonly upgrade: number;
}

export const PACE: Pace = {
  heartbeat: 60_000,
  pong: 10_000,
  answer: 35_000,
  opening: 35_000,
  firstRetry: 500,
  longestRetry: 30_000,
  poll: 20_000,
  pollRest: 1_000,
  upgrade: 300_000,
};

/**
 * The wait after so many failures in a row (at least 1): exponential, capped, with full jitter, which
 * spreads the return of many clients best:
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function retry(pace: Pace, failures: number, chance: number): number {
  return chance * Math.min(pace.longestRetry, pace.firstRetry * 2 ** (failures - 1));
}
