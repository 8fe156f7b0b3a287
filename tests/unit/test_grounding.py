import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.claims import LONGEST_OBJECT, Claim, ClaimReader
from bot.domain.grounding import Dropped, Hostile, figures, weigh
from bot.domain.model import Sentence
from bot.domain.money import Budget, Prices, tokens
from tests.builders import NOW

SEEN = {
    "E1": "payment pool in use 50 of 50 since 14:01, see https://grafana.example/d/1?a=b. Owner [e-mail 1]",
    "E2": "deploy payment v2.31 at 13:58 on pay-01.prod.internal, 1,200 requests failed (4.8 %)",
}


def claim(text: str, *cites: str, part: str = "") -> Claim:
    return Claim(text, cites, part)


@pytest.mark.parametrize(
    "one",
    [
        claim("The payment pool has been full (50 of 50) since 14:01.", "E1"),
        claim("Payment was deployed at 13:58, three of its callers fail.", "E2"),
        claim("The pool is at https://grafana.example/d/1?a=b.", "E1"),
        claim("Write to [e-mail 1] about the pool.", "E1"),
        claim("1200 requests failed on pay-01.prod.internal.", "E2"),
        claim("INC-214 is about the payment pool.", "E1"),
        claim("Use the pool, e.g. with fewer connections.", "E1", "E9", "E1"),
    ],
)
def test_what_the_evidence_says_is_a_sentence(one: Claim) -> None:
    found = weigh(one, SEEN, "why is INC-214", ())
    assert isinstance(found, Sentence)
    assert found.cites == (one.cites[0],)


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (claim("The pool is full."), "no evidence"),
        (claim("The pool is full.", "E9"), "no evidence"),
        (claim("The pool has 64 of 50 connections.", "E1"), "figure 64"),
        (claim("The pool failed at 4.9 %.", "E2"), "figure 4.9"),
        (claim("Payment was deployed at 13:58.", "E1"), "figure 13"),
        (claim("The pool of evil.example is full.", "E1"), "address"),
        (claim("Ask [e-mail 2] about the pool.", "E1"), "person's data"),
        (claim("Evening falls upon quiet water, and gulls return.", "E1"), "something else"),
        (claim("pool " * 200, "E1"), "longer"),
    ],
)
def test_what_it_does_not_say_is_dropped(one: Claim, why: str) -> None:
    found = weigh(one, SEEN, "why", ())
    assert isinstance(found, Dropped)
    assert why in found.reason


@pytest.mark.parametrize(
    "text",
    [
        "The pool is full <!channel>",
        "The pool is full <! here>",
        "The pool is full <!subteam^S1>",
        "The pool is full &lt;!everyone>",
        "The pool is full @here",
        "The pool is full @chan\u200bnel",
        "The pool is full <@U123>",
        "The pool: https://grafana.example/d/1?a=b&token=1",
        "The pool: HTTPS://evil.example",
        "The pool: www.evil.example",
        "The pool: javascript:alert(1)",
        "The pool: slack://open",
        "The [pool](https://grafana.example/d/1?a=b)",
        "The <https://grafana.example/d/1?a=b|pool>",
    ],
)
def test_mentions_and_foreign_links_are_hostile_whatever_they_cite(text: str) -> None:
    assert isinstance(weigh(claim(text, "E1"), SEEN, "why", ()), Hostile)
    assert isinstance(weigh(claim(text), SEEN, "why", ()), Hostile)


def test_a_link_in_the_question_is_not_in_the_evidence() -> None:
    asked = weigh(claim("See https://evil.example about the pool.", "E1"), SEEN, "is https://evil.example right", ())
    assert isinstance(asked, Hostile)


def test_a_sentence_belongs_to_a_part_of_its_prompt() -> None:
    assert isinstance(weigh(claim("The pool is full.", "E1", part="cause"), SEEN, "", ("cause", "next")), Sentence)
    assert isinstance(weigh(claim("The pool is full.", "E1", part="poem"), SEEN, "", ("cause", "next")), Dropped)
    free = weigh(claim("The pool is full.", "E1", part="poem"), SEEN, "", ())
    assert isinstance(free, Sentence)
    assert free.part == ""


def test_figures_are_written_alike() -> None:
    assert figures("1,200 and 1200.0, 4.80 %, 3 of 9, 10.5") == {"1200", "4.8", "10.5"}


@given(st.text(max_size=300))
def test_what_is_shown_is_harmless(text: str) -> None:
    found = weigh(claim(text, "E1"), {"E1": text}, "", ())
    if isinstance(found, Sentence):
        assert "<" not in found.shown
        assert ">" not in found.shown
        assert "\n" not in found.shown


TWO = [Claim('a {brace} "quoted"', ("E1",)), Claim("b", ("E2",), "next")]


@pytest.mark.parametrize(
    "written",
    [
        '{"sentences": [%s, %s]}',
        "%s\n%s",
        "Sure! Here it is:\n```json\n[%s,\n%s]\n```\nAnything else?",
        '{"a": {"b": [%s]}, "c": %s}',
    ],
)
def test_sentences_are_read_in_every_wrapping_and_in_pieces_of_any_size(written: str) -> None:
    text = written % (
        json.dumps({"text": TWO[0].text, "cites": ["[E1]"]}),
        json.dumps({"part": "next", "text": "b", "cites": "E2"}),
    )
    whole, letters = ClaimReader(), ClaimReader()
    assert whole.feed(text) == TWO
    assert [one for letter in text for one in letters.feed(letter)] == TWO
    whole.end()
    assert whole.broken == 0


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ('{"text": ""}', 1),
        ('{"text": 4, "cites": []}', 1),
        ('{"text": "a", "cites": [1]}', 1),
        ('{"text": "a", "cites": ["E1"', 1),
        ("{not json}", 1),
        ('{"text": "' + "x" * LONGEST_OBJECT + '"}', 1),
        ("no object at all", 0),
        ('{"sentences": []}', 0),
    ],
)
def test_what_is_no_sentence_is_counted(text: str, broken: int) -> None:
    reader = ClaimReader()
    assert reader.feed(text) == []
    reader.end()
    assert (reader.broken, reader.none) == (broken, text == '{"sentences": []}')


@given(st.text(alphabet='{}"\\[]:,abtexcits\n ', max_size=400))
def test_no_text_breaks_the_reader(text: str) -> None:
    reader = ClaimReader()
    reader.feed(text)
    reader.end()
    assert reader.feed('{"text": "after", "cites": []}') == [Claim("after", ())]


def test_prices_and_budgets() -> None:
    assert Prices(2, 8).cost(1_000_000, 500_000) == 6
    assert [one[0] for one in Budget(1, 5).limits(214, NOW)] == ["incident:214", "day:2026-11-20"]
    assert Budget(1, 5).limits(None, NOW) == (("day:2026-11-20", "20 November", 5),)
    assert tokens([]) == 0
    assert tokens(["word " * 1000]) > 1000
    assert tokens(["ü" * 700]) == 408
