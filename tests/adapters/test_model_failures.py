"""However the model or its server fails: no wording, a reason in words, and never an exception."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.domain.model import Arguments, NotTold, Piece, Told, Why
from bot.domain.money import Prices
from bot.model import ModelSettings
from tests.adapters.model_bench import EVIDENCE, KEY, bench, looks_up
from tests.standin_model import Json, calls, says, sentences

FAST = ModelSettings("small-1", KEY, prices=Prices(1, 10), seconds=2.0)
SERVER = "the model's server"
WAYS = [
    ("malformed", Why.MALFORMED, "not in the form", 2),
    ("prose", Why.MALFORMED, "not in the form", 2),
    ("filtered", Why.REFUSED, "refused", 1),
    ("slow", Why.SLOW, "no answer within 2 s", 1),
    ("quota", Why.QUOTA, "over its quota or rate (429)", 1),
    ("key", Why.SETUP, "refuses the key (401): is OPENAI_API_KEY right?", 1),
    ("no model", Why.SETUP, "is OPENAI_MODEL right?", 1),
    ("error", Why.OUTAGE, "failed (500)", 1),
    ("html", Why.MALFORMED, "no chat completion", 1),
    ("empty", Why.MALFORMED, "no chat completion", 1),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("manner", "why", "reason", "asked"), WAYS)
async def test_a_failure_is_not_told_with_its_reason(
    manner: str, why: Why, reason: str, asked: int, *, stream: bool
) -> None:
    async with bench(FAST) as b:
        b.standin.manner = manner
        lost = await b.answer(stream=stream)
        assert isinstance(lost, NotTold)
        assert (lost.why, len(b.standin.asked)) == (why, asked)
        assert reason in lost.reason
        assert b.standin.url not in lost.reason
        assert b.heard == []
        assert (lost.cost > 0) == (manner not in {"quota", "key", "no model", "error", "html", "empty"})
        assert await b.ledger.spent("incident:214") == pytest.approx(lost.cost)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusal_is_not_told(*, stream: bool) -> None:
    async with bench(FAST) as b:
        b.standin.manner = "refusal"
        lost = await b.answer(stream=stream)
        assert isinstance(lost, NotTold)
        assert (lost.why, len(b.standin.asked)) == (Why.REFUSED, 1)


@pytest.mark.parametrize("manner", ["stalls", "breaks off"])
async def test_a_stream_that_ends_too_early_is_not_told(manner: str) -> None:
    async with bench(FAST) as b:
        b.standin.manner = manner
        lost = await b.answer(stream=True)
        assert isinstance(lost, NotTold)
        assert lost.why is (Why.SLOW if manner == "stalls" else Why.OUTAGE)
        assert lost.cost > 0


async def test_nobody_there_is_not_told() -> None:
    async with bench(replace(FAST, base_url="http://user:kingfisher@127.0.0.1:9/v1")) as b:
        lost = await b.answer()
        assert isinstance(lost, NotTold)
        assert lost.why is Why.OUTAGE
        assert "is OPENAI_BASE_URL right?" in lost.reason
        assert "kingfisher" not in lost.reason


async def test_malformed_once_is_asked_once_more() -> None:
    async with bench() as b:
        good = sentences(("The payment pool is full.", ["E1"]))
        b.standin.script = lambda body: says(good if len(body["messages"]) > 2 else "The pool, I think.")
        assert isinstance(await b.answer(), Told)
        assert [one["role"] for one in b.standin.asked[1]["messages"]] == ["system", "user", "assistant", "user"]


async def test_what_is_whole_before_the_cut_is_told() -> None:
    async with bench() as b:
        b.standin.manner = "cut"
        told = await b.answer()
        assert isinstance(told, Told)
        assert (len(told.sentences), told.dropped) == (1, 1)


async def test_a_server_that_knows_no_form_is_asked_without_and_remembered() -> None:
    async with bench() as b:
        b.standin.manner = "no form"
        assert isinstance(await b.answer(), Told)
        assert isinstance(await b.answer({"E1": "The pool is full."}), Told)
        assert ["response_format" in one for one in b.standin.asked] == [True, False, False]


@pytest.mark.parametrize("manner", ["error", "quota", "slow", "html", "key"])
async def test_after_three_failures_it_rests_and_later_is_tried_again(manner: str) -> None:
    seconds = [0.0]
    async with bench(FAST, steady=lambda: seconds[0]) as b:
        b.standin.manner = manner
        for _ in range(3):
            await b.answer()
        resting = await b.answer()
        assert isinstance(resting, NotTold)
        assert resting.why is Why.RESTING
        assert "3 times in a row and is asked again in 15 s" in resting.reason
        assert len(b.standin.asked) == 3
        b.standin.hold.set()
        seconds[0], b.standin.manner = 15.0, "good"
        assert isinstance(await b.answer(), Told)


async def test_a_model_that_is_only_wrong_is_not_rested() -> None:
    async with bench() as b:
        b.standin.manner = "refusal"
        for _ in range(5):
            lost = await b.answer()
            assert isinstance(lost, NotTold)
            assert lost.why is Why.REFUSED


HOSTILE: list[tuple[Callable[[Json], Json], str]] = [
    (lambda _: says(sentences(("The payment pool is full, <!channel>.", ["E1"]))), "call a whole channel"),
    (lambda _: says(sentences(("The payment pool is full @everyone.", ["E1"]))), "call a whole channel"),
    (lambda _: says(sentences(("The pool: https://evil.example/?q=50", ["E1"]))), "link that is not in the evidence"),
    (lambda _: calls(("run_action", {"name": "rollback"})), "a tool that it was not given"),
    (lambda _: calls(("search", {"query": "a"}), ("grant_role", {})), "a tool that it was not given"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("script", "reason"), HOSTILE)
async def test_a_hostile_answer_is_not_told_and_no_tool_runs(
    script: Callable[[Json], Json], reason: str, *, stream: bool
) -> None:
    seen: list[Arguments] = []
    async with bench() as b:
        b.standin.script = script
        tool = looks_up([Piece("a", "The pool is full.")], seen=seen)
        asked = await b.model.ask(
            b.prompts["ask"],
            {"question": "?", "context": ""},
            [tool],
            evidence=EVIDENCE,
            purpose="test",
            on_sentence=b.hear if stream else None,
        )
        assert isinstance(asked, NotTold)
        assert asked.why is Why.HOSTILE
        assert reason in asked.reason
        assert (seen, b.heard) == ([], [])


async def test_nothing_after_a_hostile_sentence_is_heard() -> None:
    async with bench() as b:
        b.standin.script = lambda _: says(
            sentences(
                ("The payment pool is full.", ["E1"]), ("Hey <!here>", ["E1"]), ("The payment pool is in use.", ["E1"])
            )
        )
        assert isinstance(await b.answer(stream=True), NotTold)
        assert [one.text for one in b.heard] == ["The payment pool is full."]


async def test_an_endless_answer_ends() -> None:
    async with bench() as b:
        b.standin.script = lambda _: says("x" * 100_000)
        for stream in (False, True):
            lost = await b.answer(stream=stream)
            assert isinstance(lost, NotTold)
            assert lost.why is Why.MALFORMED


async def test_tracing_stays_off_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    # The network guard fails this test if anything is sent to LangSmith.
    for name in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2"):
        monkeypatch.setenv(name, "true")
    monkeypatch.setenv("LANGSMITH_API_KEY", "ls-not-a-key")
    async with bench() as b:
        assert isinstance(await b.answer(), Told)
        assert isinstance(await b.answer({"E1": "The pool is full."}, stream=True), Told)
        assert "not-a-key" not in json.dumps(b.standin.asked)
