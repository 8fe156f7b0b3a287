import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.change import Reading
from bot.domain.effects import Effect, Later, Note
from bot.domain.events import Event, IncidentOpened, every_event
from bot.domain.evidence import Asked, Found, Series
from bot.domain.journal import Entry
from bot.domain.outcome import Outcome
from bot.domain.passage import Document
from bot.domain.signal import Signal
from storage.codec import THINGS, Unreadable, decode, decode_outcome, encode, encode_outcome, pack, unpack
from tests.adapters.storage.build import NOW, change, incident, signal

MOMENTS = st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis takes the zone apart
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
PLAIN: Mapping[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=12),
    int: st.integers(-(2**31), 2**31 - 1),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    datetime: MOMENTS,
    type(None): st.none(),
    Any: JSON,
}


def of(hint: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401  # a type, a union of types or a generic alias
    """Everything that a field with this hint may hold."""
    if hint in PLAIN:
        return PLAIN[hint]
    origin, inside = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return st.one_of(*map(of, inside))
    if origin is Literal:
        return st.sampled_from(inside)
    if origin is tuple:
        if inside[-1] is Ellipsis:
            return st.lists(of(inside[0]), max_size=2).map(tuple)
        return st.tuples(*map(of, inside))
    if origin is Mapping:
        return st.dictionaries(of(inside[0]), of(inside[1]), max_size=2)
    if origin is Sequence:
        return st.lists(of(inside[0]), max_size=2)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    if hint is Event:
        return MOMENTS.map(lambda at: IncidentOpened(id="e", at=at, incident=4))
    return built(hint)


def built(kind: type[Any]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind)
    return st.builds(kind, **{field.name: of(hints[field.name]) for field in fields(kind)})


STORED = [*THINGS, Signal, Entry, Document, *every_event().values(), *get_args(Effect)]


@pytest.mark.parametrize("kind", STORED, ids=lambda kind: kind.__name__)
def test_comes_back_as_it_was(kind: type[Any]) -> None:
    @settings(max_examples=12)
    @given(built(kind))
    def check(thing: Any) -> None:  # noqa: ANN401  # of the kind
        assert unpack(pack(thing)) == thing
        if kind is not Later:
            again = decode(kind, encode(thing))
            assert again == thing
            assert [type(getattr(again, one.name)) for one in fields(kind)] == [
                type(getattr(thing, one.name)) for one in fields(kind)
            ]

    check()


def test_an_outcome_comes_back_as_it_was() -> None:
    opened, alert, entry = incident()
    event = IncidentOpened(id="e1", at=NOW, incident=1)
    later = Later("escalate:1", NOW, event)
    outcome = Outcome(
        (opened, alert, change()), (entry,), (later, Note("n", "C1", "hi", [{"a": 1}])), (event,), ("s1",)
    )
    assert decode_outcome(encode_outcome(outcome)) == outcome
    assert decode_outcome(encode_outcome(Outcome())) == Outcome()


def test_a_timer_keeps_the_kind_of_its_event() -> None:
    event = IncidentOpened(id="e1", at=NOW, incident=7)
    assert unpack(pack(Later("k", NOW, event))).event == event


def test_numbers_that_json_does_not_know() -> None:
    one = Reading("checkout", "latency", "lower", math.nan)
    value = decode(Reading, encode(one)).value
    assert value is not None
    assert math.isnan(value)
    assert decode(Reading, encode(replace(one, value=math.inf))).value == math.inf


def test_text_that_no_database_can_hold() -> None:
    broken = replace(signal(), summary="half \ud800 pair", labels={"\udfff": "x"})
    back = decode(Signal, encode(broken))
    assert back.summary == "half \ufffd pair"
    assert "".join(back.labels).strip("\ufffd") == ""
    assert "\x00" not in encode(replace(signal(), summary="nul \x00"))
    assert decode(Signal, encode(replace(signal(), summary="nul \x00"))).summary == "nul \x00"


def test_a_cached_property_is_not_stored() -> None:
    document = Document("runbooks/a.md", "A", "text")
    plain = encode(document)
    assert document.version
    assert encode(document) == plain


def test_generic_things() -> None:
    found = Found(Asked("prometheus", "up"), (Series((("job", "a"),), ((NOW, 1.0),)),))
    kind: Any = Found[tuple[Series, ...]]
    assert decode(kind, encode(found)) == found


def test_what_a_newer_version_added_is_passed_over_and_what_it_lacks_is_the_default() -> None:
    assert decode(Entry, '{"thing":"incident:1","verb":"open","invented":3}') == Entry("incident:1", "open")


def test_a_wrong_type_is_refused_before_it_is_stored() -> None:
    wrong: Any = "yesterday"
    with pytest.raises(TypeError, match="Signal"):
        encode(replace(signal(), at=wrong))


@pytest.mark.parametrize(
    "text", ['{"thing":1}', "[]", "nothing", '{"thing":"a","verb":"b","detail":{"c":[]}}', '{"thing":"a"'], ids=str
)
def test_what_cannot_be_read_says_so(text: str) -> None:
    with pytest.raises(Unreadable, match="A stored Entry cannot be read"):
        decode(Entry, text)


@pytest.mark.parametrize(
    "packed", [{"type": "os.system", "body": {}}, {"type": "Entry"}, {"type": "Later", "body": {}}, []]
)
def test_a_tag_that_is_not_known_is_not_obeyed(packed: object) -> None:
    with pytest.raises(Unreadable):
        unpack(packed)


def test_only_known_types_are_packed() -> None:
    @dataclass(frozen=True)
    class Incident:
        id: int

    for stranger in (Incident(1), object(), "text"):
        with pytest.raises(TypeError, match="neither a thing"):
            pack(stranger)


def test_stored_events_may_have_defaults_only_where_old_rows_need_them() -> None:
    required = {one.name for one in fields(IncidentOpened) if one.default is MISSING and one.default_factory is MISSING}
    assert required == {"id", "at", "incident"}
