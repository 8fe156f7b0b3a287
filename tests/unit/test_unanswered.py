from hypothesis import given
from hypothesis import strategies as st

from bot.domain.passage import DocumentKind, Near
from bot.domain.unanswered import Asked, Unanswered, gap_id, met
from tests.builders import NOW, at

NEAR = Near("runbooks/shop", "Shop", DocumentKind.RUNBOOK, 0.4, owner="@shop-team")


def gap(text: str = "who pays the ledger?", kind: Asked = Asked.QUESTION) -> Unanswered:
    return Unanswered.of(kind, text, "shop", "@shop-team", NEAR, NOW)


def test_a_gap_is_the_same_whatever_its_case_and_spacing() -> None:
    assert gap("Who  pays\nthe LEDGER?").id == gap().id
    assert gap("who pays the shop?").id != gap().id
    assert gap(kind=Asked.ALERT).id != gap().id


def test_a_gap_that_is_met_again_is_counted_and_open_again() -> None:
    first = gap()
    assert (first.times, first.open, first.nearest) == (1, True, "runbooks/shop")
    closed = Unanswered(**{**{name: getattr(first, name) for name in first.__slots__}, "closed_by": "U1"})
    assert not closed.open
    again = met(closed, at(5))
    assert (again.times, again.open, again.first_at, again.last_at) == (2, True, NOW, at(5))
    assert again.id == first.id


@given(st.text(max_size=2_000))
def test_any_question_can_be_a_gap(text: str) -> None:
    found = Unanswered.of(Asked.QUESTION, text, "", "", None, NOW)
    assert len(found.text) <= 600
    assert (found.nearest, len(found.id)) == ("", 16)
    assert gap_id(Asked.QUESTION, f"  {text} ") == found.id
