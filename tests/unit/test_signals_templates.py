import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skills.rca.signals.templates import said, template

WORDS = st.lists(st.sampled_from(["order", "took", "paid", "by", "customer", "retry", "of", "queue"]), min_size=1)
BEFORE_NUMBER = st.sampled_from(["", " ", "=", ": ", "/", "#", " (", " [", "-", "_", "$", " -", " <"])
NUMBER = st.one_of(
    st.integers(0, 10**12).map(str),
    st.floats(0.001, 1e6).map("{:.3f}".format),
    st.sampled_from(["12ms", "3.5s", "10.0.0.17:8080", "2026-11-21", "99%"]),
)


@given(st.text(max_size=1500))
def test_any_line_has_a_template(line: str) -> None:
    assert len(template(line)) <= 300
    said(line)


@given(WORDS, BEFORE_NUMBER, NUMBER, NUMBER, WORDS)
def test_lines_that_differ_in_numbers_say_the_same(
    first: list[str], before: str, one: str, other: str, last: list[str]
) -> None:
    start, end = " ".join(first) + (before or " "), " " + " ".join(last)
    assert template(start + one + end) == template(start + other + end)
    assert template(one + end) == template(other + end)


@given(WORDS, BEFORE_NUMBER, NUMBER)
def test_a_template_is_its_own_template(words: list[str], before: str, number: str) -> None:
    found = template(" ".join(words) + before + number)
    assert template(found) == found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "order 17 paid by 4f9d2c11-9d2e-4c2a-8f5e-0a1b2c3d4e5f",
            "order 4 paid by 0aaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeee1",
        ),
        ("user kim@shop.example signed in", "user jo.b+x@other.example signed in"),
        ('no such key "a b c"', 'no such key "d"'),
        ("trace=ab12cd34ef56 done", "trace=99ffee00aa12 done"),
        ("host=pay-1 gone", "host=pay-22 gone"),
        ("2026-11-21T08:00:01.123Z cache is cold", "[2026-11-20 23:59:59,001] cache is cold"),
        ("commit 3f2a9c81b7 built", "commit 99aa00bb11 built"),
        ("order #17 failed", "order #4 failed"),
        ("order-8812 failed", "order-9 failed"),
        ("charged $42.10", "charged $7"),
        ("{'a': 1, 'b': 2} refused", "{'a': 9} refused"),
    ],
)
def test_values_do_not_matter(one: str, other: str) -> None:
    assert template(one) == template(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("connection refused", "connection reset"),
        ("order 17 paid", "order 17 failed"),
        ('{"level": "error", "msg": "pool exhausted"}', '{"level": "error", "msg": "disk full"}'),
        ("OrderService#120 a", "OrderService#121 a"),
        ("worker.py:88 x", "worker.py:89 x"),
        ("ERROR in v1 of base64", "ERROR in v2 of base64"),
    ],
)
def test_words_do(one: str, other: str) -> None:
    assert template(one) != template(other)


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("[main] OrderService#120 order 17 of kim was paid", "OrderService#120"),
        ("order.py:88 order 4 of jo was paid after 3 tries", "order.py:88"),
        ("com.shop.Order#7 anything", "com.shop.Order#7"),
    ],
)
def test_a_line_that_names_its_place_is_known_by_it(line: str, place: str) -> None:
    assert template(line) == place


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"message": "pool exhausted", "n": 3}', "pool exhausted"),
        ('{"msg": "failed", "error": "timed out"}', "failed timed out"),
        ('{"n": 3}', '{"n": 3}'),
        ('{"message": {"deep": 1}}', '{"message": {"deep": 1}}'),
        ('{"half": ', '{"half": '),
        ('["message"]', '["message"]'),
        ("2026-11-21 08:00:01 cold", "cold"),
        ("2026-11-21T08:00:01+01:00 cold", "cold"),
        ("cold", "cold"),
    ],
)
def test_what_a_line_says(line: str, words: str) -> None:
    assert said(line) == words


def test_long_json_lines_are_told_apart_by_their_message() -> None:
    def line(message: str) -> str:
        return json.dumps({"time": "2026-11-21T08:00:00Z", "stack": "at x.y.Z\n" * 300, "message": message})

    assert template(line("pool exhausted")) == "pool exhausted"
    assert template(line("disk full")) == "disk full"


def test_a_json_line_that_was_cut_still_says_its_message() -> None:
    whole = json.dumps({"msg": 'no "pool" for order 17', "stack": "at x.y.Z\n" * 900})
    assert template(whole[:4000]) == template('no "pool" for order 4')


def test_deeply_nested_json_is_no_trouble() -> None:
    for line in ('{"a":' + "[" * 3_990, '{"a":' * 800 + "1" + "}" * 800):
        assert template(line)
        assert said(line) == line
