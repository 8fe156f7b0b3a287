from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import wording as w
from bot.domain.cause import Evidence, cite
from tests.builders import NOW


@given(st.text(max_size=400), st.integers(1, 300))
def test_text_from_outside_cannot_ping_link_or_run_long(text: str, limit: int) -> None:
    shown = w.quiet(text, limit)
    assert "<" not in shown
    assert ">" not in shown
    plain = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").replace("\u2060", "")
    assert len(plain) <= limit
    assert not any(ord(one) < 32 and one != "\n" for one in shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<!channel> & <@U1>", "&lt;!channel&gt; &amp; &lt;@U1&gt;"),
        ("ask @here or @channel", "ask @\u2060here or @\u2060channel"),
        ("a@hereafter.example", "a@hereafter.example"),
        ("gpj.exe\u202etxt.\x1b[31mred\x00", "gpj.exetxt.[31mred"),
        ("zero\u200bwidth", "zerowidth"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_text_from_outside_is_made_harmless(text: str, shown: str) -> None:
    assert w.quiet(text) == shown


def test_a_cut_is_marked_and_leaves_no_half_of_an_escape() -> None:
    assert w.quiet("&" * 10, 5) == "&amp;" * 4 + "…"
    assert w.line("  a\n b\t c ", 4) == "a b…"


def test_code_cannot_be_broken_out_of() -> None:
    assert w.code("a\n```\n*b* <!here>") == "```a\nʼʼʼ\n*b* &lt;!here&gt;```"
    assert w.inline("a`b\nc") == "`aʼb c`"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 s"),
        (0.44, "0.4 s"),
        (3, "3 s"),
        (42.4, "42 s"),
        (119, "119 s"),
        (120, "2 min"),
        (3599, "60 min"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (86400, "1 d"),
        (259200, "3 d"),
    ],
)
def test_a_duration_reads_well(seconds: float, words: str) -> None:
    assert w.duration(seconds) == words


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (None, "ratio", "–"),
        (0.048, "ratio", "4.8 %"),
        (0, "ratio", "0 %"),
        (1, "ratio", "100 %"),
        (0.21, "seconds", "210 ms"),
        (1.5, "s", "1.5 s"),
        (999, "bytes", "999 B"),
        (1.2e9, "bytes", "1.2 GB"),
        (5e15, "bytes", "5000 TB"),
        (50, "", "50"),
        (50.26, "connections", "50.3 connections"),
        (-12.5, "", "-12.5"),
    ],
)
def test_a_measure_has_its_unit(value: float | None, unit: str, words: str) -> None:
    assert w.measure(value, unit) == words


def test_times_are_the_readers_own_with_utc_beside_them() -> None:
    stamp = int(NOW.timestamp())
    assert w.clock(NOW) == f"<!date^{stamp}^{{time}}|19:30 UTC>"
    assert w.moment(NOW) == f"<!date^{stamp}^{{date_short_pretty}} {{time}}|20 Nov 19:30 UTC>"
    assert w.plain_clock(NOW) == "19:30 UTC"


def test_counts_and_lists() -> None:
    assert [w.plural(1, "alert"), w.plural(0, "alert"), w.plural(3, "alert")] == ["1 alert", "0 alerts", "3 alerts"]
    assert w.listed(["a", "b"]) == "a, b"
    assert w.listed(list("abcdef")) == "a, b, c, d and 2 more"
    assert w.percent(0.635) == "64 %"


PIECE = Evidence("E1", "metric", "payment", "payment pool 1 → 20", "pool", "metrics", NOW, "https://prom.example/g?a=1")


def test_evidence_is_cited_with_its_time_and_a_link() -> None:
    assert cite(PIECE) == f"payment pool 1 → 20, since {w.clock(NOW)}  <https://prom.example/g?a=1|metric>"
    assert cite(replace(PIECE, kind="change", url="")) == "payment pool 1 → 20  _change_"


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "https://x|y> <!channel>", "https://x> <!here>", "https://a b", "https://", "ftp://x"],
)
def test_an_address_from_outside_is_linked_only_when_it_is_one(url: str) -> None:
    assert cite(replace(PIECE, url=url)).endswith("  _metric_")
