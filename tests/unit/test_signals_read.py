import json
import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.cause import CauseKind, Evidence, cite
from bot.domain.observed import Calls, Happening, Level, LogLine, Work
from skills.rca.signals import read
from skills.rca.signals.blocks import Clockwork
from skills.rca.signals.sign import Sign, Trait
from tests.builders import at

CLOCK = Clockwork(at(-3), at(0), 60.0)
PAST, NOW = range(-27, -3), range(-3, 1)
QUERIES = {"shop": '{service="shop"}', "cart": '{service="cart"}'}


def line(minute: float, text: str, service: str = "shop", level: Level = Level.INFO) -> LogLine:
    return LogLine(at(minute), service, text, level)


def usual(minutes: Sequence[int] = (*PAST, *NOW), service: str = "shop") -> list[LogLine]:
    """What the service says every minute; a little more in every third."""
    return [
        line(minute + number / 100, f"{words} order {number}", service)
        for minute in minutes
        for words in ("took", "paid", "sent")
        for number in range(20 + 2 * (minute % 3))
    ]


def from_logs(*lines: LogLine) -> list[Sign]:
    return read.from_logs(sorted(lines, key=lambda one: one.at), QUERIES, "loki", CLOCK)


def of(found: Sequence[Sign], trait: Trait, service: str = "shop") -> Sign:
    return next(one for one in found if one.trait is trait and one.service == service)


def shown(sign: Sign) -> str:
    """As a person sees it."""
    return cite(Evidence("E1", sign.evidence, sign.service, sign.text, sign.query, sign.source, sign.onset))


def test_logs_as_always_say_nothing() -> None:
    assert from_logs(*usual(), *usual(service="cart")) == []


def test_a_new_line_is_said_since_its_first_time() -> None:
    new = [line(-2 + number / 10, f"pool exhausted after {number} s", level=Level.ERROR) for number in range(8)]
    sign = of(from_logs(*usual(), *usual(service="cart"), *new), Trait.SAID)
    assert sign.text == "log: “pool exhausted after 0 s” 8 times, not before"
    assert (sign.kind, sign.query, sign.source, sign.evidence) == (CauseKind.ERRORS, QUERIES["shop"], "loki", "log")
    assert sign.onset == at(-2)
    assert sign.surprise > 0.5


def test_nobody_knows_since_when_a_usual_line_is_said_too_often() -> None:
    always = [line(minute, "retrying", level=Level.WARNING) for minute in (*PAST, *NOW)]
    burst = [line(-1, "retrying", level=Level.WARNING)] * 60
    sign = of(from_logs(*usual(), *usual(service="cart"), *always, *burst), Trait.SAID)
    assert sign.text == "log: “retrying” 64 times, usually 4 times"
    assert sign.onset is None


def test_the_more_often_it_is_said_the_more_surprising() -> None:
    def surprise(times: int) -> float:
        new = [line(-1, "pool exhausted", level=Level.ERROR)] * times
        return of(from_logs(*usual(), *usual(service="cart"), *new), Trait.SAID).surprise

    assert surprise(4) < surprise(40)


def test_a_line_that_stops_is_a_sign() -> None:
    stopped = [one for one in usual(NOW) if not one.text.startswith("sent")]
    found = from_logs(*usual(PAST), *stopped, *usual(service="cart"))
    assert of(found, Trait.AMOUNT).text.startswith("log: “sent order")
    assert "0 times, usually" in of(found, Trait.AMOUNT).text
    assert of(found, Trait.ORDER).kind is CauseKind.BEHAVIOUR
    assert {one.service for one in found} == {"shop"}


def test_a_service_that_says_twice_as_much_of_everything_is_only_busy() -> None:
    busy = [one for one in usual(NOW) for _ in range(2)]
    quiet = usual(service="cart")
    assert from_logs(*usual(PAST), *busy, *quiet) == []


def test_what_a_log_says_is_shown_as_it_was_said() -> None:
    new = [line(-1, "a -> b & <!channel> failed", level=Level.ERROR)] * 9
    sign = of(from_logs(*usual(), *usual(service="cart"), *new), Trait.SAID)
    assert "“a -&gt; b &amp; &lt;!channel&gt; failed”" in shown(sign), "escaped once, by whoever shows it"


def test_a_secret_in_a_log_goes_nowhere() -> None:
    key = "ghp_" + "a1B2" * 9
    words = "push was refused for the token that the deploy job of the payment service in production uses, which is"
    new = [line(-1, f"{words} {key}", level=Level.ERROR)] * 9
    sign = of(from_logs(*usual(), *usual(service="cart"), *new), Trait.SAID)
    assert "ghp" not in sign.text
    assert "ghp" not in shown(sign)


