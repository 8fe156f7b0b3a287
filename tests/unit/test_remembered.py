from dataclasses import replace

import pytest

from bot.domain.cause import CauseKind, CauseReport, Hypothesis, Verdict
from bot.domain.change import ChangeState
from bot.domain.grouping import Place, Placement, opened
from bot.domain.passage import DocumentKind
from bot.domain.past import Moment, PastIncident
from bot.domain.remembered import alike, document_of, of_our_own
from tests.builders import NOW, alert, at, change, incident

PAST = PastIncident(
    id="INC-3",
    title="Payments fail",
    service="payment",
    started_at=at(-60),
    ended_at=NOW,
    cause_kind="pool",
    cause_service="payment",
    cause_text="The pool was exhausted.",
    fix="Restarted payment.",
    held=True,
    symptoms=("errors at 20 %",),
    timeline=(Moment(NOW, "restarted"),),
    sample=True,
)
BEST = Hypothesis(
    CauseKind.POOL, "payment", "pool", "Payment's connection pool is exhausted", 0.8, ("E1",), (), "count"
)
FOUND = CauseReport(Verdict.LIKELY, (BEST,), (), (), None, (), None, (), NOW, 0.1)
ALERT = opened(alert(), 1, "C1", Placement(Place.NEW, ""), NOW)[1]


def test_a_past_incident_is_a_document_with_its_parts() -> None:
    document = document_of(PAST)
    assert (document.path, document.kind, document.service, document.meta) == (
        *("incidents/INC-3", DocumentKind.INCIDENT),
        *("payment", {"sample": "true"}),
    )
    assert document.text.split("\n\n") == [
        *("# Payments fail", "## Symptoms", "- errors at 20 %", "## Cause", "The pool was exhausted."),
        *("## Fix", "Restarted payment. It held.", "## Timeline", "- 19:30 restarted\n"),
    ]


@pytest.mark.parametrize(("held", "words"), [(False, "It did not hold."), (None, "Nobody noted whether it held.")])
def test_whether_it_held_is_said(held: bool | None, words: str) -> None:  # noqa: FBT001  # a table
    assert words in document_of(replace(PAST, held=held)).text


def test_what_is_not_known_has_no_heading() -> None:
    bare = document_of(replace(PAST, symptoms=(), timeline=()))
    assert "## Symptoms" not in bare.text
    assert "## Timeline" not in bare.text


def test_our_own_incident_is_a_document_of_the_same_kind() -> None:
    fixed = replace(change(ChangeState.HELPED), verdict="errors 20 % → 0 %")
    document = of_our_own(incident(), [ALERT, ALERT], FOUND, fixed)
    assert (document.path, document.kind, document.service) == ("incidents/INC-1", DocumentKind.INCIDENT, "payment")
    assert document.text.count("- HighLatency: HighLatency of payment") == 1
    assert "Payment's connection pool is exhausted" in document.text
    assert "Restart payment. errors 20 % → 0 %" in document.text


def test_a_cause_that_was_not_found_is_not_made_up() -> None:
    unsure = replace(FOUND, verdict=Verdict.UNSURE)
    by_hand = replace(incident(), resolution="turned it off and on")
    assert "## Cause" not in of_our_own(by_hand, [ALERT], unsure, None).text
    assert "turned it off and on" in of_our_own(by_hand, [ALERT], None, None).text
    shown = alike(by_hand, unsure, None, 0.4)
    assert (shown.text, shown.fix, shown.held, shown.score) == (
        *("its cause was not found", "turned it off and on"),
        *(None, 0.4),
    )


def test_an_incident_like_it_says_what_fixed_it() -> None:
    shown = alike(incident(), FOUND, change(ChangeState.HELPED), 0.9)
    assert (shown.id, shown.text, shown.fix, shown.held) == ("INC-1", BEST.text, "Restart payment", True)
