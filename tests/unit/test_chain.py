from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.journal import Entry
from bot.errors import ConfigError
from storage import chain
from storage.chain import AuditReport, Head, Record, Walk

KEY = b"k" * 32
NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def log(length: int, key: bytes = KEY) -> tuple[list[Record], Head]:
    lines: list[Record] = []
    last = chain.head(key, 0, chain.BEGINNING)
    for number in range(length):
        entry = Entry(f"incident:{number}", "open", "U1", "", "open", "because", number, {"n": number, "share": 0.1})
        lines.append(chain.record(key, last, entry, "r1", NOW + timedelta(seconds=number)))
        last = chain.head(key, lines[-1].seq, lines[-1].hash)
    return lines, last


def walk(lines: list[Record], end: Head, key: bytes = KEY) -> AuditReport:
    one = Walk(key, end)
    all(one.step(line) for line in lines)
    return one.finish()


def test_an_untouched_log_holds() -> None:
    assert walk(*log(5)) == AuditReport(5, ok=True)
    assert walk(*log(0)) == AuditReport(0, ok=True)


CHANGES: dict[str, Any] = {
    "at": NOW - timedelta(days=1),
    "request_id": "other",
    "thing": "incident:99",
    "verb": "close",
    "actor": "U2",
    "before": "closed",
    "after": "closed",
    "reason": "no reason",
    "incident": None,
    "detail": '{"n":4}',
    "prev": "f" * 64,
    "hash": "f" * 64,
}


@given(st.integers(1, 6), st.sampled_from(sorted(CHANGES)))
def test_a_changed_line_is_named(number: int, field: str) -> None:
    lines, end = log(6)
    lines[number - 1] = replace(lines[number - 1], **{field: CHANGES[field]})
    report = walk(lines, end)
    assert (report.ok, report.first_bad) == (False, number)
    assert f"line {number} was changed" in report.why


def test_every_field_is_covered() -> None:
    assert {*CHANGES, "seq"} == set(Record.__slots__)


@given(st.integers(1, 6), st.integers(1, 6))
def test_removed_lines_are_named(first: int, many: int) -> None:
    lines, end = log(6)
    del lines[first - 1 : first - 1 + many]
    report = walk(lines, end)
    assert (report.ok, report.first_bad) == (False, first)
    assert "removed" in report.why


def test_a_removed_tail_is_found_although_what_is_left_is_a_good_chain() -> None:
    lines, end = log(4)
    assert walk(lines[:3], end).why == "line 4 was removed from the end"
    assert walk(lines[:1], end).why == "the lines 2 to 4 were removed from the end"


def test_a_head_that_was_set_back_with_the_tail_is_found() -> None:
    lines, end = log(4)
    report = walk(lines[:3], replace(end, seq=3, hash=lines[2].hash))
    assert not report.ok
    assert "the head of the log" in report.why


def test_an_inserted_line_is_named() -> None:
    lines, end = log(3)
    forged = chain.record(b"another key of thirty-two bytes..", end, Entry("incident:1", "approve"), "r", NOW)
    assert walk([*lines, forged], end).why == "line 4 was inserted: the last line written is 3"
    before = replace(lines[0], seq=0)
    assert walk([before, *lines], end).first_bad == 0


def test_a_line_inserted_in_the_middle_moves_the_rest_and_is_named() -> None:
    lines, end = log(4)
    forged = replace(lines[1], seq=2, verb="approve")
    moved = [lines[0], forged, *(replace(line, seq=line.seq + 1) for line in lines[1:])]
    assert walk(moved, end).first_bad == 2


def test_two_exchanged_lines_are_found() -> None:
    lines, end = log(4)
    exchanged = [lines[0], replace(lines[2], seq=2), replace(lines[1], seq=3), lines[3]]
    assert walk(exchanged, end).first_bad == 2


def test_lines_of_another_log_with_the_same_key_do_not_fit_in() -> None:
    lines, end = log(3)
    other = chain.record(KEY, replace(end, seq=1, hash="0" * 64), Entry("incident:1", "approve"), "r", NOW)
    assert walk([lines[0], other, lines[2]], end).why.startswith("line 2 does not follow the one before")


def test_the_hash_is_the_same_in_every_zone() -> None:
    empty = chain.head(KEY, 0, chain.BEGINNING)
    there = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert chain.record(KEY, empty, Entry("a", "b"), "r", there) == chain.record(KEY, empty, Entry("a", "b"), "r", NOW)


def test_fields_do_not_run_into_each_other() -> None:
    empty = chain.head(KEY, 0, chain.BEGINNING)
    one = chain.record(KEY, empty, Entry("ab", "c"), "r", NOW)
    assert one.hash != chain.record(KEY, empty, Entry("a", "bc"), "r", NOW).hash


def test_a_line_gives_back_its_entry() -> None:
    lines, _ = log(2)
    assert lines[1].line.entry == Entry("incident:1", "open", "U1", "", "open", "because", 1, {"n": 1, "share": 0.1})


@pytest.mark.parametrize(("key", "said"), [(b"", "missing"), (b"short", "5 bytes long")])
def test_a_key_that_protects_nothing_is_refused(key: bytes, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        chain.usable(key)


def test_another_key_is_told_from_a_changed_log() -> None:
    with pytest.raises(ConfigError, match="Put the old key back"):
        chain.same_key(b"x" * 32, log(1)[1])


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_any_text_can_be_sealed(text: str) -> None:
    empty = chain.head(KEY, 0, chain.BEGINNING)
    line = chain.record(KEY, empty, Entry(text, text, text, reason=text, detail={text: text}), text, NOW)
    assert walk([line], chain.head(KEY, 1, line.hash)).ok
    line.thing.encode()
