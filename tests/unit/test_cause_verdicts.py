"""What the ranking concludes beyond its order: false alarms, effects explained, what is missing, and in which words."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.catalogue import Catalogue, Indicator
from bot.domain.cause import CauseKind, CauseReport, Gap, Similar, Verdict
from bot.domain.picture import Sign as PanelSign
from bot.domain.signal import Signal
from skills.rca.logic import WEIGHTS, Asked, Deviation, Findings, deviation, panel_sign, rank, unwritten
from skills.rca.signals.sign import Sign, Trait
from tests.builders import NOW, at, catalogue, deploy, indicator, series

ERRORS = indicator("errors", limit=0.5)
LATENCY = indicator("latency", CauseKind.LATENCY)
KNOWN = catalogue({"shop": ("payment",), "payment": ("ledger",)}, ERRORS, LATENCY)


def read(service: str, asked: Indicator, *values: float) -> Deviation:
    found = deviation(
        Asked(service, asked), asked.query, series(values or [0.1] * 40, -30.0), NOW, timedelta(minutes=5)
    )
    assert found
    return found


def sign(  # a sign has these parts
    service: str,
    trait: Trait = Trait.SAID,
    surprise: float = 2.0,
    kind: CauseKind = CauseKind.ERRORS,
    onset: datetime | None = None,
    text: str = "",
) -> Sign:
    return Sign(service, trait, kind, surprise, text or f"{service} {trait}", "q", "loki", "log", onset)


def ranked(
    *signs: Sign,
    deviations: Sequence[Deviation] = (),
    alerting: tuple[str, ...] = ("shop",),
    gaps: tuple[Gap, ...] = (),
    changes: tuple[Signal, ...] = (),
    similar: tuple[Similar, ...] = (),
    missing: tuple[str, ...] = (),
    shift: float = 0.0,
    known: Catalogue = KNOWN,
) -> CauseReport:
    kinds = {one.id: CauseKind.ERRORS for one in similar}
    findings = Findings(alerting, NOW, tuple(deviations), changes, similar, None, gaps, kinds, signs, missing, shift)
    return rank(findings, known, at(1), 0.5)


CALM = [read("shop", ERRORS), read("shop", LATENCY)]


def test_where_all_that_alerts_was_read_and_is_as_always_it_is_a_false_alarm() -> None:
    report = ranked(deviations=CALM)
    assert (report.verdict, report.hypotheses, report.best) == (Verdict.FALSE_ALARM, (), None)


@pytest.mark.parametrize(
    ("why", "told"),
    [
        ("something is odd", {"signs": (sign("ledger", surprise=0.6),)}),
        ("a source failed", {"gaps": (Gap("logs", "timed out"),)}),
        ("an indicator was not read", {"deviations": CALM[:1]}),
        ("nothing was read", {"deviations": ()}),
        ("another service alerts, too", {"alerting": ("shop", "payment")}),
        ("nobody knows who alerts", {"alerting": ()}),
        ("there is nothing to compare with", {"deviations": [replace(CALM[0], past=2), CALM[1]]}),
        ("a limit is breached, as always", {"deviations": [replace(CALM[0], breached=True), CALM[1]]}),
    ],
)
def test_a_false_alarm_is_not_said_lightly(why: str, told: dict[str, object]) -> None:
    given = {"deviations": CALM, **told}
    report = ranked(*given.pop("signs", ()), **given)  # type: ignore[arg-type,misc]  # ranked's own
    assert report.verdict is Verdict.UNSURE, why


def test_an_alerting_service_that_the_catalogue_does_not_know_is_no_false_alarm() -> None:
    assert ranked(deviations=CALM, alerting=("shop", "stranger")).verdict is Verdict.UNSURE


def test_what_is_not_connected_is_said_and_no_reason_to_doubt() -> None:
    report = ranked(deviations=CALM, missing=("logs", "traces"))
    assert (report.verdict, report.missing) == (Verdict.FALSE_ALARM, ("logs", "traces"))


def test_a_sign_of_a_caller_is_explained_by_a_stronger_one_of_its_callee() -> None:
    report = ranked(sign("shop", Trait.SAID, 2.0), sign("ledger", Trait.SAID, 2.2), alerting=())
    assert [one.service for one in report.hypotheses] == ["ledger", "shop"]
    shop = report.hypotheses[1]
    assert [one.text for one in report.cited(shop.against)] == ["may be an effect of ledger: ledger said"]
    assert report.hypotheses[0].against == ()


def test_a_far_weaker_sign_explains_nothing() -> None:
    report = ranked(sign("shop", Trait.SAID, 3.0), sign("ledger", Trait.SAID, 0.8), alerting=())
    assert report.hypotheses[0].service == "shop"
    assert report.hypotheses[0].against == ()


def test_a_sign_of_a_callee_is_explained_by_its_caller() -> None:
    """The ledger gets fewer requests because the shop fails."""
    report = ranked(sign("ledger", Trait.AMOUNT, 2.0), sign("shop", Trait.SAID, 2.2), alerting=())
    assert report.hypotheses[0].service == "shop"
    ledger = next(one for one in report.hypotheses if one.service == "ledger")
    assert any("may be an effect of shop" in one.text for one in report.cited(ledger.against))


def test_services_apart_explain_nothing_of_each_other() -> None:
    apart = catalogue({"shop": (), "ledger": ()})
    report = ranked(sign("shop", Trait.SAID, 2.0), sign("ledger", Trait.SAID, 2.2), alerting=(), known=apart)
    assert all("effect" not in one.text for one in report.evidence)


def test_an_effect_makes_its_cause_no_less_sure() -> None:
    def sure(*more: Sign) -> float:
        return ranked(sign("ledger", Trait.SAID, 2.0), *more, alerting=()).hypotheses[0].confidence

    assert sure(sign("shop", Trait.LATENCY, 1.9, CauseKind.LATENCY)) >= sure()
    stranger = sign("mail", Trait.SAID, 1.9)
    assert sure(stranger) < sure()


@pytest.mark.parametrize("trait", list(Trait))
def test_every_trait_has_its_weight_and_its_words(trait: Trait) -> None:
    assert WEIGHTS[trait] > 0


@pytest.mark.parametrize("kind", list(CauseKind))
def test_every_kind_of_cause_is_said_and_has_a_check_that_settles_it(kind: CauseKind) -> None:
    best = ranked(sign("ledger", Trait.RESOURCE, 3.0, kind)).hypotheses[0]
    assert "edger" in best.text
    assert best.text[0].isupper()
    assert best.settles


def test_it_says_how_sure_it_is_by_what_turned_out() -> None:
    def sure(shift: float) -> float:
        return ranked(sign("ledger", Trait.SAID, 1.5), shift=shift).hypotheses[0].confidence

    assert sure(-1.0) < sure(0.0) < sure(1.0)


def flag(minutes: float) -> Signal:
    return replace(deploy("ledger", minutes), name="flag", summary="flag new-prices on", facts={})


def test_a_flag_is_blamed_in_other_words_than_a_deploy() -> None:
    by_flag = ranked(sign("ledger", onset=at(-1)), changes=(flag(-2),)).hypotheses[0]
    by_deploy = ranked(sign("ledger", onset=at(-1)), changes=(deploy("ledger", -2),)).hypotheses[0]
    assert by_flag.text == "Ledger fails by itself after a flag changed: flag new-prices on"
    assert by_flag.settles.startswith("switch the flag back, or ")
    assert by_deploy.text == "Ledger fails by itself after deploy ledger 2.8.0"
    assert by_deploy.settles.startswith("roll ledger back to 2.7.3, or ")


def test_a_change_after_the_sign_began_is_not_blamed_for_it() -> None:
    early, late = sign("ledger", onset=at(-10)), sign("shop", Trait.LATENCY, 1.0, CauseKind.LATENCY, at(-2))
    report = ranked(early, late, changes=(deploy("ledger", -5),))
    assert "deploy" not in report.hypotheses[0].text


def test_a_remedy_that_did_not_hold_supports_less() -> None:
    def sure(held: bool | None) -> float:  # noqa: FBT001  # as Similar has it
        past = Similar("INC-3", "Errors", "it failed", "restart", held, 1.0)
        return ranked(sign("ledger", surprise=1.5), alerting=(), similar=(past,)).hypotheses[0].confidence

    assert sure(None) == sure(True) > sure(False)


def test_what_a_past_incident_shows_is_cited_with_whether_it_held() -> None:
    past = Similar("INC-3", "Errors", "it failed", "restart", False, 1.0, sample=True)
    report = ranked(sign("ledger"), similar=(past,))
    text = next(one.text for one in report.evidence if one.kind == "past incident")
    assert text == "INC-3: Errors, fixed by restart, which did not hold (sample data)"


SIGNS = st.builds(
    sign,
    st.sampled_from(["shop", "payment", "ledger", "stranger"]),
    st.sampled_from(list(Trait)),
    st.floats(0.01, 9),
    st.sampled_from(list(CauseKind)),
    st.none() | st.integers(-5, 1).map(at),
    st.sampled_from(["", "a", "b"]),
)


@settings(max_examples=40)
@given(st.lists(SIGNS, max_size=12), st.permutations(range(12)), st.floats(-1.5, 1.5))
def test_any_signs_make_a_report_that_rests_on_evidence_whatever_their_order(
    signs: list[Sign], order: list[int], shift: float
) -> None:
    signs = list(dict.fromkeys(signs))
    report = ranked(*signs, changes=(deploy("ledger", -5),), shift=shift)
    mixed = ranked(
        *(signs[place] for place in order if place < len(signs)), changes=(deploy("ledger", -5),), shift=shift
    )
    assert [(one.service, one.kind, one.confidence) for one in mixed.hypotheses] == [
        (one.service, one.kind, one.confidence) for one in report.hypotheses
    ]
    known = {one.id for one in report.evidence}
    assert len(known) == len(report.evidence)
    sure = [one.confidence for one in report.hypotheses]
    assert sure == sorted(sure, reverse=True)
    assert all(0 < one < 1 for one in sure)
    assert all(one.supports and {*one.supports, *one.against} <= known for one in report.hypotheses)
    assert len({(one.service, one.kind) for one in report.hypotheses}) == len(report.hypotheses)
    assert (report.verdict is Verdict.LIKELY) is (report.best is not None)


@pytest.mark.parametrize(
    ("kind", "role", "found"),
    [
        (CauseKind.TRAFFIC, "symptom", PanelSign.RATE),
        (CauseKind.ERRORS, "symptom", PanelSign.ERRORS),
        (CauseKind.LATENCY, "symptom", PanelSign.DURATION),
        (CauseKind.CPU, "resource", PanelSign.UTILISATION),
        (CauseKind.MEMORY, "resource", PanelSign.UTILISATION),
        (CauseKind.DISK, "resource", PanelSign.UTILISATION),
        (CauseKind.POOL, "resource", PanelSign.SATURATION),
        (CauseKind.LATENCY, "resource", PanelSign.SATURATION),
        (CauseKind.ERRORS, "resource", PanelSign.FAULTS),
    ],
)
def test_red_is_what_callers_feel_and_use_what_runs_out(kind: CauseKind, role: str, found: PanelSign) -> None:
    one = indicator("one", kind, "resource" if role == "resource" else "symptom")
    assert panel_sign(one) is found
    assert (found.view == "RED") is (role == "symptom")


@pytest.mark.parametrize("kind", list(CauseKind))
def test_every_indicator_has_its_panel(kind: CauseKind) -> None:
    assert panel_sign(indicator("one", kind)).view == "RED"
    assert panel_sign(indicator("one", kind, "resource")).view == "USE"


def test_calls_that_nobody_wrote_down() -> None:
    calls = (("shop", "payment"), ("shop", "mail"), ("mail", "mail"))
    assert unwritten(KNOWN, calls) == (("shop", "mail"),)
    many = tuple(("shop", f"s{number}") for number in range(500))
    assert len(unwritten(KNOWN, many)) == 200
