from dataclasses import replace

import pytest

from bot.domain.cause import CauseKind, CauseReport, Evidence, Hypothesis, Verdict
from bot.domain.grouping import Place, Placement, opened
from bot.domain.incident import IncidentState
from bot.domain.journal import Entry, Line
from bot.domain.passage import DocumentKind
from bot.domain.unanswered import Asked, Unanswered
from skills.pages import logic, views
from tests.builders import NOW, alert, at, change, incident

TOKEN = "ghp_" + "a1B2" * 9
OVER = replace(incident(7), state=IncidentState.RESOLVED, closed_at=at(12), resolution="went away", closed_by="U-ada")
ALERT = replace(opened(alert(), 7, "C1", Placement(Place.NEW, ""), NOW)[1], summary="it is slow")
BEST = Hypothesis(CauseKind.POOL, "payment", "pool", "Payment's connection pool is exhausted", 0.8, ("E1",), (), "")
PIECES = (Evidence("E1", "metric", "payment", "payment pool 1 → 5", "pool", "metrics"),)
REPORT = CauseReport(Verdict.LIKELY, (BEST,), PIECES, (), at(-1), (), None, (), NOW, 0.1)


def line(verb: str, minutes: float, reason: str = "", actor: str = "fettle") -> Line:
    return Line(1, at(minutes), "r", Entry("incident:7", verb, actor, reason=reason, incident=7), "h")


LINES = (line("open", 0, "a new alert"), line("acknowledge", 2, actor="U-ada"), line("mute", 3), line("resolve", 12))


def test_a_draft_tells_what_is_known() -> None:
    made = logic.draft(OVER, [ALERT], REPORT, None, LINES)
    assert made.title == OVER.title
    assert set(made.parts) == set(logic.PARTS)
    assert made.parts["summary"].endswith("It lasted 12 min, from 2026-11-20 19:30 UTC to 2026-11-20 19:42 UTC.")
    assert made.parts["impact"] == "Services that alerted: payment.\n- HighLatency: it is slow"
    assert made.parts["cause"] == "Payment's connection pool is exhausted.\n- payment pool 1 → 5"
    assert made.parts["remedy"].splitlines() == [
        "went away",
        "",
        "Timeline:",
        "- 2026-11-20 19:30 UTC Fettle: open, a new alert",
        "- 2026-11-20 19:32 UTC somebody: acknowledge",
        "- 2026-11-20 19:42 UTC Fettle: resolve",
    ]
    assert made.parts["lessons"] == ""


def test_what_nobody_knows_is_said_to_be_missing() -> None:
    made = logic.draft(replace(OVER, resolution=""), [], None, None, ())
    assert made.parts["cause"] == "Not found."
    assert made.parts["remedy"].startswith("Not noted.")


def test_the_change_that_helped_is_the_remedy() -> None:
    fixed = replace(change(), verdict="errors fell to 0 %")
    assert logic.draft(OVER, [], None, fixed, ()).parts["remedy"].startswith("Restart payment. errors fell to 0 %")


def test_a_draft_carries_no_secret_and_fits_into_its_fields() -> None:
    leaking = replace(ALERT, summary=f"login with {TOKEN} was refused")
    made = logic.draft(
        replace(OVER, title=f"{TOKEN} fails", resolution=f"changed {TOKEN} " + "x" * 9_000),
        [leaking] * 9,
        replace(REPORT, evidence=(replace(PIECES[0], text=f"log: {TOKEN}"),)),
        None,
        [line("resolve", 1, f"used {TOKEN}")] * 99,
    )
    assert "a1B2" not in made.title + "".join(made.parts.values())
    assert all(len(text) <= logic.LONGEST for text in made.parts.values())
    modal = views.draft_modal(OVER, made, "@shop-team")
    assert modal["private_metadata"] == "7"


def test_what_a_model_may_word_a_draft_from() -> None:
    made = logic.draft(OVER, [ALERT], REPORT, None, LINES)
    given = logic.evidence(made, LINES)
    assert set(given) == {"D-summary", "D-impact", "D-cause", "D-remedy", "T1", "T2", "T3", "T4"}
    assert len(logic.evidence(made, LINES * 40)) == 4 + 60


def test_a_page_is_what_a_person_accepted() -> None:
    values = {
        "title": "Payment's pool",
        "kind": "runbook",
        "summary": "The pool ran out.",
        "cause": " a lock ",
        "lessons": "",
        "owner": "@pay",
    }
    page = logic.page(OVER, values, "U-ada", NOW)
    assert page.text == "# Payment's pool\n\n## Summary\n\nThe pool ran out.\n\n## Cause\n\na lock\n"
    assert (page.path, page.kind, page.service, page.owner) == (
        "runbooks/payment-s-pool-INC-7",
        DocumentKind.RUNBOOK,
        "payment",
        "@pay",
    )
    assert page.meta == {"written": "2026-11-20", "incident": "INC-7"}


def test_a_post_mortem_is_one_of_its_incident_and_somebodys() -> None:
    page = logic.page(OVER, {"kind": "post-mortem", "title": " ", "summary": "x"}, "U-ada", NOW)
    assert (page.path, page.kind, page.title, page.owner) == (
        "postmortems/INC-7",
        DocumentKind.POSTMORTEM,
        OVER.title,
        "<@U-ada>",
    )
    assert logic.page(OVER, {"kind": "nonsense"}, "U-ada", NOW).kind is DocumentKind.POSTMORTEM


@pytest.mark.parametrize(
    ("title", "name"),
    [("Payment's pool!", "payment-s-pool"), ("../../etc/passwd", "etc-passwd"), ("—", "page"), ("x" * 99, "x" * 60)],
)
def test_a_title_is_a_plain_name(title: str, name: str) -> None:
    assert logic.slug(title) == name


def test_a_gap_is_listed_with_whom_to_ask_and_pings_nobody() -> None:
    asked = Unanswered.of(Asked.ALERT, "<!channel> *Boom*", "shop", "@shop-team", None, NOW)
    text, blocks = views.gaps([asked], "/fettle")
    assert text == "1 thing that nothing is written about"
    shown = str(blocks)
    assert "<!channel>" not in shown
    assert "@shop-team" in shown
    assert f"/fettle gaps done {asked.id[:8]}" in shown


def test_where_there_is_no_gap_that_is_said() -> None:
    assert views.gaps([], "/fettle")[0].startswith("Nothing is missing")
