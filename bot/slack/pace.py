"""Slack's rates, kept before Slack has to say so."""

from collections import defaultdict
from dataclasses import dataclass, field

POSTS_A_SECOND = 1.0
BURST = 3.0


@dataclass
class Bucket:
    """Tokens that come back with time: ``rate`` a second, up to ``most``. Times in seconds of any steady clock."""

    rate: float
    most: float
    tokens: float = -1.0
    at: float = 0.0
    shut_until: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds until one may be taken; 0 when it may be now."""
        if self.tokens < 0:
            self.tokens, self.at = self.most, now
        self.tokens = min(self.most, self.tokens + (now - self.at) * self.rate)
        self.at = now
        short = max(1.0 - self.tokens, 0.0) / self.rate
        return max(short, self.shut_until - now, 0.0)

    def take(self, now: float) -> None:
        """Take one. Ask ``wait`` first."""
        self.wait(now)
        self.tokens -= 1.0

    def shut(self, now: float, seconds: float) -> None:
        """Slack said to wait that long."""
        self.shut_until = max(self.shut_until, now + seconds)


@dataclass
class Pace:
    """One bucket per channel for posting, and one per method for the rest (calls a minute, by Slack's tiers)."""

    posts: dict[str, Bucket] = field(default_factory=lambda: defaultdict(lambda: Bucket(POSTS_A_SECOND, BURST)))
    methods: dict[str, Bucket] = field(default_factory=dict)

    def bucket(self, method: str, channel: str) -> Bucket:
        """The bucket that a call draws on."""
        if method == "chat.postMessage":
            return self.posts[channel]
        if method not in self.methods:
            a_minute = {"chat.update": 50, "views.publish": 100, "views.update": 100, "chat.postEphemeral": 100}
            rate = a_minute.get(method, 20) / 60
            self.methods[method] = Bucket(rate, max(rate * 20, 5.0))
        return self.methods[method]
