"""RED and USE as one picture, measured as it is drawn; and what stands along its axes."""

import math
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bot.domain.evidence import Series
from bot.domain.picture import Panel, Sign, panel_words, zone_named
from bot.pictures import MetricPictures, axis, panels
from bot.pictures.look import DEPLOY, LIMIT, LINE, ONSET, Sheet
from tests.adapters import sheets
from tests.adapters.sheets import lines, said

AT = datetime(2026, 11, 21, 13, 0, tzinfo=UTC)
BERLIN = zone_named("Europe/Berlin")
HOSTILE = ("$\\frac{", "a $b$ c", "エラー 🔥", "w" * 900, "two\nlines\t\x1b[31m", "z" + "\u0301" * 300, "\ud800", "")
VALUES = (0.0, 0.5, -3.0, 7e9, 1e308, -1e308, 5e-324, math.nan, math.inf)


def at(minutes: float) -> datetime:
    return AT + timedelta(minutes=minutes)


def series(*values: float) -> Series:
    return Series((), tuple((at(number), value) for number, value in enumerate(values)))


RISES = series(0.001, 0.001, 0.03, 0.048)
SERVICE = (
    Panel(Sign.RATE, "checkouts", "per s", series(42, 41, 30, 31)),
    Panel(Sign.ERRORS, "failed checkouts", "ratio", RISES, 0.02),
    Panel(Sign.DURATION, "95th percentile", "seconds", series(0.2, 0.2, 1.2, 1.9), 1.0),
    Panel(Sign.SATURATION, "waiting", "", series(0, 0, 3, 64)),
    Panel(Sign.UTILISATION, "pool in use", "ratio", series(0.3, 0.3, 0.8, 1.0), 0.9),
    Panel(Sign.FAULTS, "refused connections", "per s", missing="Prometheus did not answer within 5 s"),
)
MARKS = {"payment v2.31": at(1), "long ago": at(-90)}


def drawn(
    shown: Sequence[Panel] = SERVICE,
    onset: datetime | None = None,
    marks: Mapping[str, datetime] | None = None,
    title: str = "RED and USE of payment",
) -> Sheet:
    return panels.draw(title, shown, onset, marks or {}, BERLIN)


@st.composite
def pictures(draw: st.DrawFn) -> tuple[list[Panel], datetime | None, dict[str, datetime], str]:
    chance = random.Random(draw(st.integers(0, 10_000)))
    texts = [*HOSTILE, "connection pool in use", "per s", "ratio", "bytes", "seconds"]

    def panel() -> Panel:
        count = chance.choice([0, 1, 2, 60])
        start = chance.uniform(-200, 200)
        values = [chance.choice(VALUES) if chance.random() < 0.1 else chance.gauss(5, 3) for _ in range(count)]
        samples = tuple((at(start + number), value) for number, value in enumerate(values))
        limit = chance.choice([None, *VALUES, 9.0])
        unit, missing = chance.choice(texts), chance.choice(texts) * 9
        return Panel(chance.choice(list(Sign)), chance.choice(texts), unit, Series((), samples), limit, missing)

    marks = {chance.choice(texts) + str(n): at(chance.uniform(-200, 200)) for n in range(chance.choice([0, 1, 12]))}
    onset = chance.choice([None, at(chance.uniform(-200, 200))])
    return [panel() for _ in range(chance.randrange(15))], onset, marks, chance.choice(texts) * 5


@settings(max_examples=10, deadline=None, derandomize=True, phases=[Phase.generate])  # shrinking would draw hundreds
@given(pictures())
def test_no_words_overlap_and_all_are_on_the_sheet(
    picture: tuple[list[Panel], datetime | None, dict[str, datetime], str],
) -> None:
    sheet = drawn(*picture)
    words = sheets.words(sheet)
    assert sheets.meetings(words) == []
    assert [one.what for one in words if not sheets.paper(sheet).holds(one)] == []
    high = sheet.figure.get_size_inches()[1]
    assert all(math.isnan(y) or 0 <= y <= high for line in lines(sheet) for y in line.ys)
    assert sheet.png().startswith(b"\x89PNG")


