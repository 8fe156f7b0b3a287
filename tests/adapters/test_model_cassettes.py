"""OpenAI's own shapes, from cassettes (each says how it came to be)."""

from pathlib import Path

import pytest
import vcr

from bot.domain.model import NotTold, Told, Why
from bot.domain.money import Prices
from bot.model import ModelSettings
from tests.adapters.model_bench import KEY, bench

OPENAI = ModelSettings("gpt-5-mini", KEY, "https://api.openai.com/v1", prices=Prices(1, 10))
tape = vcr.VCR(
    cassette_library_dir=str(Path(__file__).parent / "cassettes"), record_mode="none", match_on=("method", "uri")
)


@pytest.mark.parametrize("stream", [False, True])
async def test_openais_answer_is_read_with_its_counts(*, stream: bool) -> None:
    with tape.use_cassette("openai_chat_stream.yaml" if stream else "openai_chat.yaml") as cassette:
        async with bench(OPENAI) as b:
            told = await b.answer(stream=stream)
        assert cassette.all_played
    assert isinstance(told, Told)
    assert [one.text for one in told.sentences] == ["The payment pool is full since 14:01."]
    assert told.cost == pytest.approx((412 + 31 * 10) / 1_000_000)


async def test_openais_used_up_quota_is_told() -> None:
    with tape.use_cassette("openai_quota.yaml"):
        async with bench(OPENAI) as b:
            lost = await b.answer()
    assert isinstance(lost, NotTold)
    assert (lost.why, lost.cost) == (Why.QUOTA, 0)
