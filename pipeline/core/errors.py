"""What can go wrong, by what may be done about it.

========== ==========================================================
Rejected   can never succeed: dead-letter at once with its reason
Refused    a client's or a caller's mistake: answer it, with the way out
Unavailable may succeed later: give it back and try again
Gone       the connection is no more: leave nothing of it
========== ==========================================================

Only adapters see an SDK's exceptions; they raise these.
"""

from __future__ import annotations


class Rejected(Exception):  # noqa: N818 - a verdict, named as the glossary names it
    """An event that can never be stored as it is.

    Attributes:
        reason: One stable word group for grouping dead letters, such as ``no-identity``.
        text: One sentence for a person: what is wrong, in which field.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(f"{reason}: {text}")
        self.reason = reason
        self.text = text


class Refused(Exception):  # noqa: N818 - a verdict
    """A request that is answered with an error, never retried by us.

    Attributes:
        code: Stable, for programs: ``bad-filter``, ``unauthorized``, ``too-many-channels``…
        text: For people: names the field and the way out.
        wait: Seconds after which the same request may be accepted; 0 where asking again is of no use.
    """

    def __init__(self, code: str, text: str, wait: int = 0) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text
        self.wait = wait


class Unavailable(Exception):  # noqa: N818 - a state, not a mistake
    """A service that did not do its part; the same call may succeed later."""

    def __init__(self, service: str, text: str) -> None:
        super().__init__(f"{service}: {text}")
        self.service = service
        self.text = text


class Gone(Exception):  # noqa: N818 - a verdict
    """A connection that the table has forgotten since it was read: nothing may be written for it."""
