"""The durations and rates that Slack keeps; tests may shorten them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds everywhere.

    ``event_retries`` are the pauses before the second, third and fourth delivery of an unacknowledged event.
    """

    acknowledge: float = 3.0
    trigger: float = 3.0
    event_retries: tuple[float, ...] = (0.0, 60.0, 300.0)
    response_url: float = 1800.0
    response_uses: int = 5
    status: float = 120.0
    socket_ticket: float = 30.0


@dataclass(frozen=True, slots=True)
class Rates:
    """``posts_per_second`` holds for each channel, with a burst; ``tiers`` are calls a minute, ``0`` means no limit.

    Tier 1 starts with a larger burst than Slack promises, because a restart of the app opens several sockets.
    """

    enabled: bool = True
    posts_per_second: float = 1.0
    post_burst: int = 4
    tiers: tuple[int, int, int, int, int] = (600, 10, 20, 50, 100)
