"""The ``webhooks`` part of fettle.yaml: who may deliver, and how a generic body is read."""

import re
from collections.abc import Mapping

from bot.domain.signal import SignalKind
from bot.domain.source import Auth, Bearer, Hmac, Open, Place, Shape, Source
from bot.schema.table import Table

KNOWN_VENDORS = ("alertmanager", "changes")
VARIABLE = r"FETTLE_WEBHOOK_SECRET_[A-Z0-9_]{1,60}"
LABEL = r"[\w./-]{1,100}"
PLACES = ("severity", "status", "fingerprint", "started_at", "ended_at", "summary", "description", "environment", "url")


def read_webhooks(table: Table | None) -> Mapping[str, Source]:
    """Every source by its name: both that Fettle knows, and a generic one for each that is described."""
    sources = {name: Source(name, Bearer(variable_of(name))) for name in KNOWN_VENDORS}
    if table is None:
        return sources
    for name in KNOWN_VENDORS:
        one = table.table(name)
        if one is not None:
            usual = sources[name]
            sources[name] = Source(
                name,
                _auth(one, name),
                None,
                one.texts("service_labels", usual.service_labels, pattern=LABEL, like="a label's name"),
                one.texts("environment_labels", usual.environment_labels, pattern=LABEL, like="a label's name"),
            )
            one.done()
    generic = table.table("generic")
    for name, one in generic.each(r"[a-z0-9][a-z0-9_-]{0,39}") if generic else ():
        if name in KNOWN_VENDORS:
            one.spot.error(f"{one.path}: the name {name} is taken by Fettle's own webhook")
            continue
        shape = one.table("map", must=True)
        sources[name] = Source(name, _auth(one, name), _shape(shape) if shape else None)
        one.done()
    table.done()
    return sources


def variable_of(name: str) -> str:
    """The variable with a source's secret, unless the configuration says another."""
    return "FETTLE_WEBHOOK_SECRET_" + re.sub(r"[^A-Z0-9]", "_", name.upper())


def _auth(table: Table, name: str) -> Auth:
    kind = table.choice("auth", ("bearer", "hmac", "none"), "bearer")
    like = f"the name of an environment variable such as {variable_of(name)} (not the secret itself)"
    variable = table.text("secret", variable_of(name), pattern=VARIABLE, like=like)
    if kind == "hmac":
        usual = Hmac(variable)
        return Hmac(
            variable,
            table.text("header", usual.header, pattern=r"[A-Za-z0-9-]{1,80}", like="a header's name"),
            table.text("prefix", usual.prefix if "prefix" not in table else "", most=40),
            table.choice("encoding", ("hex", "base64"), "hex"),
        )
    if kind == "none":
        table.place("auth").warn(f"{table.path}.auth: whoever reaches the port can deliver to {name}")
        return Open()
    return Bearer(variable)


def _shape(table: Table) -> Shape:
    kind = table.choice("kind", tuple(SignalKind), SignalKind.ALERT)
    items = _path(table, "items") if "items" in table else None
    usual = Shape(kind, Place(), Place())
    shape = Shape(
        kind=kind,
        name=_place(table, "name", must=True),
        service=_place(table, "service", must=True),
        items=items,
        resolved=tuple(word.lower() for word in table.texts("resolved", usual.resolved)),
        labels=_places(table, "labels"),
        facts=_places(table, "facts"),
        **{key: _place(table, key) for key in PLACES},
    )
    if kind is SignalKind.CHANGE and "status" in table:
        table.place("status").error(f"{table.path}.status: a change has no status; it has happened")
    table.done()
    return shape


def _places(table: Table, key: str) -> Mapping[str, Place]:
    inner = table.table(key)
    if inner is None:
        return {}
    return {name: _place(inner, name) for name in inner.keys()}  # noqa: SIM118  # a Table is no mapping


def _place(table: Table, key: str, *, must: bool = False) -> Place:
    if key not in table:
        if must:
            table.text(key, must=True)
        return Place()
    if not table.is_mapping(key):
        return Place(_path(table, key))
    inner = table.table(key)
    if inner is None:
        return Place()
    place = Place(_path(inner, "path") if "path" in inner else (), inner.text("default"))
    if not place.path and not place.default:
        inner.spot.error(f"{inner.path}: expected a path, a default, or both")
    inner.done()
    return place


def _path(table: Table, key: str) -> tuple[str | int, ...]:
    text = table.text(key, most=200)
    keys = text.removeprefix("$").removeprefix(".")
    parts = [part for part in re.split(r"\.|\[(\d+)\]", keys) if part]
    if not re.fullmatch(r"[^.\[\]]+(\.[^.\[\]]+|\[\d+\])*|(\[\d+\])+(\.[^.\[\]]+|\[\d+\])*", keys):
        table.place(key).error(f"{table.path}.{key}: found “{text}”, expected a path such as event.tags[0].name")
        return ()
    return tuple(int(part) if part.isdecimal() else part for part in parts)