@pytest.mark.parametrize(
    "text", ['{"a":' + "[" * 3_900, "\x00\x1b[31m", "<" * 4_000, '{"message": "' + "x" * 3_900, ""]
)
def test_no_line_stops_the_reading_of_the_others(text: str) -> None:
    found = from_logs(*usual(), *usual(service="cart"), *[line(-1, text, level=Level.ERROR)] * 9)
    assert of(found, Trait.SAID).surprise > 0.5
    assert len(shown(of(found, Trait.SAID))) < 1_000


def test_a_past_without_now_and_now_without_a_past_say_nothing() -> None:
    assert from_logs(*usual(PAST)) == []
    assert from_logs(*usual(NOW)) == []
    assert from_logs() == []


def call(minute: int, count: int, errors: int = 0, callee: str = "shop", **times: float) -> Calls:
    return Calls(at(minute), 60.0, "web", callee, count, errors, times.get("client"), times.get("server"))


def calls(now: int, errors: int, before: int = 100, errors_before: int = 0) -> list[Calls]:
    return [call(minute, before + minute % 3, errors_before) for minute in PAST] + [
        call(minute, now, errors) for minute in NOW
    ]


def test_calls_as_always_say_nothing() -> None:
    assert (
        read.from_calls(
            [*calls(100, 0), *(call(minute, 50, callee="cart") for minute in (*PAST, *NOW))], "q", "tempo", CLOCK
        )
        == []
    )


def test_calls_that_fail_are_errors_of_the_callee() -> None:
    sign = of(read.from_calls(calls(100, 30), "q", "tempo", CLOCK), Trait.ERRORS)
    assert sign.text == "calls of shop failed 120 times, not before"
    assert (sign.kind, sign.query, sign.evidence) == (CauseKind.ERRORS, "q", "trace")


def test_failures_that_burst_where_some_calls_always_fail_are_seen() -> None:
    found = read.from_calls(calls(100, 50, errors_before=5), "q", "tempo", CLOCK)
    told = re.fullmatch(r"calls of shop failed 200 times, usually (\d+) times", of(found, Trait.ERRORS).text)
    assert told
    assert 15 <= int(told[1]) <= 25
    assert not read.from_calls(calls(100, 5, errors_before=5), "q", "tempo", CLOCK)
    more_traffic = read.from_calls(calls(300, 15, errors_before=5), "q", "tempo", CLOCK)
    assert not [one for one in more_traffic if one.trait is Trait.ERRORS], "no greater share fails"


def test_calls_that_go_elsewhere_are_behaviour_of_the_caller() -> None:
    both = [call(minute, 100, callee=name) for minute in PAST for name in ("shop", "cart", "search", "mail")]
    now = [call(minute, 100, callee=name) for minute in NOW for name in ("cart", "search", "mail")]
    sign = of(read.from_calls([*both, *now], "q", "tempo", CLOCK), Trait.CALLS, "web")
    assert sign.text == "web called shop 0 times, usually 400 times"
    assert sign.kind is CauseKind.BEHAVIOUR


def test_a_guessed_number_of_calls_counts_for_nothing() -> None:
    guessed = [Calls(at(minute), 60.0, "web", "shop", 30, counted=False) for minute in PAST]
    more = [Calls(at(minute), 60.0, "web", "shop", 900, counted=False) for minute in NOW]
    assert read.from_calls([*guessed, *more], "q", "mesh", CLOCK) == []


def test_a_wait_that_is_new_is_the_network_to_the_callee() -> None:
    known = [call(minute, 100, client=0.050 + 0.001 * (minute % 3), server=0.045) for minute in PAST]
    known += [call(minute, 100, callee="cart", client=0.020, server=0.018) for minute in (*PAST, *NOW)]
    now = [call(minute, 100, client=0.350, server=0.045) for minute in NOW]
    sign = of(read.from_calls([*known, *now], "q", "tempo", CLOCK), Trait.WAIT)
    assert sign.text == "callers of shop wait 305 ms longer than it works, 6 ms before"
    assert (sign.kind, sign.onset) == (CauseKind.NETWORK, at(-3))


def test_a_callee_that_works_longer_is_not_the_network() -> None:
    known = [call(minute, 100, client=0.050, server=0.045) for minute in PAST]
    now = [call(minute, 100, client=0.355, server=0.350) for minute in NOW]
    assert not [one for one in read.from_calls([*known, *now], "q", "tempo", CLOCK) if one.trait is Trait.WAIT]


