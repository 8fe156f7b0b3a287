import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skills.rca.signals.scale import MOST, Scale

SCORES = st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=60)
SCORE = st.floats(0, 1e15)


@given(SCORES, st.lists(SCORE, min_size=2, max_size=6))
def test_a_greater_score_is_never_less_surprising(past: Sequence[float], scores: list[float]) -> None:
    scale = Scale.of(past)
    told = [scale.surprise(score) for score in sorted(scores)]
    assert told == sorted(told)
    assert all(0 <= one <= MOST for one in told)


@given(SCORES, st.floats(allow_nan=True, allow_infinity=True))
def test_any_score_has_a_surprise(past: Sequence[float], score: float) -> None:
    assert 0 <= Scale.of(past).surprise(score) <= MOST


@pytest.mark.parametrize("score", [0.0, -3.0, math.nan, -math.inf])
def test_nothing_is_not_surprising(score: float) -> None:
    assert Scale.of([]).surprise(score) == 0
    assert Scale.of([1.0] * 50).surprise(score) == 0


def test_what_the_past_often_reached_is_ordinary() -> None:
    scale = Scale.of(float(one) for one in range(100))
    assert scale.surprise(10) < 0.1
    assert scale.surprise(500) > 1


def test_the_same_score_says_less_where_the_past_was_loud() -> None:
    quiet, loud = Scale.of([0.5] * 60), Scale.of([0.5, 40.0] * 30)
    assert quiet.surprise(30) > 2 * loud.surprise(30)


def test_a_short_past_tells_less_than_a_long_one() -> None:
    assert Scale.of([0.5] * 3).surprise(50) < Scale.of([0.5] * 300).surprise(50)


def test_without_a_past_the_usual_prevails() -> None:
    none = Scale.of([])
    assert none.surprise(1) < 0.5 < none.surprise(10)
    assert Scale.of([math.nan, math.inf]) == none, "what is no number is no past"
