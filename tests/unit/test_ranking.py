import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.passage import Band
from knowledge.ranking import WEIGHTS, ranked, rarity, share
from knowledge.trust import Support, judge


def test_scales_do_not_matter_and_weights_do() -> None:
    page = {1: 3.0, 2: 2.0, 3: 1.0}
    large = dict(ranked([1, 2, 3], {"page": {key: 1e6 * page[key] for key in page}}))
    assert dict(ranked([1, 2, 3], {"page": page})) == pytest.approx(large)
    order = [key for key, _ in ranked([1, 2], {"section": {1: 9.0, 2: 1.0}, "meaning": {1: 0.4, 2: 0.5}})]
    assert WEIGHTS["meaning"] > WEIGHTS["section"]
    assert order == [2, 1]


def test_a_missing_document_gets_the_floor() -> None:
    scores = dict(ranked([1, 2, 3], {"meaning": {1: 0.9, 2: 0.5}}))
    assert scores[1] > scores[2] == scores[3]


def test_equal_signals_say_nothing() -> None:
    assert ranked([2, 1], {"page": {1: 5.0, 2: 5.0}, "pairs": {}}) == [(1, 0.0), (2, 0.0)]


@given(st.integers(0, 200), st.integers(0, 200))
def test_a_rarer_word_never_tells_less(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert rarity(low, 200) >= rarity(high, 200) > 0


def test_share_is_by_weight() -> None:
    assert share(["a", "b"], ["a"], {"a": 3.0, "b": 1.0}) == 0.75
    assert share([], ["a"], {}) == 0


def support(cosine: float, covered: float, unknown: float, *, own: bool = False) -> Support:
    return Support(cosine, covered, unknown, titled=covered, documents=100, own=own, strangers=("Kafka", "lag"))


@pytest.mark.parametrize(
    ("given", "band"),
    [
        (support(0.8, 0.9, 0.0), Band.FOUND),
        (support(0.55, 0.5, 0.2), Band.POSSIBLE),
        (support(0.3, 0.1, 0.7), Band.NONE),
        (support(0.4, 0.15, 0.3), Band.NONE),
        (support(0.4, 0.15, 0.3, own=True), Band.POSSIBLE),
    ],
)
def test_the_band_follows_the_support(given: Support, band: Band) -> None:
    assert judge(given)[0] is band


def test_having_nothing_is_explained() -> None:
    assert judge(support(0.2, 0.0, 1.0))[1] == "No document comes close, and none mentions Kafka, lag."


def test_strange_words_weigh_less_in_a_small_collection() -> None:
    few, many = (Support(0.4, 0.2, 0.8, titled=0.2, documents=count) for count in (3, 3_000))
    assert few.strength > many.strength