def work(minute: int, operation: str, count: int, errors: int = 0, own: float | None = None) -> Work:
    return Work(at(minute), 60.0, "shop", operation, count, errors, own)


def operations(minutes: Sequence[int], *names: str) -> list[Work]:
    return [work(minute, name, 40 + minute % 3) for minute in minutes for name in names]


def test_an_operation_that_is_new_or_fails_is_a_sign() -> None:
    known = operations((*PAST, *NOW), "pay", "view", "list")
    new = read.from_work([*known, *operations(NOW, "retry")], "q", "tempo", CLOCK)
    assert of(new, Trait.OPERATION).text == "shop: retry 163 times, not before"
    failing = read.from_work([*known, *(work(minute, "pay", 0, 20) for minute in NOW)], "q", "tempo", CLOCK)
    assert of(failing, Trait.OPERATION).text == "shop: pay failed 80 times, not before"


def test_an_operation_that_stops_breaks_the_pattern() -> None:
    known = [*operations((*PAST, *NOW), "pay", "view"), *operations(PAST, "mail")]
    found = read.from_work(known, "q", "tempo", CLOCK)
    assert "0 times" in of(found, Trait.SHARE).text
    assert "beside" in of(found, Trait.PATTERN).text


def test_a_service_that_works_longer_itself_is_slow() -> None:
    known = [work(minute, "pay", 100, own=0.100 + 0.001 * (minute % 4)) for minute in PAST]
    now = [work(minute, "pay", 100, own=0.900) for minute in NOW]
    sign = of(read.from_work([*known, *now], "q", "tempo", CLOCK), Trait.OWN_TIME)
    assert sign.text == "shop itself takes 900 ms a request, 102 ms before"
    assert (sign.kind, sign.onset) == (CauseKind.LATENCY, at(-3))


def happened(minute: float, reason: str = "OOMKilled", count: int = 1, *, warning: bool = True) -> Happening:
    return Happening(at(minute), "shop", reason, "container shop <x> was killed", count, warning)


def test_what_the_cluster_did_since_it_began_is_a_sign() -> None:
    found = read.from_cluster([happened(-20), happened(-1), happened(-2, "BackOff", 4)], "events", "kubernetes", CLOCK)
    killed, back_off = found
    assert (killed.kind, killed.onset) == (CauseKind.MEMORY, at(-1))
    assert killed.text == "OOMKilled: container shop <x> was killed"
    assert back_off.text.endswith("was killed, 4 times")
    assert (back_off.kind, back_off.surprise < killed.surprise) == (CauseKind.ERRORS, True)


def test_what_a_cluster_calls_normal_is_none() -> None:
    assert read.from_cluster([happened(-1, "Scheduled", warning=False)], "events", "kubernetes", CLOCK) == []


TEXTS = st.one_of(st.text(max_size=60), st.sampled_from(["took 1", "took 2", json.dumps({"message": "paid 3"})]))
LINES = st.builds(
    LogLine,
    st.integers(-40, 5).map(at),
    st.sampled_from(["shop", "cart"]),
    TEXTS,
    st.sampled_from(list(Level)),
)
SECONDS = st.none() | st.floats(0, 1e4)
CALLS = st.builds(
    Calls,
    st.integers(-40, 5).map(at),
    st.just(60.0),
    st.sampled_from(["", "web", "cart"]),
    st.sampled_from(["shop", "cart"]),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    SECONDS,
    SECONDS,
    st.booleans(),
)
WORK = st.builds(
    Work,
    st.integers(-40, 5).map(at),
    st.just(60.0),
    st.sampled_from(["shop", "cart"]),
    st.sampled_from(["pay", "view", "error"]),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    SECONDS,
)


@given(st.lists(LINES, max_size=40), st.lists(CALLS, max_size=40), st.lists(WORK, max_size=40))
def test_whatever_sources_answer_can_be_read(lines: list[LogLine], called: list[Calls], did: list[Work]) -> None:
    found = [
        *read.from_logs(lines, QUERIES, "loki", CLOCK),
        *read.from_calls(called, "q", "tempo", CLOCK),
        *read.from_work(did, "q", "tempo", CLOCK),
    ]
    assert all(0 < one.surprise <= 9 and one.service and one.text for one in found)
    assert all(one.onset is None or CLOCK.at(CLOCK.bin(CLOCK.begins)) <= one.onset for one in found)
