"""How long a client waits for what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Waiting times, all in seconds.

    Attributes:
        heartbeat: From one ping to the next, also while frames arrive: its answer tells what a quiet channel
            missed. API Gateway closes a WebSocket after 10 idle minutes:
            https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
        pong: How long a ping may go unanswered before the socket counts as dead.
        answer: How long a subscribe or a ``more`` may go unanswered, and how long a catch-up may pause. An
            integration behind API Gateway ends within 29 s (same page): what is later will not come.
        opening: How long one attempt to connect may take; the authorizer behind it ends within 29 s too.
        first_retry: The longest wait after the first failure; doubled after each further one.
        longest_retry: The longest wait of all.
        poll: How long the server may hold an answer over HTTP.
        poll_rest: The rest after an answer over HTTP that brought nothing new.
        upgrade: While over HTTP: how long until the socket is tried again.
    """

    heartbeat: float = 60.0
    pong: float = 10.0
    answer: float = 35.0
    opening: float = 35.0
    first_retry: float = 0.5
    longest_retry: float = 30.0
    poll: float = 20.0
    poll_rest: float = 1.0
    upgrade: float = 300.0

    def retry(self, failures: int, chance: float) -> float:
        """The wait after so many failures in a row: exponential, capped, with full jitter.

        Full jitter spreads the return of many clients best:
        https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

        Args:
            failures: At least 1.
            chance: A random share, 0 ≤ x < 1.
        """
        doublings = min(failures - 1, 30)  # the cap has long decided by then; floats overflow at 1,024
        return chance * min(self.longest_retry, self.first_retry * 2.0**doublings)
