"""Slack's rates, kept before Slack has to say so. Times are seconds of any clock that never goes back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from slack_sdk.errors import SlackApiError

from bot.slack import refusals
from bot.slack.refusals import Means
from storage.outbox import Place

POST, UPDATE, UPLOAD = "chat.postMessage", "chat.update", "files.upload"
POSTS_A_SECOND, POST_BURST = 1.0, 3.0
CALLS_A_MINUTE = {
    UPDATE: 50,
    UPLOAD: 20,
    "chat.postEphemeral": 100,
    "conversations.list": 20,
    "views.publish": 100,
    "views.update": 100,
}
OTHER_CALLS_A_MINUTE = 50
CALL_BURST = 1 / 3  # of what a minute allows
ONE = 1.0 - 1e-9  # whoever waited for exactly one does not wait again for a rounding error


@dataclass
class Bucket:
    """Tokens that come back with time: ``rate`` a second, up to ``most``. It is full at first."""

    rate: float
    most: float
    _tokens: float | None = None
    _at: float = 0.0
    _shut_until: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds until one may be taken; 0 when it may be now."""
        short = max(ONE - self._filled(now), 0.0) / self.rate
        return max(short, self._shut_until - now, 0.0)

    def take(self, now: float) -> float:
        """Take one if it may be taken now. Gives what ``wait`` says; above 0 nothing was taken."""
        seconds = self.wait(now)
        if seconds <= 0:
            self._tokens = self._filled(now) - 1.0
            self._at = now
        return seconds

    def shut(self, now: float, seconds: float) -> None:
        """Slack said to wait that long."""
        self._shut_until = max(self._shut_until, now + seconds)

    def _filled(self, now: float) -> float:
        if self._tokens is None:
            return self.most
        return min(self.most, self._tokens + (now - self._at) * self.rate)


class Wait(Exception):
    """Not yet, and nothing has happened.

    ``seconds`` is how long, ``method`` for which call (empty: for something else). ``place`` is what was learnt about
    where the message goes. ``counts``: it is one of the attempts after which a message is given up. ``told``: Slack
    said so.
    """

    def __init__(
        self,
        seconds: float,
        place: Place | None = None,
        *,
        method: str = "",
        counts: bool = False,
        told: bool = False,
    ) -> None:
        super().__init__(f"wait {seconds:.1f} s {f'for {method}' if method else ''}".strip())
        self.seconds, self.place, self.method, self.counts, self.told = seconds, place, method, counts, told


class Pace:
    """One bucket for each channel that is posted to, and one for each other method, by Slack's tiers.

    ``steady`` gives seconds that never go back.
    """

    def __init__(self, steady: Callable[[], float]) -> None:
        self._steady = steady
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._ids: dict[str, str] = {}

    def same(self, name: str, channel: str) -> None:
        """A channel's name and its id are one channel."""
        if name != channel and self._ids.get(name) != channel:
            self._ids[name] = channel
            known = self._buckets.pop((POST, name), None)
            if known is not None:
                self._buckets.setdefault((POST, channel), known)

    def id_of(self, channel: str) -> str:
        """The channel's id where it is known, else what was given."""
        return self._ids.get(channel, channel)

    def wait(self, method: str, channel: str = "") -> float:
        """Seconds until that call may be made. Only posts are counted by channel, which is given by name or id."""
        return self._bucket(method, channel).wait(self._steady())

    @contextmanager
    def call(self, method: str, channel: str = "", place: Place | None = None) -> Iterator[None]:
        """One call. Raises ``Wait`` when it is not its time, or when Slack says so."""
        bucket = self._bucket(method, channel)
        if (seconds := bucket.take(self._steady())) > 0:
            raise Wait(seconds, place, method=method)
        try:
            yield
        except SlackApiError as error:
            refusal = refusals.read(error)
            if refusal.means is not Means.SLOWER:
                raise
            bucket.shut(self._steady(), refusal.wait)
            raise Wait(refusal.wait, place, method=method, told=True) from error

    def _bucket(self, method: str, channel: str) -> Bucket:
        key = (method, self.id_of(channel) if method == POST else "")
        if key not in self._buckets:
            a_minute = CALLS_A_MINUTE.get(method, OTHER_CALLS_A_MINUTE)
            by_minute = Bucket(a_minute / 60, max(a_minute * CALL_BURST, 1.0))
            self._buckets[key] = Bucket(POSTS_A_SECOND, POST_BURST) if method == POST else by_minute
        return self._buckets[key]
