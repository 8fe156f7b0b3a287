"""The benchmarks measure what they say, at a size that a test can wait for. No figure is judged here."""

import pytest

from tests.benchmarks import latency, start, storm

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


async def test_a_small_storm_loses_nothing_and_merges_what_comes_twice() -> None:
    found = await storm.storm(1500, 5)
    assert (found["n"], found["lost"], found["failed"]) == (1500, 0, 0)
    assert isinstance(found["repeats"], int)
    assert found["repeats"] > 0
    assert found["presses"]
    assert found["drained_s"] is not None


async def test_latency_and_start_give_their_figures() -> None:
    found = await latency.latency(3)
    assert found["n"] == 3
    assert 0 < float(str(found["press_to_ack_p95_ms"])) < float(str(found["alert_to_message_p95_ms"]))
    seconds, memory = await start.ready(1, 0.1)
    assert seconds[0] > 0
    assert memory[0] > 20
    assert start.help_seconds() > 0
