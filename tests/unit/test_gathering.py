"""Asking every source at once. The sources here answer from memory: what is tested is what is made of the answers."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from bot.domain.catalogue import Service
from bot.domain.cause import CauseKind, Gap
from bot.domain.evidence import Asked, Empty, Failed, Found, Series, Window
from bot.domain.observed import Calls, Happening, Level, LogLine, Work
from bot.domain.signal import Signal
from skills.rca.gathering import Around, Observed, Reach, Sources, observe
from skills.rca.signals.sign import Trait
from tests.builders import NOW, at, deploy, indicator, series

REACH = Reach(window=1800.0, guard=300.0, step=60.0, bin=60.0)
ERRORS = indicator("errors")
SERVICES = (Service("shop", indicators=(ERRORS,)), Service("cart"))
Answer = Found[tuple[LogLine, ...]] | Empty | Failed


def around(services: Sequence[Service] = SERVICES, reach: Reach = REACH, **more: object) -> Around:
    asked = Around(services, NOW, at(2), reach)
    return replace(asked, **more)  # type: ignore[arg-type]  # Around's fields


@dataclass
class Metrics:
    """``ERRORS`` jumps; any other query has what ``other`` says."""

    other: Failed | Empty | None = None

    async def range(
        self, query: str, window: Window, step_seconds: float
    ) -> Found[tuple[Series, ...]] | Empty | Failed:
        asked = Asked("metrics", query, window, step_seconds)
        if self.other is not None:
            return replace(self.other, asked=asked)
        calm, loud = series([1.0] * 40, -30.0), series([*[1.0] * 28, *[9.0] * 12], -30.0)
        return Found(asked, (calm, loud))

    async def instant(self, query: str, at: datetime) -> Empty:
        return Empty(Asked("metrics", query, Window(at, at)))


@dataclass
class Logs:
    """So many lines a minute for each service, and what else it is told to answer."""

    rate: dict[str, int] = field(default_factory=lambda: {"shop": 30, "cart": 30})
    more: Sequence[LogLine] = ()
    fails: Callable[[str, Window], bool] = lambda _service, _window: False
    name: str = "loki"
    asked: list[tuple[str, Window]] = field(default_factory=list)

    async def lines(self, service: str, window: Window, limit: int) -> Answer:
        self.asked.append((service, window))
        asked = Asked(self.name, f'{{service="{service}"}}', window)
        if self.fails(service, window):
            return Failed(asked, f"{self.name} did not answer within 10 s")
        found = [*(one for one in self.more if one.service == service), *self.usual(service, window)]
        within = sorted((one for one in found if window.start <= one.at <= window.end), key=lambda one: one.at)
        return Found(asked, tuple(within[-limit:])) if within else Empty(asked)

    def usual(self, service: str, window: Window) -> list[LogLine]:
        """The same few lines all the time, evenly over the minute."""
        rate, words = self.rate.get(service, 0), ("took", "paid", "sent")
        first, last = (round((end - NOW).total_seconds() / 60) for end in (window.start, window.end))
        return [
            LogLine(at(minute + number / rate), service, f"{words[number % 3]} order {number}", Level.INFO)
            for minute in range(first, last + 1)
            for number in range(rate)
        ]


@dataclass
class Traces:
    failed: tuple[str, ...] = ()
    name: str = "tempo"

    async def calls(
        self, services: Sequence[str], window: Window, step_seconds: float
    ) -> Found[tuple[Calls, ...]] | Failed:
        asked = Asked(self.name, f"calls of {services}", window, step_seconds)
        if "calls" in self.failed:
            return Failed(asked, "Tempo said 503")
        return Found(asked, tuple(Calls(at(m), 60.0, "web", "shop", 50, 30 if m >= -3 else 0) for m in range(-30, 3)))

    async def work(
        self, services: Sequence[str], window: Window, step_seconds: float
    ) -> Found[tuple[Work, ...]] | Failed:
        asked = Asked(self.name, f"work of {services}", window, step_seconds)
        if "work" in self.failed:
            return Failed(asked, "Tempo said 503")
        return Found(asked, tuple(Work(at(m), 60.0, "shop", "pay", 50) for m in range(-30, 3)))


@dataclass
class Cluster:
    answer: Failed | Empty | None = None
    name: str = "kubernetes"

    async def happenings(
        self, services: Sequence[str], window: Window
    ) -> Found[tuple[Happening, ...]] | Empty | Failed:
        happened = (Happening(at(-1), "shop", "OOMKilled", "killed", 1, warning=True),)
        return self.answer or Found(Asked(self.name, f"events of {services}", window), happened)


@dataclass
class Deploys:
    name: str
    answer: Failed | None = None
    window: Window | None = None

    async def changes(self, services: Sequence[str], window: Window) -> Found[tuple[Signal, ...]] | Empty | Failed:
        self.window = window
        return self.answer or Found(Asked(self.name, f"releases of {services}", window), (deploy("shop", -5),))


FAILED = Failed(Asked("x", "q"), "it said 503")


class Told(dict[str, str]):
    """What each source was said to have answered."""

    async def tell(self, part: str, words: str) -> None:
        assert part not in self, "once each"
        self[part] = words


async def looked(sources: Sources, asked: Around | None = None) -> tuple[Observed, Told]:
    told = Told()
    return await observe(asked or around(), sources, told.tell), told


async def test_every_source_is_asked_and_says_how_it_answered() -> None:
    everything = Sources(Metrics(), Logs(), Traces(), Cluster(), (Deploys("github"), Deploys("argocd")))
    seen, told = await looked(everything)
    assert told == {
        "metrics": "found 2 series",
        "logs": "found 1922 lines",
        "traces": "found 1650 calls",
        "cluster": "found 1 event",
        "deploys": "found 2 changes",
    }
    assert (seen.gaps, seen.missing) == ((), ())
    assert [(one.asked.service, one.notable) for one in seen.deviations] == [("shop", True)], "the series that moved"
    assert {one.trait for one in seen.signs} == {Trait.ERRORS, Trait.HAPPENED}
    assert len(seen.changes) == 2


async def test_all_are_asked_at_once() -> None:
    everybody = asyncio.Barrier(5)  # two services' logs from before and since, and the cluster

    class Waits(Logs):
        async def lines(self, service: str, window: Window, limit: int) -> Answer:
            await everybody.wait()
            return await super().lines(service, window, limit)

    class WaitsToo(Cluster):
        async def happenings(
            self, services: Sequence[str], window: Window
        ) -> Found[tuple[Happening, ...]] | Empty | Failed:
            await everybody.wait()
            return await super().happenings(services, window)

    async with asyncio.timeout(5):
        await looked(Sources(Metrics(), Waits(), Traces(), WaitsToo()))


async def test_what_nothing_delivers_is_missing_and_no_gap() -> None:
    seen, told = await looked(Sources(Metrics()))
    assert seen.missing == ("logs", "traces", "cluster")
    assert (seen.gaps, set(told)) == ((), {"metrics"})


@pytest.mark.parametrize(
    ("sources", "gap", "words"),
    [
        (Sources(Metrics(FAILED)), Gap("metrics", "it said 503"), ("metrics", "failed it said 503")),
        (
            Sources(Metrics(), Logs(fails=lambda _one, _span: True)),
            Gap("logs", "loki did not answer within 10 s"),
            ("logs", "failed loki did not answer within 10 s"),
        ),
        (
            Sources(Metrics(), None, Traces(("calls", "work"))),
            Gap("traces", "Tempo said 503"),
            ("traces", "failed Tempo said 503"),
        ),
        (
            Sources(Metrics(), None, None, Cluster(FAILED)),
            Gap("cluster", "it said 503"),
            ("cluster", "failed it said 503"),
        ),
        (
            Sources(Metrics(), None, None, None, (Deploys("argocd", FAILED),)),
            Gap("argocd", "it said 503"),
            ("deploys", "failed it said 503"),
        ),
    ],
)
async def test_an_outage_is_a_gap_said_once_and_stops_nothing(
    sources: Sources, gap: Gap, words: tuple[str, str]
) -> None:
    seen, told = await looked(sources)
    assert seen.gaps == (gap,)
    assert told[words[0]] == words[1]
    assert set(told) >= {"metrics", words[0]}
    if gap.source != "metrics":
        assert [one.notable for one in seen.deviations] == [True]


async def test_half_an_outage_is_a_gap_beside_what_was_found() -> None:
    calls, _ = await looked(Sources(Metrics(), None, Traces(("work",))))
    assert calls.gaps == (Gap("traces", "Tempo said 503"),)
    assert {one.trait for one in calls.signs} == {Trait.ERRORS}
    deploys, _ = await looked(Sources(Metrics(), deploys=(Deploys("github", FAILED), Deploys("argocd"))))
    assert deploys.gaps == (Gap("github", "it said 503"),)
    assert len(deploys.changes) == 1


async def test_nothing_found_is_no_gap() -> None:
    empty = Empty(Asked("x", "q"))
    seen, told = await looked(Sources(Metrics(empty), Logs({}), None, Cluster(empty)))
    assert (seen.gaps, seen.signs, seen.deviations) == ((), (), ())
    assert set(told.values()) == {"empty nothing"}


async def test_services_without_indicators_are_a_gap_of_the_catalogue() -> None:
    seen, told = await looked(Sources(Metrics()), around((Service("cart"),)))
    assert seen.gaps == (Gap("metrics", "the catalogue has no indicators for these services"),)
    assert told["metrics"].startswith("failed ")


async def test_how_far_each_source_is_asked() -> None:
    logs, deploys = Logs(), Deploys("github")
    await looked(Sources(Metrics(), logs, deploys=(deploys,)))
    spans = sorted({(window.start, window.end) for _, window in logs.asked})
    assert spans[0][0] == at(-30)
    assert spans[1] == (at(-5), at(2))
    assert deploys.window == Window(at(-120), at(2))


async def test_new_lines_are_a_sign_and_lines_at_the_border_count_once() -> None:
    new = [LogLine(at(-5), "shop", "pool exhausted", Level.ERROR)] * 12
    seen, told = await looked(Sources(Metrics(), Logs(more=new)))
    assert [(one.trait, one.service, one.kind) for one in seen.signs] == [(Trait.SAID, "shop", CauseKind.ERRORS)]
    assert "12 times" in seen.signs[0].text
    assert told["logs"] == "found 1934 lines"


@pytest.mark.parametrize("rate", [60, 120, 1200])
async def test_a_talkative_service_of_which_not_all_is_read_is_no_news(rate: int) -> None:
    logs = Logs({"shop": rate, "cart": 30})
    seen, _ = await looked(Sources(Metrics(), logs), around(reach=replace(REACH, lines=500)))
    assert seen.signs == (), "the newest 500 lines are some minutes, before and since"


async def test_what_is_new_in_a_talkative_service_is_still_seen() -> None:
    new = [LogLine(at(-1 + number / 100), "shop", "pool exhausted", Level.ERROR) for number in range(40)]
    logs = Logs({"shop": 120, "cart": 30}, new)
    seen, _ = await looked(Sources(Metrics(), logs), around(reach=replace(REACH, lines=500)))
    assert {(one.trait, one.service) for one in seen.signs} == {(Trait.SAID, "shop")}


@pytest.mark.parametrize("part", ["before", "since"])
async def test_half_of_a_services_log_is_compared_with_nothing(part: str) -> None:
    begins = NOW - timedelta(seconds=REACH.guard)

    def fails(service: str, window: Window) -> bool:
        return service == "shop" and ((window.start < begins) is (part == "before"))

    seen, _ = await looked(Sources(Metrics(), Logs(fails=fails)))
    assert seen.gaps == (Gap("logs", "loki did not answer within 10 s"),)
    assert seen.signs == (), "neither is everything new nor has everything stopped"


async def test_a_service_that_says_nothing_any_more_is_a_sign() -> None:
    class Stops(Logs):
        def usual(self, service: str, window: Window) -> list[LogLine]:
            return [] if service == "shop" and window.start >= at(-5) else super().usual(service, window)

    seen, _ = await looked(Sources(Metrics(), Stops()))
    assert {one.service for one in seen.signs} == {"shop"}
    assert {one.trait for one in seen.signs} >= {Trait.AMOUNT}


async def test_earlier_incidents_are_no_past() -> None:
    reach = replace(REACH, window=7200.0)

    def burst(minute: float) -> list[LogLine]:
        return [LogLine(at(minute + number / 10), "shop", "pool exhausted", Level.ERROR) for number in range(40)]

    logs = Logs(more=[*burst(-90), *burst(-60), *burst(-30), *burst(-1)])
    earlier = tuple(Window(at(minute - 1), at(minute + 5)) for minute in (-90, -60, -30))
    known, _ = await looked(Sources(Metrics(), logs), around(earlier=earlier, reach=reach))
    unknown, _ = await looked(Sources(Metrics(), logs), around(reach=reach))

    def surprise(seen: Observed) -> float:
        return max((one.surprise for one in seen.signs if one.trait is Trait.SAID), default=0.0)

    assert surprise(known) > surprise(unknown)
