"""Inhibition: while one alert fires, others that it explains open nothing. Rules as Alertmanager has them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain.hold import Hold, HoldKind
from bot.domain.received import pattern
from bot.domain.signal import Signal

OPERATORS = ("=~", "!~", "!=", "=")
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on one label: ``=``, ``!=``, ``=~`` or ``!~``. A label that is not there is empty."""

    label: str
    operator: str
    value: str

    def fits(self, labels: Labels) -> bool:
        """Whether the labels meet it; a pattern has to fit the whole value."""
        found = labels.get(self.label, "")
        match self.operator:
            case "=":
                return found == self.value
            case "!=":
                return found != self.value
            case "=~":
                return re.fullmatch(self.value, found) is not None
            case _:
                return re.fullmatch(self.value, found) is None


@dataclass(frozen=True, slots=True)
class Inhibition:
    """A rule: an alert that fits ``source`` holds back those that fit ``target`` and have the same ``equal`` labels."""

    name: str
    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()

    @property
    def labels(self) -> frozenset[str]:
        """The labels that it looks at in the alert that inhibits."""
        return frozenset(self.equal).union(one.label for one in (*self.source, *self.target))

    def from_source(self, labels: Labels) -> bool:
        """Whether an alert with these labels holds others back."""
        return all(one.fits(labels) for one in self.source)

    def to_target(self, labels: Labels) -> bool:
        """Whether an alert with these labels can be held back."""
        return all(one.fits(labels) for one in self.target)

    def key(self, labels: Labels) -> tuple[str, ...]:
        """What has to be the same in both."""
        return tuple(labels.get(label, "") for label in self.equal)


def labels_of(signal: Signal) -> dict[str, str]:
    """What rules look at: the alert's labels, and what Fettle knows of it where it has no label of that name."""
    known = {
        "alertname": signal.name,
        "service": signal.service,
        "severity": str(signal.severity),
        "environment": signal.environment,
        "source": signal.source,
    }
    return {**known, **signal.labels}


@dataclass(frozen=True, slots=True)
class _Source:
    fingerprint: str
    name: str
    incident: int
    target_too: bool


@dataclass
class Inhibitors:
    """The alerts that fire and hold others back, kept while a batch of alerts finds its places."""

    rules: Sequence[Inhibition]
    _firing: dict[tuple[int, tuple[str, ...]], dict[str, _Source]] = field(default_factory=dict)

    @property
    def labels(self) -> frozenset[str]:
        """The labels that have to be remembered of an alert that fires."""
        return frozenset[str]().union(*(rule.labels for rule in self.rules))

    def kept(self, labels: Labels) -> dict[str, str]:
        """Those of an alert's labels that rules look at; none where the alert holds nothing back."""
        return {key: labels[key] for key in sorted(self.labels) if labels.get(key)} if self.holds_back(labels) else {}

    def holds_back(self, labels: Labels) -> bool:
        """Whether an alert with these labels could hold others back."""
        return any(rule.from_source(labels) for rule in self.rules)

    def fires(self, fingerprint: str, name: str, incident: int, labels: Labels) -> None:
        """Note that an alert fires in that incident, 0 when it is held back itself."""
        for place, rule in enumerate(self.rules):
            if rule.from_source(labels):
                alike = self._firing.setdefault((place, rule.key(labels)), {})
                alike[fingerprint] = _Source(fingerprint, name, incident, rule.to_target(labels))

    def ends(self, fingerprint: str) -> None:
        """Note that an alert fires no more."""
        for alike in self._firing.values():
            alike.pop(fingerprint, None)

    def hold(self, fingerprint: str, labels: Labels) -> Hold | None:
        """Why an alert with these labels is held back now.

        An alert does not hold itself back, and one that fits both sides of a rule not another that fits both.
        """
        for place, rule in enumerate(self.rules):
            if not rule.to_target(labels):
                continue
            both = rule.from_source(labels)
            for source in self._firing.get((place, rule.key(labels)), {}).values():
                if source.fingerprint != fingerprint and not (both and source.target_too):
                    return _hold(rule, source)
        return None


def matcher(text: str) -> Matcher:
    """The condition in ``severity="critical"``, ``alertname=~Node.*``; quotes may be left out.

    Raises ``ValueError`` saying what is wrong with it.
    """
    found = re.fullmatch(r"\s*([A-Za-z_][\w.-]{0,99})\s*(=~|!~|!=|=)\s*(.*?)\s*", text, re.DOTALL)
    if found is None:
        raise ValueError(f"“{text[:60]}” is no condition such as severity=critical or alertname=~Node.*")
    label, operator, value = found.groups()
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if operator in ("=~", "!~"):
        pattern(value)
    return Matcher(label, operator, value)


def rules_look_at(rules: Iterable[Inhibition]) -> tuple[str, ...]:
    """The names of the alerts that can hold others back; empty where the rules do not name them."""
    names: list[str] = []
    for rule in rules:
        named = [one.value for one in rule.source if one.label == "alertname" and one.operator == "="]
        if not named:
            return ()
        names += named
    return tuple(dict.fromkeys(names))


def _hold(rule: Inhibition, source: _Source) -> Hold:
    where = f" (INC-{source.incident})" if source.incident else ""
    reason = f"inhibited by “{rule.name}” while {source.name}{where} fires"
    return Hold(HoldKind.INHIBITION, rule.name, reason, incident=source.incident)
