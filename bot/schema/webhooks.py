"""The ``webhooks`` part of fettle.yaml: who may deliver, and how a generic body is read."""

import re
from collections.abc import Mapping
from dataclasses import replace

from bot.domain.signal import SignalKind
from bot.domain.source import Auth, Basic, Bearer, Header, Hmac, Open, Place, Shape, Sns, Source
from bot.schema.table import Table

ALWAYS = ("alertmanager", "changes")
# How each vendor proves who it is unless the configuration says another way.
VENDORS: Mapping[str, Auth] = {
    "alertmanager": Bearer(""),
    "changes": Bearer(""),
    "grafana": Bearer(""),
    "pagerduty": Hmac("", "X-PagerDuty-Signature", "v1="),
    "datadog": Bearer(""),
    "sentry": Hmac("", "Sentry-Hook-Signature", ""),
    "opsgenie": Bearer(""),
    "cloudwatch": Sns(()),
    "github": Hmac("", "X-Hub-Signature-256", "sha256="),
    "argocd": Bearer(""),
    "flux": Bearer(""),
    "launchdarkly": Hmac("", "X-LD-Signature", ""),
    "unleash": Bearer(""),
}
KNOWN_VENDORS = tuple(VENDORS)
# What a vendor signs with where its usual way is another one.
SIGNS: Mapping[str, Hmac] = {
    "grafana": Hmac("", "X-Grafana-Alerting-Signature", ""),
    "flux": Hmac("", "X-Signature", "sha256="),
}
VARIABLE = r"FETTLE_WEBHOOK_SECRET_[A-Z0-9_]{1,60}"
LABEL = r"[\w./-]{1,100}"
HEADER = r"[A-Za-z0-9-]{1,80}"
TOPIC = r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w.-]{1,256}"
OWN_NAME = r"[^\s].{0,199}"
PLACES = ("severity", "status", "fingerprint", "started_at", "ended_at", "summary", "description", "environment", "url")


def read_webhooks(table: Table | None) -> Mapping[str, Source]:
    """Every source by its name.

    ``alertmanager`` and ``changes`` are always there; another vendor, and a generic source, where it is written down.
    """
    sources = {name: Source(name, Bearer(variable_of(name))) for name in ALWAYS}
    if table is None:
        return sources
    for name in KNOWN_VENDORS:
        one = table.table(name)
        if one is not None:
            sources[name] = _vendor(one, name)
        elif name in table.keys():  # noqa: SIM118  # a Table is no mapping
            sources[name] = Source(name, _named(VENDORS[name], variable_of(name)))
            _must_have_topics(sources[name], table, f"{table.path}.{name}")
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


def _vendor(table: Table, name: str) -> Source:
    usual = Source(name, VENDORS[name])
    source = Source(
        name,
        _auth(table, name),
        None,
        table.texts("service_labels", usual.service_labels, pattern=LABEL, like="a label's name"),
        table.texts("environment_labels", usual.environment_labels, pattern=LABEL, like="a label's name"),
        _services(table) if name != "changes" else {},
    )
    _must_have_topics(source, table, table.path)
    table.done()
    return source


def _services(table: Table) -> Mapping[str, tuple[str, ...]]:
    inner = table.table("services")
    if inner is None:
        return {}
    keys = inner.keys()
    return {key.lower(): inner.texts(key, pattern=OWN_NAME, like="a service's name") for key in keys}


def _must_have_topics(source: Source, table: Table, path: str) -> None:
    if isinstance(source.auth, Sns) and not source.auth.topics:
        table.spot.error(f"{path}.topics is missing: anybody can have SNS sign something, so say which topics count")


def _auth(table: Table, name: str) -> Auth:
    usual = VENDORS.get(name, Bearer(""))
    if isinstance(usual, Sns):
        return Sns(
            table.texts("topics", pattern=TOPIC, like="a topic such as arn:aws:sns:eu-west-1:123456789012:alarms")
        )
    own = "hmac" if isinstance(usual, Hmac) else "bearer"
    kind = table.choice("auth", ("bearer", "basic", "header", "hmac", "none"), own)
    if kind == "none":
        table.place("auth").warn(f"{table.path}.auth: whoever reaches the port can deliver to {name}")
    like = f"the name of an environment variable such as {variable_of(name)} (not the secret itself)"
    variable = table.text("secret", variable_of(name), pattern=VARIABLE, like=like)
    match kind:
        case "hmac":
            return _hmac(table, variable, usual if isinstance(usual, Hmac) else SIGNS.get(name, Hmac("")))
        case "basic":
            return Basic(variable, table.text("user", Basic("").user, pattern=r"[^:\s]{1,80}", like="a user's name"))
        case "header":
            return Header(variable, table.text("header", Header("").header, pattern=HEADER, like="a header's name"))
        case "none":
            return Open()
        case _:
            return Bearer(variable)


def _hmac(table: Table, variable: str, usual: Hmac) -> Hmac:
    return Hmac(
        variable,
        table.text("header", usual.header, pattern=HEADER, like="a header's name"),
        table.text("prefix", usual.prefix if "prefix" not in table else "", most=40),
        table.choice("encoding", ("hex", "base64"), usual.encoding),
        table.text("timestamp_header", usual.stamp, pattern=HEADER, like="a header's name"),
    )


def _named(auth: Auth, variable: str) -> Auth:
    return auth if isinstance(auth, Open | Sns) else replace(auth, variable=variable)


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
