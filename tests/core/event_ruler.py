"""AWS's own matcher, asked over standard input: what ``test_match_against_event_ruler`` holds ours against.

Runs in a process of its own, since a JVM and pytest's fault handler both want the same signals.
Usage: ``python event_ruler.py JAR…``; each line in is a list of ``[filter, event, …]`` with JSON texts, each
line out a list with an answer for each: a list that says for each event whether the filter matches it, or the
words with which the filter is refused.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import jpype

from pipeline.local import event_ruler


def main(jars: list[str]) -> None:
    """Start the JVM, then answer line by line until the input ends."""
    machine = event_ruler.start(jars)
    for line in sys.stdin:
        sys.stdout.write(json.dumps([answer(machine, *case) for case in json.loads(line)]) + "\n")
        sys.stdout.flush()


def answer(machine: Any, asked: str, *events: str) -> list[bool] | str:  # noqa: ANN401 - a class of Java's
    """Hold a filter against some events."""
    try:
        one = machine()
        one.addRule("rule", asked)
        return [not one.rulesForJSONEvent(event).isEmpty() for event in events]
    except jpype.JException as refusal:
        return str(refusal)


if __name__ == "__main__":
    main(sys.argv[1:])
