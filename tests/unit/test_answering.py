"""Answers in words and with citations: which service is meant, what stands in them, how they are shown."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.cause import CauseKind, CauseReport, Evidence, Gap, Hypothesis, Verdict
from bot.domain.model import Piece, Sentence, Told
from bot.domain.passage import Answer, Band, DocumentKind, Near, Passage
from bot.domain.troubleshooting import Session
from bot.looking import Shelf
from skills.ask import logic as ask
from skills.ask import views
from skills.rca import sessions
from skills.rca import views as rca
from tests.builders import NOW, catalogue, incident

SERVICES = {"shop": 1, "payment": 1, "ledger-db": 1}
KNOWN = catalogue({"shop": ("payment",), "ledger-db": ()})
PASSAGE = Passage(
    "runbooks/shop",
    "Shop",
    "Errors",
    "errors",
    "abcdef012345",
    "When it fails, restart it.",
    "restart it",
    "shop",
    DocumentKind.RUNBOOK,
    1.0,
    "https://wiki.example/shop#errors",
    "@shop-team",
)
FOUND = Answer(Band.FOUND, (PASSAGE,), "it names ShopErrors")
NEAR = Near("runbooks/shop", "Shop <x>", DocumentKind.RUNBOOK, 0.4, "shop", "@shop-team", "https://wiki.example/shop")
NONE = Answer(Band.NONE, (), "No page names it.", (NEAR, replace(NEAR, title="Other", owner=None, url=None)))
HOSTILE = "<!channel> <https://evil.example|here> @here"


@pytest.mark.parametrize(
    ("text", "service"),
    [
        ("how do I roll back payment?", "payment"),
        ("PAYMENT is slow", "payment"),
        ("is (ledger-db) full", "ledger-db"),
        ("shop or payment", None),
        ("what is a shopping list", None),
        ("", None),
    ],
)
def test_the_service_that_a_question_is_about(text: str, service: str | None) -> None:
    assert ask.mentioned(text, SERVICES) == service


@pytest.mark.parametrize(
    ("text", "service"),
    [
        ("shop: connection refused by payment", "shop"),
        ("errors from payment.", "payment"),
        ("the pool of payment, and shop", "payment"),
        ("payment's pool", "payment"),
        ("ledger-db.internal:5432 refused", "ledger-db"),
        ("2026-11-21 [SHOP] boom", "shop"),
        ("nothing that is known", ""),
        ("", ""),
    ],
)
def test_a_session_is_about_the_service_that_is_named_first(text: str, service: str) -> None:
    assert sessions.mentioned(text, KNOWN) == service


@given(st.text(max_size=300))
def test_any_text_can_be_asked_about(text: str) -> None:
    assert len(ask.question(text * 9)) <= ask.MOST_WORDS
    assert ask.mentioned(text, SERVICES) in {None, *SERVICES}
    assert sessions.mentioned(text, KNOWN) in {"", *KNOWN.services}


def test_an_answer_quotes_where_it_stands() -> None:
    text, blocks = views.answer("what now?", FOUND, {})
    assert text == "1 passage on “what now?”"
    assert "<https://wiki.example/shop#errors|*Shop › Errors*>" in str(blocks)
    assert "runbooks/shop#errors@abcdef012345" in str(blocks)
    assert "unconfirmed" not in str(blocks)
    assert "unconfirmed" in str(views.answer("what now?", replace(FOUND, band=Band.POSSIBLE), {})[1])


def test_without_support_there_is_no_answer_but_whom_to_ask() -> None:
    text, blocks = views.answer("what now?", NONE, {})
    assert text.startswith("I found nothing written about “what now?”, so I do not answer.")
    assert "<https://wiki.example/shop|Shop &lt;x&gt;>  _owned by @shop-team_" in str(blocks)
    assert "nobody is named as its owner" in str(blocks)


def test_why_no_model_worded_it_is_said() -> None:
    assert "quoted, not worded: the model &lt;x&gt; is slow" in str(
        views.answer("q", FOUND, {}, why="the model <x> is slow")[1]
    )


def sentence(text: str, *cites: str) -> Sentence:
    return Sentence(text, cites)


def test_a_wording_has_a_number_at_every_sentence_that_opens() -> None:
    told = Told(
        (sentence("Restart it.", "P2", "P1"), sentence("Then look.", "P2")),
        (Piece("P2", "b"), Piece("P1", "a")),
        dropped=2,
        model="m",
    )
    text, blocks = views.worded(
        "what now?", told, {"P1": "<https://a.example|A>", "P2": "B"}, {"P2": "runbooks/shop#a"}
    )
    assert text == "Restart it. Then look."
    said = [block["text"]["text"] for block in blocks[:3]]
    assert said == ["*what now?*", "Restart it. [1] [2] Then look. [1]", "[1] B\n[2] <https://a.example|A>"]
    assert blocks[3]["elements"][0]["value"] == "runbooks/shop#a"
    assert "2 sentences without support left out" in str(blocks[-1])


def test_a_growing_answer_shows_what_stands_so_far() -> None:
    text, blocks = views.growing({"question": "what now?", "sentences": ["Restart it."]})
    assert text == "Looking for an answer to “what now?”"
    assert blocks[1]["text"]["text"] == "Restart it. …"
    assert views.growing({"question": "q"})[1][1]["text"]["text"] == "…"
    done = views.growing({"question": "q", "text": "all", "blocks": [{"type": "divider"}]})
    assert done == ("all", [{"type": "divider"}])


def test_hostile_text_pings_and_links_nowhere() -> None:
    hostile = replace(PASSAGE, title=HOSTILE, heading=HOSTILE, quote=HOSTILE, url="javascript:alert(1)")
    told = Told((sentence(HOSTILE, "P1"),), (Piece("P1", HOSTILE),), model=HOSTILE)
    shelf = Shelf()
    shelf.passage(hostile)
    shown = [
        views.answer(HOSTILE, replace(FOUND, passages=(hostile,)), {}),
        views.answer(
            HOSTILE, replace(NONE, reason=HOSTILE, nearest=(replace(NEAR, title=HOSTILE, owner=HOSTILE),)), {}
        ),
        views.worded(HOSTILE, told, {"P1": shelf.cite("P1")}, {}),
        views.growing({"question": HOSTILE, "sentences": [told.sentences[0].shown]}),
        rca.report(incident(), REPORT, searching=True),
        rca.session(replace(SESSION, service=HOSTILE), REPORT, replace(FOUND, passages=(hostile,)), [], "/fettle"),
        rca.sessions([replace(SESSION, service=HOSTILE, report=REPORT)], "/fettle"),
    ]
    for text, blocks in shown:
        for words in (text, str(blocks)):
            assert "<!channel>" not in words
            assert "<https://evil" not in words
            assert "@here" not in words


BEST = Hypothesis(CauseKind.POOL, "shop", "pool", HOSTILE, 0.8, ("E1",), ("E1",), HOSTILE)
REPORT = CauseReport(
    Verdict.LIKELY,
    (BEST,),
    (Evidence("E1", "log", "shop", HOSTILE, HOSTILE, "loki"),),
    (Gap(HOSTILE, HOSTILE),),
    NOW,
    (),
    None,
    (),
    NOW,
    0.1,
    missing=("traces",),
)
SESSION = Session("T-0a1b2c", 1, "U1", NOW, NOW, "shop")


def test_a_session_says_what_it_found_what_it_lacked_and_how_to_go_on() -> None:
    text, blocks = rca.session(SESSION, replace(REPORT, hypotheses=()), NONE, [], "/fettle")
    shown = str(blocks)
    assert text == "T-0a1b2c: nothing stands out"
    assert "Nothing around shop is unlike its past right now." in shown
    assert "not connected here: traces" in shown
    assert "could not be read" in shown
    assert "Nothing is written about it. Nearest: <https://wiki.example/shop|Shop &lt;x&gt;> (@shop-team)" in shown
    assert "/fettle troubleshoot T-0a1b2c" in shown


def test_the_same_piece_stands_on_a_shelf_once() -> None:
    shelf = Shelf()
    one, again = shelf.passage(PASSAGE), shelf.passage(PASSAGE)
    other = shelf.put("changes:shop", "deploy", "changes of shop")
    assert (one, again.id, other.id) == (again, "P1", "P2")
    assert shelf.texts == {"P1": "Shop › Errors\nWhen it fails, restart it.", "P2": "deploy"}
    assert shelf.cite("P1") == "<https://wiki.example/shop#errors|Shop › Errors>"
    assert shelf.cite("P2") == "changes of shop"
    assert shelf.cite("P9") == "P9"


def test_the_evidence_modal_fits_whatever_was_found() -> None:
    much = "x<&" * 900
    pieces = tuple(
        Evidence(f"E{one}", "log", "shop", much, much, "loki", NOW, "https://a.example/" + "a" * 1_900)
        for one in range(200)
    )
    ids = tuple(one.id for one in pieces)
    ideas = tuple(replace(BEST, text=much, supports=ids, against=ids, settles=much) for _ in range(9))
    full = replace(REPORT, evidence=pieces, hypotheses=ideas, gaps=(Gap(much, much),) * 40)
    for view in (rca.evidence_modal(incident(), full), rca.ideas_modal(incident(), full)):
        assert len(view["blocks"]) <= 100
        assert "more piece" in str(view["blocks"][-1])
    modal = rca.correction_modal(incident(), full, [f"service-{one}" for one in range(300)])
    assert modal["private_metadata"] == "1"
    rca.report(incident(), full, searching=False)
    rca.session(SESSION, full, FOUND, [much[:500]] * 6, "/fettle")