def test_every_panel_has_its_line_its_unit_its_limit_and_the_same_onset() -> None:
    sheet = drawn(onset=at(2), marks=MARKS)
    words = said(sheet)
    assert sheets.meetings(sheets.words(sheet)) == []
    assert [words.count(sign.capitalize()) for sign in Sign] == [1] * 6
    assert {"failed checkouts, %", "95th percentile, s", "checkouts, per s", "pool in use, %", "waiting"} <= set(words)
    assert {"last 4.8 %", "last 1.9 s", "last 64", "limit 2 %", "limit 1 s", "limit 90 %"} <= set(words)
    assert {"RED: what callers feel", "USE: what runs out", "A 14:01:00 payment v2.31"} <= set(words)
    assert "no data: Prometheus did not" in words
    assert words[-1] == "21 Nov 2026, CET (Europe/Berlin)."
    assert len(lines(sheet, LINE)) == 5
    assert len(lines(sheet, LIMIT)) == 3
    # One line in each of five panels, and one in the key; the axis of time is the same in each column.
    assert len(lines(sheet, ONSET)) == len(lines(sheet, DEPLOY)) == 6
    assert len({round(one.xs[0], 6) for one in lines(sheet, ONSET)[1:]}) == 2
    pairs = zip(lines(sheet, ONSET)[1:], lines(sheet, LINE), strict=True)
    offsets = {round(onset.xs[0] - line.xs[2], 6) for onset, line in pairs}
    assert offsets == {0.0}, "the onset stands at the third sample"


def test_red_is_left_and_use_is_right_each_in_its_order() -> None:
    placed = sheets.words(drawn(tuple(reversed(SERVICE))))
    column = {word.what: word.left for word in placed}
    down = {word.what: -word.low for word in placed}
    assert column["Rate"] == column["Errors"] == column["Duration"] < column["Utilisation"] == column["Saturation"]
    assert down["Rate"] == down["Utilisation"] < down["Errors"] == down["Saturation"] < down["Duration"]


def test_words_are_large_enough_for_a_phone() -> None:
    """Slack shows a picture some 360 points wide there: 9 points in 6.5 inches are 7 of these."""
    for shown in (SERVICE, SERVICE[:3]):
        sheet = drawn(shown, at(2), MARKS)
        wide = sheet.figure.get_size_inches()[0]
        assert min(float(one.get_fontsize()) for one in sheet.axes.texts) / 72 / wide * 360 >= 6.9


def test_a_limit_far_away_is_told_and_not_drawn() -> None:
    sheet = drawn([Panel(Sign.DURATION, "p95", "seconds", series(0.1, 0.2), 5.0)])
    assert "limit 5 s, far above" in said(sheet)
    assert lines(sheet, LIMIT) == []
    assert lines(drawn([Panel(Sign.ERRORS, "errors", "ratio", series(0, 0), 0.02)]), LIMIT)


def test_gaps_are_not_bridged_and_a_single_sample_is_a_dot() -> None:
    line, dots = lines(drawn([Panel(Sign.RATE, "r", "", series(1, 2, math.nan, math.inf, 5, math.nan, 7, 8))]), LINE)
    assert sheets.gaps(line) == [False, False, True, True, False, True, False, False]
    assert len(dots.xs) == 1
    assert [len(one.xs) for one in lines(drawn([Panel(Sign.RATE, "r", "", series(3.0))]), LINE)] == [1, 1]


@pytest.mark.parametrize("values", [(5e-324, 0.0), (1e308, -1e308), (-1e-320,), (0.0, 0.0), (1e308,)])
@pytest.mark.parametrize("limit", [None, 5e-324, 1e308, -1e308, math.inf])
def test_values_beyond_measure_are_drawn(values: tuple[float, ...], limit: float | None) -> None:
    sheet = drawn([Panel(Sign.RATE, "r", "bytes", series(*values), limit)])
    assert any(0 < y < 99 for line in lines(sheet, LINE) for y in line.ys)


