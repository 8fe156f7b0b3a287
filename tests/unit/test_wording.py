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


SECRETS = (
    "ghp_" + "a1B2" * 9,
    "xoxb-1234-abcdefgh",
    "password=correct-horse",
    "AKIAIOSFODNN7EXAMPLE",
    "Bearer abcdef123456",
)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("limit", [20, 40, 60, 300])
def test_a_secret_is_never_shown_wherever_it_stands(secret: str, limit: int) -> None:
    core = secret[-6:]
    for before in ("", "x " * 15, "failed with " * 30):
        assert core not in w.quiet(f"{before}{secret} and more", limit)
        assert core not in w.line(f"{before}{secret} and more", limit)
        assert core not in w.inline(f"{before}{secret}", limit)
        assert core not in w.code(f"{before}{secret}", limit)
        assert core not in w.brief(f"{before}{secret}", limit)


def test_a_secret_is_not_hidden_by_characters_that_nobody_sees() -> None:
    torn = "g\u200bhp_" + "a1B2\u00ad" * 9
    assert "a1B2" not in w.quiet(torn)
    assert "a1B2" not in w.brief(torn)


def test_ordinary_words_are_no_secrets() -> None:
    for words in (
        "the token of the queue expired",
        "password reset is slow",
        "basic settings",
        "digest mismatch",
        "a=b",
    ):
        assert w.quiet(words) == words


@given(st.text(max_size=400), st.integers(1, 300))
def test_what_is_kept_is_on_one_line(text: str, limit: int) -> None:
    kept = w.brief(text, limit)
    assert len(kept) <= limit
    assert not any(ord(one) < 32 for one in kept)


def test_what_is_kept_is_escaped_by_whoever_shows_it() -> None:
    assert w.brief("a <b>\n & c") == "a <b> & c"
    assert w.brief("abcdef", 4) == "abc…"


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


def test_a_code_block_that_does_not_end_is_none() -> None:
    assert w.line("a ```x``` b") == "a ```x``` b"
    assert w.line("a ``` b") == "a ʼʼʼ b"
    assert "```" not in w.line("a ``` b ``` c", 8)
