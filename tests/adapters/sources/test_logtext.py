from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.observed import Level, LogLine
from bot.sources import reading
from bot.sources.logtext import Row, level_of, newest


@pytest.mark.parametrize(
    ("words", "text", "level"),
    [
        (["error"], "anything", Level.ERROR),
        (["unknown", "WARN"], "ERROR in the text", Level.WARNING),
        ([], '{"ts":1,"level":"fatal","msg":"x"}', Level.ERROR),
        ([], '{"level":50,"msg":"pino"}', Level.ERROR),
        ([], '{"level":40,"msg":"pino"}', Level.WARNING),
        ([], '{"severity":"WARNING"}', Level.WARNING),
        ([], '{"log.level":"info"}', Level.INFO),
        ([], '{\\"level\\":\\"error\\"}', Level.ERROR),
        ([], "ts=2026-11-21 level=warn msg=slow", Level.WARNING),
        ([], "2026-11-21 03:00:00,123 ERROR [main] refused", Level.ERROR),
        ([], "[WARN] disk", Level.WARNING),
        ([], "INFO: 10.0.0.1 GET / 200", Level.INFO),
        ([], "E1121 03:00:00.123456       1 main.go:1] refused", Level.ERROR),
        ([], "the water level: 5 and errors: none", Level.OTHER),
        ([], "an error happened", Level.OTHER),
        ([], "GET /information", Level.OTHER),
        ([], "x" * 5000 + " ERROR ", Level.OTHER),
    ],
)
def test_the_level_is_what_the_line_says_of_itself(words: Sequence[str], text: str, level: Level) -> None:
    assert level_of(words, text) is level


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 70), st.integers(1, 9), st.integers(1, 3))
async def test_pages_give_the_newest_lines_once(places: list[int], limit: int, page: int, step: int) -> None:
    # A source tells places apart that are ``step`` or more apart; here every page holds all that stand at one place.
    known = sorted(step * place for place in places)
    page = max(page, *(known.count(place) + 1 for place in known), 1) if known else page
    rows = [
        Row(place, str(number), LogLine(reading.EPOCH + timedelta(seconds=place), "payment", f"{number}"))
        for number, place in enumerate(known)
    ]

    async def ask(last: int, size: int) -> Sequence[Row]:
        return sorted((row for row in rows if row.place <= last), key=lambda row: row.place, reverse=True)[:size]

    found = await newest(limit, page, step * 40, step, ask)
    assert [line.at for line in found] == [row.line.at for row in rows[-limit:] if row.line]
    assert len({line.text for line in found}) == len(found)


async def test_more_at_one_moment_than_a_page_holds_does_not_hang() -> None:
    asked: list[int] = []

    async def ask(last: int, size: int) -> Sequence[Row]:
        asked.append(last)
        at = 7 if last >= 7 else 3
        return [Row(at, f"{at} {n}", LogLine(reading.EPOCH, "payment", f"{at} {n}")) for n in range(size)]

    found = await newest(6, 3, 9, 1, ask)
    assert [line.text for line in found] == ["3 0", "3 1", "3 2", "7 0", "7 1", "7 2"]
    assert asked == [9, 7, 6]


async def test_entries_without_a_text_count_for_the_page_only() -> None:
    rows = [Row(n, str(n), LogLine(reading.EPOCH, "payment", str(n)) if n % 2 else None) for n in range(10, 0, -1)]

    async def ask(last: int, size: int) -> Sequence[Row]:
        return [row for row in rows if row.place <= last][:size]

    assert [line.text for line in await newest(4, 3, 10, 1, ask)] == ["3", "5", "7", "9"]


@given(st.text())
def test_a_cleaned_text_has_nothing_unseen_and_can_be_written(text: str) -> None:
    cleaned = reading.clean("\x1b[1m" + text + "\ud800\u202e\x00")
    assert not set(cleaned) & {"\x00", "\x1b", "\u202e", "\ud800"}
    assert len(cleaned) <= 4000
    cleaned.encode()


def test_a_text_is_cut_and_keeps_its_lines() -> None:
    assert reading.clean("a\r\nb\tc\n") == "a\nb\tc"
    assert len(reading.clean("x" * 1_000_000)) == 4000
    assert reading.line("a\nb\t c") == "a b c"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-11-21T03:00:00Z", "2026-11-21T03:00:00+00:00"),
        ("2026-11-21T03:00:00.123456789Z", "2026-11-21T03:00:00.123456+00:00"),
        ("2026-11-21T04:00:00+01:00", "2026-11-21T03:00:00+00:00"),
        ("2026-11-21T03:00:00", "2026-11-21T03:00:00+00:00"),
        ("0001-01-01T00:00:00Z", None),
        ("yesterday", None),
        (1, None),
    ],
)
def test_times_are_read_as_utc(written: object, read: str | None) -> None:
    found = reading.moment(written)
    assert (found.isoformat() if found else None) == read
