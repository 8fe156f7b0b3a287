"""Each source against a cassette: that it asks exactly what the API documents, and reads what that answers."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
import vcr

from bot.domain.evidence import Found
from bot.domain.observed import Calls, Edge, Happening, Level, LogLine
from bot.domain.signal import Signal, digest
from bot.settings import Secret
from bot.sources.jaeger import JaegerTraces
from tests.adapters.sources.everything import EVERYTHING, TOKEN, One
from tests.adapters.sources.stand_in import CASSETTES, END, TWO_SECONDS, Answer

A, B, C = ("a" * 40, "b" * 40, "c" * 40)
BY_NAME = {one.name: one for one in EVERYTHING}


def at(hour: int, minute: int, second: int = 0) -> datetime:
    return END.replace(hour=hour, minute=minute, second=second)


def same_json(asked: Any, recorded: Any) -> None:  # noqa: ANN401  # vcrpy publishes no types
    # vcrpy sees aiohttp's json= as the value itself, and a cassette's body as bytes.
    assert asked.body == (json.loads(recorded.body) if recorded.body else None)


def player() -> Any:  # noqa: ANN401  # vcrpy publishes no types
    made = vcr.VCR(
        record_mode=vcr.mode.NONE, match_on=["method", "scheme", "host", "port", "path", "query", "same JSON"]
    )
    made.register_matcher("same JSON", same_json)
    return made


async def play(one: One) -> Answer:
    asking = one.make(one.address, Secret(TOKEN), 5, lambda: 0.0)
    with player().use_cassette(str(CASSETTES / f"{one.name}.yaml")) as cassette:
        answer = await asking()
        not_asked = sum("dependencies" in request.uri for request in cassette.requests)
        assert cassette.play_count == len(cassette) - not_asked
    return answer


@pytest.mark.parametrize("one", EVERYTHING, ids=lambda one: one.name)
def test_a_cassette_says_how_it_came_to_be(one: One) -> None:
    text = (CASSETTES / f"{one.name}.yaml").read_text(encoding="utf-8")
    assert text.startswith("# How it came to be: ")
    assert "https://" in text.partition("interactions:")[0]
    assert TOKEN not in text


async def test_loki() -> None:
    answer = await play(BY_NAME["loki"])
    assert isinstance(answer, Found)
    assert answer.asked.query == '{service_name="payment"}'
    assert answer.data == (
        LogLine(at(2, 0), "payment", '{"level":"info","message":"listening on 8080"}', Level.INFO),
        LogLine(at(2, 50), "payment", "payment refused: connection pool exhausted (20 of 20 in use)", Level.ERROR),
        LogLine(
            at(2, 59, 50) + timedelta(microseconds=123456),
            "payment",
            "payment refused: connection pool exhausted (20 of 20 in use)",
            Level.ERROR,
        ),
        LogLine(at(2, 59, 59), "payment", 'level=warn msg="slow query" seconds=4.2', Level.WARNING),
    )


async def test_elasticsearch() -> None:
    answer = await play(BY_NAME["elasticsearch"])
    assert isinstance(answer, Found)
    assert answer.asked.query.startswith("POST /logs-*/_search?allow_no_indices=false\n{")
    assert [(line.at.minute, line.level, line.text) for line in answer.data] == [
        (40, Level.INFO, "listening on 8080"),
        (50, Level.WARNING, "slow query: 4.2 s"),
        (59, Level.ERROR, "payment refused\nPoolExhausted: 20 of 20 in use"),
    ]


async def test_github() -> None:
    answer = await play(BY_NAME["github"])
    assert isinstance(answer, Found)
    signals: tuple[Signal, ...] = answer.data
    assert [(one.name, one.at, one.environment, one.summary) for one in signals] == [
        ("deploy", at(2, 43), "production", "Deployed v2.31.0 to production"),
        ("push", at(2, 33), "", "Pushed: Raise the pool's size"),
        ("merge", at(2, 30), "", "Merged #318 into main: Ask the ledger once for each item"),
    ]
    assert signals[0].facts == {
        "version": "v2.31.0", "previous": "v2.30.1", "by": "kim", "commit": A, "state": "success",
    }  # fmt: skip
    # The ids under which GitHub's webhook would have brought the same changes.
    assert [one.id for one in signals] == [
        digest("change", "github", "payment", "deployment", "acme/payment", "42", ""),
        digest("change", "github", "payment", "commit", "acme/payment", B),
        digest("change", "github", "payment", "commit", "acme/payment", A),
    ]
    assert "GET /repos/acme/payment/deployments?per_page=100" in answer.asked.query


async def test_argo_cd() -> None:
    answer = await play(BY_NAME["argocd"])
    assert isinstance(answer, Found)
    again, first = answer.data
    assert (first.at, first.facts) == (
        at(2, 41),
        {"version": "a" * 12, "previous": "c" * 12, "by": "automatic sync", "commit": A},
    )
    assert first.id == digest(
        "change", "argocd", "payment", "sync", "shop", "payment-production", "2026-11-21T02:41:00+00:00", "a" * 12
    )
    assert again.summary == f"Synced payment-production to {'a' * 12} again"
    assert (again.facts["by"], again.facts["previous"]) == ("kim", "c" * 12)
    assert first.url == "https://argocd.example/applications/payment-production"


async def test_kubernetes() -> None:
    answer = await play(BY_NAME["kubernetes"])
    assert isinstance(answer, Found)
    pod = "payment-7c9f8d6b5d-x2x4z"
    happenings: tuple[Happening, ...] = answer.data
    assert [(one.at, one.reason, one.count, one.warning) for one in happenings] == [
        (at(2, 10), "ScalingReplicaSet", 1, False),
        (at(2, 18), "FailedScheduling", 4, True),
        (at(2, 45), "OOMKilled", 4, True),
        (at(2, 50), "BackOff", 12, True),
    ]
    assert happenings[2].text == f"container payment of pod {pod} ended with code 137, 4 restarts so far"
    assert happenings[3].text == f"Pod {pod}: Back-off restarting failed container payment"
    assert "GET /api/v1/namespaces/shop/events" in answer.asked.query


CALLS = (
    Calls(TWO_SECONDS.start, 1, "payment", "payment-db", 1, 0, 0.6, None),
    Calls(TWO_SECONDS.start, 1, "shop", "payment", 1, 1, 1.0, 0.8),
)


@pytest.mark.parametrize("name", ["tempo", "jaeger"])
async def test_traces(name: str) -> None:
    answer = await play(BY_NAME[name])
    assert isinstance(answer, Found)
    assert answer.data == CALLS


async def test_jaegers_own_graph() -> None:
    source = JaegerTraces("http://jaeger.example:16686", None, {"accounts": "ledger"}, 5)
    with player().use_cassette(str(CASSETTES / "jaeger.yaml")):
        answer = await source.edges(TWO_SECONDS)
    assert isinstance(answer, Found)
    assert answer.data == (Edge("payment", "accounts", "Jaeger"), Edge("shop", "payment", "Jaeger"))
    assert answer.asked.query == "GET /api/dependencies?endTs=1795230000000&lookback=2000"