def test_without_any_sample_each_panel_says_why() -> None:
    nothing = [Panel(Sign.RATE, "a", ""), Panel(Sign.ERRORS, "b", "", series(math.nan), missing="refused")]
    words = said(drawn(nothing, at(1), MARKS))
    assert words[-1] == "Nothing was measured."
    assert {"no data: no samples in this time", "no data: refused"} <= set(words)
    assert said(drawn([])) == ["RED and USE of payment", "Nothing was measured."]


def test_more_panels_and_marks_than_fit_are_counted_or_left_out() -> None:
    many = [Panel(Sign.RATE, f"r{number}", "", RISES) for number in range(15)]
    words = said(drawn(many, at(2), {f"m{number}": at(number / 5) for number in range(15)}))
    assert words[-1].endswith("3 more indicators not drawn.")
    assert [word[:1] for word in words[2:8]] == list("ABCDEF")
    assert {word.split()[-1] for word in words[2:8]} == {f"m{number}" for number in range(7, 13)}, (
        "those near the onset"
    )


def test_signs_that_would_run_into_each_other_stand_together() -> None:
    words = said(drawn(SERVICE[:1], at(2), {"a": at(1.99), "b": at(2.001), "c": at(0.5), "d": at(0.51)}))
    assert {"A B", "C", "onset", "D"} <= set(words)


@pytest.mark.parametrize("text", HOSTILE)
def test_any_title_unit_and_reason_can_be_drawn(text: str) -> None:
    shown = [Panel(Sign.RATE, text, text, RISES, 0.02), Panel(Sign.FAULTS, text, text, missing=text)]
    sheet = drawn(shown, at(2), {text or "empty": at(1)}, text)
    assert sheet.png().startswith(b"\x89PNG")
    assert not any(one.get_parse_math() for one in sheet.axes.texts)


def test_thousands_of_samples_keep_their_peak() -> None:
    line = [(float(number), 1.0) for number in range(100_000)]
    line[54_321] = (54_321.0, 99.0)
    line[77_777] = (77_777.0, -99.0)
    line[10_000:20_000] = [(at, math.nan) for at, _ in line[10_000:20_000]]
    thin = axis.thin(line, 300)
    assert len(thin) <= 600
    assert {(54_321.0, 99.0), (77_777.0, -99.0)} <= set(thin)
    assert [at for at, _ in thin] == sorted(at for at, _ in thin)
    assert sum(math.isnan(value) for _, value in thin) > 20
    assert axis.thin(line[:600], 300) == line[:600]
    assert axis.thin([(5.0, 1.0)] * 1000, 300) == [(5.0, 1.0)]


def test_a_pause_in_the_samples_is_a_gap() -> None:
    paused = Series((), tuple((at(minute), 1.0) for minute in (0, 1, 2, 20, 21)))
    assert [math.isnan(value) for _, value in axis.points(paused.samples)] == [False] * 3 + [True] + [False] * 2


@pytest.mark.parametrize(
    ("start", "hours", "zone", "expected", "told"),
    [
        ((2026, 11, 21, 12, 40), 0.66, "Europe/Berlin", "13:40 13:50 14:00 14:10", "21 Nov 2026, CET"),
        ((2026, 3, 2, 13, 50), 0.01, "UTC", "13:50:00 13:50:10 13:50:20 13:50:30", "02 Mar 2026, UTC"),
        # 02:00 to 03:00 is passed twice in October and not at all in March.
        ((2026, 10, 25, 0, 0), 2, "Europe/Berlin", "02:00 02:00 03:00", "25 Oct 2026, CEST, and CET from 02:00"),
        ((2026, 3, 29, 0, 0), 2, "Europe/Berlin", "01:00 03:00 04:00", "29 Mar 2026, CET, and CEST from 03:00"),
        ((2026, 3, 28, 20, 0), 12, "Europe/Berlin", "29 Mar 03:00 06:00 09:00", None),
        ((2026, 3, 2, 10, 0), 2, "Asia/Kathmandu", "16:00 17:00", "02 Mar 2026, +0545 (Asia/Kathmandu)"),
        ((2026, 3, 2, 0, 0), 24 * 9, "UTC", "02 Mar 05 Mar 08 Mar 11 Mar", "02 Mar to 11 Mar 2026, UTC"),
    ],
)  # fmt: skip
def test_times_are_round_on_the_readers_clock(
    start: tuple[int, int, int, int, int], hours: float, zone: str, expected: str, told: str | None
) -> None:
    begin = datetime(*start, tzinfo=UTC)
    end, there = begin + timedelta(hours=hours), zone_named(zone)
    found = axis.ticks(begin, end, there, 4)
    if told is not None:
        assert axis.caption(begin, end, there).removesuffix(" (Europe/Berlin)") == told
        assert " ".join(words for _, words in found) == expected
    assert len(found) <= 4
    assert all(begin <= moment <= end for moment, _ in found)
    for moment, words in found:
        local = moment.astimezone(there)
        assert words in {f"{local:%H:%M}", f"{local:%H:%M:%S}", f"{local:%d %b}"}


