import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.source import Open, Source
from bot.errors import BadDelivery
from bot.web import sns
from bot.web.body import decode
from bot.web.webhooks import PARSERS
from tests.adapters.web import vendors as v
from tests.adapters.web.test_fuzz import BODIES, check

NASTY: st.SearchStrategy[object] = st.sampled_from(
    (
        *("", "\0", "\ud800", "\u202eabc", "<!channel>", "[x](y)", "$DATE", "<no value>", "null", "x" * 20_000),
        *("a\nb\x1b[31mc", "[Triggered on {host:" + "x" * 5000 + "}] y", "1" * 400, "0001-01-01T00:00:00Z"),
        *(0, -1, 10**40, 1e308, float("nan"), float("inf"), True, False, None),
        *([], {}, [[]], [None], [[1]], [["a", "b"]], {"\ud800": "\ud800"}, {"a": {"b": []}}, [{}] * 300),
    )
)
SOURCE = Source("x", Open(), services={"payment": ("payment", "till")})


def places(body: object, at: str = "") -> Iterator[str]:
    """Every place in a body, such as ``alerts.0.status``."""
    inside = enumerate(body) if isinstance(body, list) else body.items() if isinstance(body, dict) else ()
    for key, value in inside:
        yield f"{at}{key}"
        yield from places(value, f"{at}{key}.")


def read(case: str, body: object) -> None:
    """Whatever comes is signals that keep the rules, or refused; never anything else."""
    vendor, event, _ = v.ALL[case]
    with contextlib.suppress(BadDelivery):
        reading = v.read(vendor, decode(json.dumps(body).encode()), event, SOURCE)
        assert bool(reading.signals) != bool(reading.ignored)
        for signal in reading.signals:
            check(signal)
            texts = [signal.name, signal.service, signal.summary, signal.url, signal.environment]
            assert all(text.isprintable() for text in [*texts, *signal.labels.values(), *signal.facts.values()])
            assert max(map(len, [signal.name, signal.service, signal.environment, *signal.facts.values()])) <= 200


def test_every_vendor_is_among_the_bodies() -> None:
    assert {vendor for vendor, _, _ in v.ALL.values()} == set(PARSERS)


@pytest.mark.parametrize("case", v.ALL)
@settings(max_examples=60)
@given(body=BODIES)
def test_any_json_is_read_or_refused(case: str, body: object) -> None:
    read(case, body)


@pytest.mark.parametrize("case", v.ALL)
@settings(max_examples=120)
@given(data=st.data())
def test_a_body_with_odd_places_is_read_or_refused(case: str, data: st.DataObject) -> None:
    body: Any = v.ALL[case][2]
    chosen = data.draw(st.lists(st.sampled_from(sorted(places(body))), min_size=1, max_size=3, unique=True))
    for path in chosen:
        with contextlib.suppress(KeyError, IndexError, TypeError):  # a place inside of one that was replaced before
            body = v.changed(body, path, data.draw(NASTY | BODIES))
    read(case, body)


@settings(max_examples=120)
@given(data=st.data())
def test_an_alarm_with_odd_places_is_read_or_refused(data: st.DataObject) -> None:
    """The alarm is JSON within a text, so its places are not the body's."""
    alarm = v.changed(v.ALARM, data.draw(st.sampled_from(sorted(places(v.ALARM)))), data.draw(NASTY | BODIES))
    read("cloudwatch", {**v.CLOUDWATCH, "Message": json.dumps(alarm)})


@settings(max_examples=150)
@given(data=st.data())
def test_any_envelope_is_opened_or_refused(data: st.DataObject) -> None:
    whole = {**v.CLOUDWATCH, "SignatureVersion": "1", "Signature": "c2ln", "SigningCertURL": "https://sns"}
    body = v.changed(whole, data.draw(st.sampled_from(sorted(whole))), data.draw(NASTY | BODIES))
    with contextlib.suppress(BadDelivery):
        assert sns.open_envelope(decode(json.dumps(body).encode())).signed


@given(url=st.text(max_size=60) | st.from_regex(r"https://[a-z0-9.@:\\/-]{0,40}amazonaws\.com[ -~]{0,10}"))
def test_no_odd_address_is_an_error(url: str) -> None:
    assert sns.is_sns(url) in (True, False)
