import asyncio
import itertools
from collections.abc import Sequence
from datetime import timedelta

import pytest

from bot.domain.evidence import Asked, Empty, Failed, Found, Window
from bot.domain.observed import Calls, Edge, Work
from bot.sources import spans
from bot.sources.sample import Sample, Spans, named, slices
from bot.sources.spans import Span
from tests.adapters.sources.stand_in import END, HOUR

START = HOUR.start


def span(
    known: str,
    parent: str,
    service: str,
    kind: str,
    start: float,
    seconds: float,
    *,
    error: bool = False,
    peer: str = "",
) -> Span:
    return Span(
        "t", known, parent, service, f"op {known}", kind, START + timedelta(seconds=start), seconds, error, peer
    )


CHECKOUT = (
    span("1", "", "shop", "server", 10, 1.2),
    span("2", "1", "shop", "client", 10.1, 1.0, error=True),
    span("3", "2", "payment", "server", 10.2, 0.8),
    span("4", "3", "payment", "internal", 10.2, 0.7),
    span("5", "4", "payment", "client", 10.3, 0.2, peer="payment-db"),
    span("6", "4", "payment", "client", 10.4, 0.3, peer="payment-db"),
    span("7", "1", "shop", "producer", 11, 0.01, peer="orders"),
    span("8", "7", "mail", "consumer", 70, 2.0, error=True),
)


def test_calls_join_the_callers_span_with_the_callees() -> None:
    assert spans.calls(CHECKOUT, (), HOUR, 60) == (
        Calls(START, 60, "", "shop", 1, 0, None, 1.2),
        Calls(START, 60, "payment", "payment-db", 2, 0, 0.25, None),
        # A producer does not wait for its consumer.
        Calls(START, 60, "shop", "mail", 1, 1, None, 2.0),
        Calls(START, 60, "shop", "payment", 1, 1, 1.0, 0.8),
    )


def test_only_calls_from_or_to_the_services_count() -> None:
    found = spans.calls(CHECKOUT, ["payment"], HOUR, 60)
    assert [(one.caller, one.callee) for one in found] == [("payment", "payment-db"), ("shop", "payment")]


def test_a_callee_without_spans_is_known_by_what_its_caller_says() -> None:
    refused = span("9", "3", "payment", "client", 10.5, 0.1, error=True, peer="ledger")
    found = spans.calls([*CHECKOUT, refused], ["ledger"], HOUR, 60)
    assert found == (Calls(START, 60, "payment", "ledger", 1, 1, 0.1, None),)


def test_a_part_of_a_trace_without_its_parent_has_no_caller() -> None:
    assert spans.calls([span("3", "missing", "payment", "server", 1, 1)], (), HOUR, 60) == ()


def test_own_time_leaves_out_the_times_in_which_a_child_ran() -> None:
    found = {one.operation: one for one in spans.work(CHECKOUT, ["payment", "mail"], HOUR, 60)}
    # 4 took 0.7 s, and its children ran from 10.3 to 10.5 and from 10.4 to 10.7.
    assert {name: round(one.own_seconds or 0, 6) for name, one in found.items()} == {
        "op 3": 0.1, "op 4": 0.3, "op 5": 0.2, "op 6": 0.3, "op 8": 2.0,
    }  # fmt: skip
    assert found["op 8"] == Work(START + timedelta(minutes=1), 60, "mail", "op 8", 1, 1, 2.0)


def test_a_child_that_outlives_its_parent_takes_no_more_than_there_is() -> None:
    one = span("1", "", "shop", "server", 0, 1)
    assert spans.own_seconds(one, [span("2", "1", "mail", "consumer", 0.4, 100), span("3", "1", "x", "", -5, 1)]) == 0.4
    assert spans.own_seconds(one, []) == 1


def test_edges_leave_out_what_comes_from_outside() -> None:
    assert spans.edges(CHECKOUT, "Tempo") == (
        Edge("payment", "payment-db", "Tempo"),
        Edge("shop", "mail", "Tempo"),
        Edge("shop", "payment", "Tempo"),
    )


@pytest.mark.parametrize(
    ("attributes", "is_failed"),
    [
        ({"error": "true"}, True),
        ({"error": "false"}, False),
        ({"otel.status_code": "ERROR"}, True),
        ({"http.status_code": "503"}, True),
        ({"http.response.status_code": "404"}, False),
        ({}, False),
    ],
)
def test_what_counts_as_a_failure(attributes: dict[str, str], is_failed: bool) -> None:  # noqa: FBT001  # expected value
    assert spans.failed(attributes) is is_failed


def test_a_sample_is_spread_over_the_whole_window() -> None:
    parts = list(slices(HOUR, 30))
    assert (len(parts), parts[0][0], parts[-1][1]) == (30, HOUR.start, HOUR.end)
    assert all(before[1] == after[0] for before, after in itertools.pairwise(parts))
    assert list(slices(Window(END, END), 30)) == [(END, END)]


def test_what_traces_call_a_service_is_turned_around() -> None:
    assert named({"accounts": "ledger-v2", "shop": "frontend"}) == {"ledger-v2": "accounts", "frontend": "shop"}


class Taking:
    """Gives what the test says, once it is let go."""

    def __init__(self, gives: Spans) -> None:
        self.gives, self.times, self.go = gives, 0, asyncio.Event()

    async def __call__(self, _services: Sequence[str], _window: Window) -> Spans:
        self.times += 1
        await self.go.wait()
        return self.gives


ASKED = Asked("Tempo", "{ }", HOUR)


@pytest.mark.parametrize("gives", [Found(ASKED, CHECKOUT), Empty(ASKED), Failed(ASKED, "it answered 500")])
async def test_who_asks_at_the_same_time_shares_one_sample(gives: Spans) -> None:
    seconds = [0.0]
    taking = Taking(gives)
    sample = Sample(taking, lambda: seconds[0])
    both = asyncio.gather(sample.calls(["payment"], HOUR, 60), sample.work(["payment"], HOUR, 60))
    await asyncio.sleep(0)
    taking.go.set()
    answers = await both
    assert taking.times == 1
    assert {type(one) for one in answers} == {type(gives)}

    # A sample stays new enough for a while; that there was none, or no answer, does not.
    await sample.work(["payment"], HOUR, 60)
    assert taking.times == (1 if isinstance(gives, Found) else 2)
    seconds[0] = 11
    await sample.work(["payment"], HOUR, 60)
    await sample.work(["shop"], HOUR, 60)
    assert taking.times == (3 if isinstance(gives, Found) else 4)
