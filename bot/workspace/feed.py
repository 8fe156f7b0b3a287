"""What changes, told at once to everybody who looks: the page's live connection and waiting tests."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

REMEMBERED = 2000


@dataclass(frozen=True, slots=True)
class Change:
    """One change. ``only_for`` are the people who may know; ``None`` means everybody."""

    number: int
    body: Json
    only_for: frozenset[str] | None

    def concerns(self, person: str) -> bool:
        return self.only_for is None or person in self.only_for


@dataclass(slots=True)
class Feed:
    """Numbered changes, the last of them remembered for those who ask a little later."""

    number: int = 0
    _recent: deque[Change] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _watchers: dict[int, tuple[str, asyncio.Queue[Change]]] = field(default_factory=dict)
    _next_watcher: int = 0

    def publish(self, body: Json, only_for: frozenset[str] | None = None) -> None:
        self.number += 1
        change = Change(self.number, body, only_for)
        self._recent.append(change)
        for person, queue in self._watchers.values():
            if change.concerns(person):
                queue.put_nowait(change)

    def watch(self, person: str) -> "Watch":
        """``with feed.watch(person) as queue``: the changes from now on that concern this person."""
        return Watch(self, person)

    def since(self, person: str, number: int) -> list[Change]:
        """The remembered changes after ``number``."""
        return [change for change in self._recent if change.number > number and change.concerns(person)]

    def remembers(self, number: int) -> bool:
        """Whether ``since(…, number)`` is everything: the number is from this run and nothing after it is forgotten."""
        oldest = self._recent[0].number if self._recent else self.number + 1
        return oldest - 1 <= number <= self.number

    def _join(self, person: str) -> tuple[int, asyncio.Queue[Change]]:
        queue: asyncio.Queue[Change] = asyncio.Queue()
        self._next_watcher += 1
        self._watchers[self._next_watcher] = (person, queue)
        return self._next_watcher, queue

    def _leave(self, watcher: int) -> None:
        self._watchers.pop(watcher, None)


class Watch:
    """A place in the feed, given up on leaving."""

    def __init__(self, feed: Feed, person: str) -> None:
        self._feed = feed
        self._person = person
        self._id = 0

    def __enter__(self) -> asyncio.Queue[Change]:
        self._id, queue = self._feed._join(self._person)  # noqa: SLF001 - the two classes are one thing
        return queue

    def __exit__(self, *_: object) -> None:
        self._feed._leave(self._id)  # noqa: SLF001 - as above