@pytest.mark.parametrize(
    ("unit", "largest", "expected"),
    [
        ("ratio", 0.05, (100.0, "%")),
        ("seconds", 0.2, (1000.0, "ms")),
        ("s", 3.0, (1.0, "s")),
        ("bytes", 7e9, (1e-9, "GB")),
        ("bytes", 12.0, (1.0, "B")),
        ("per s", 1e9, (1.0, "per s")),
    ],
)
def test_units_that_keep_numbers_short(unit: str, largest: float, expected: tuple[float, str]) -> None:
    assert (
        axis.scale(unit, largest) == pytest.approx(expected)
        if unit == "bytes"
        else axis.scale(unit, largest) == expected
    )


@pytest.mark.parametrize(
    ("top", "expected"),
    [
        (1, "0 0.5 1"),
        (0.048, "0 0.02 0.04"),
        (64, "0 25 50"),
        (4_421, "0 2k 4k"),
        (3e12, "0 2T"),
        (1e308, "0 5e+307 1e+308"),
    ],
)
def test_numbers_beside_an_axis_are_round(top: float, expected: str) -> None:
    assert " ".join(axis.short(number) for number in axis.rounds(top)) == expected


class Album:
    """Everything that was kept."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[bytes, str]] = {}

    async def keep(self, picture_id: str, png: bytes, words: str) -> None:
        self.kept[picture_id] = (png, words)

    async def draw(
        self,
        shown: Sequence[Panel] = SERVICE,
        onset: datetime | None = None,
        marks: Mapping[str, datetime] | None = None,
        zone: str = "Europe/Berlin",
    ) -> str:
        return await MetricPictures(self.keep).panels("RED and USE of payment", shown, onset, marks or {}, zone)


async def test_the_same_panels_have_the_same_id_and_others_have_not() -> None:
    album = Album()
    first = await album.draw(marks={"a": at(1), "b": at(2)})
    assert await album.draw(marks={"b": at(2), "a": at(1)}) == first
    others = [
        await album.draw(),
        await album.draw(onset=at(2)),
        await album.draw(zone="UTC"),
        await album.draw(SERVICE[:5]),
        await album.draw([*SERVICE[:5], Panel(Sign.FAULTS, "refused connections", "per s", missing="other")]),
    ]
    assert len({first, *others}) == 6


async def test_what_it_shows_in_words() -> None:
    album = Album()
    shown = await album.draw((SERVICE[1], SERVICE[5]), at(2), {"payment v2.31": at(1)})
    assert album.kept[shown][1] == (
        "RED and USE of payment, 21 Nov 2026 14:00 to 14:03 CET. It changes at 14:02 CET. Changes: payment v2.31 at "
        "14:01. Errors, failed checkouts: from 0.1 % to 4.8 %, between 0.1 % and 4.8 %, the limit is 2 %. Resource "
        "errors, refused connections: no data: Prometheus did not answer within 5 s."
    )


def test_words_stay_short_whatever_is_drawn() -> None:
    shown = [Panel(Sign.RATE, "t" * 900, "u" * 900, series(*VALUES), 1e308) for _ in range(40)]
    words = panel_words("t" * 999, shown, at(1), {f"{'m' * 300}{n}": at(n) for n in range(40)}, "Mars/Olympus")
    assert len(words) <= 1_900
    assert "UTC" in words
