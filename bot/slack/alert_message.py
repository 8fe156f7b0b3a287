"""Other bots' messages read as alerts: Alertmanager's, Grafana's and Datadog's by their shape, others by a pattern.

Pure. Shapes: Alertmanager's `slack.default.title` (https://github.com/prometheus/alertmanager, template/default.tmpl),
Grafana's default message (https://grafana.com/docs/grafana/latest/alerting/), Datadog's Slack integration.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bot.domain.received import LONGEST_NAME, LONGEST_TEXT, clean, line, web_address
from bot.domain.signal import Severity, Status, digest
from bot.domain.watch import Told, Watch
from bot.slack.alert_text import Part, pair, parts
from bot.slack.payloads import Body

FIRING = ("firing", "alerting", "triggered", "re-triggered", "renotify", "warn", "no data", "nodata", "alert", "error")
TELLING = (*Severity, "page", "error")
QUIET_WORDS = ("warn", "no data", "nodata")
_BRACKETED = re.compile(
    r"^\[(?P<word>[A-Za-z][A-Za-z -]{1,20}?)(?::\d{1,6})?(?:, ?[A-Za-z]+:\d{1,6})?(?: on \{(?P<scope>[^}]{0,400})\})?\]"
    r"\s*(?P<rest>.*)$"
)
_NAMED = re.compile(
    r"^(?:\[P[1-5]\] ?)?(?P<word>[A-Za-z][A-Za-z -]{1,20}?)(?: on \{(?P<scope>[^}]{0,400})\})?: (?P<rest>.+)$"
)
_SCOPE = re.compile(r"^(?P<name>.+?) on (?P<scope>[\w.-]+:[^\s,]+(?:,\s?[\w.-]+:[^\s,]+)*)$")
_VALUES = re.compile(r"^(?P<name>[^(]*)\((?P<values>[^()]*)\)\s*$")
_IDENTIFIER = re.compile(r"(?=\w*_|[A-Z]\w*[a-z]\w*[A-Z])[A-Za-z_:][\w:]*$")
_WORDS = re.compile(r"[\w.-]+")
_PRIORITY = re.compile(r"\bP([1-5])\b")
_NOTES = (
    "summary",
    "description",
    "message",
    "runbook",
    "runbook_url",
    "value",
    "values",
    "source",
    "silence",
    "panel",
)


@dataclass(frozen=True, slots=True)
class Read:
    """One alert that a message tells of. ``fingerprint`` is the same for the same alert in every message."""

    name: str
    service: str
    status: Status
    severity: Severity
    fingerprint: str
    summary: str = ""
    description: str = ""
    environment: str = ""
    url: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


def read(message: Body, watch: Watch, channel: str) -> tuple[Read, ...]:
    """The alerts that a message tells of, each once; none when it is no alert's message."""
    found: dict[str, Read] = {}
    for part in parts(message):
        for one in _part(part, watch, channel):
            found[one.fingerprint] = one
    return tuple(found.values())


def over(message: Body, watch: Watch) -> bool:
    """Whether a message looks as if everything in it were over: green, or a word that says so in its title."""
    return all(_over(part, watch) for part in parts(message))


def _part(part: Part, watch: Watch, channel: str) -> Iterator[Read]:
    if watch.pattern is not None:
        yield from _by_pattern(part, watch, channel)
        return
    head = _BRACKETED.match(part.title) or _NAMED.match(part.title)
    status = _status(head["word"], watch) if head else None
    if head is not None and status is not None:
        listed = list(_listed(part, status))
        if listed:
            yield from (_labelled(labels, own, part, watch, channel) for labels, own in listed)
        else:
            yield _headed(head, status, part, watch, channel)
    elif watch.every and part.title:
        yield _plain(part, watch, channel)


def _listed(part: Part, status: Status) -> Iterator[tuple[dict[str, str], Status]]:
    """The labels of each alert that Grafana's text lists, with what became of it."""
    labels: dict[str, str] = {}
    for written in part.text.splitlines():
        bare = written.strip(" *:").lower()
        if bare in ("firing", "resolved") or written.strip().lower().startswith("labels:"):
            if "alertname" in labels:
                yield labels, status
            labels = {}
            status = {"firing": Status.FIRING, "resolved": Status.RESOLVED}.get(bare, status)
            continue
        known = pair(written)
        if known and known[0] not in labels and (written.lstrip().startswith("-") or known[0] in _NOTES):
            labels[known[0]] = known[1]
    if "alertname" in labels:
        yield labels, status


def _labelled(labels: dict[str, str], status: Status, part: Part, watch: Watch, channel: str) -> Read:
    own = _own(labels)
    service = _service(own, watch, ())
    identity = [f"{key}={text}" for key, text in sorted(own.items())]
    return Read(
        name=line(own["alertname"], LONGEST_NAME),
        service=service,
        status=status,
        severity=_severity(own, "", watch),
        fingerprint=digest("fingerprint", "slack", channel, *identity),
        summary=line(labels.get("summary") or labels.get("message") or part.title),
        description=clean(labels.get("description"), LONGEST_TEXT),
        environment=_environment(own, watch),
        url=web_address(labels.get("source")) or part.url,
        labels=own,
    )


def _headed(head: re.Match[str], status: Status, part: Part, watch: Watch, channel: str) -> Read:
    """An alert of which the title says what it is: a name, sometimes labels' values in brackets or a scope after it."""
    values = _VALUES.match(head["rest"])
    rest = line(values["name"] if values else head["rest"])
    scoped = _SCOPE.match(rest)
    scope = head["scope"] or (scoped["scope"] if scoped else "")
    labels = {**_tags(scope), **part.pairs}
    own_name = _alert_name(line(scoped["name"] if scoped else rest) or part.title, watch)
    name = labels.get("alertname") or labels.get("alert") or own_name
    words = [*_WORDS.findall(rest), *(_WORDS.findall(values["values"]) if values else ())]
    service = _service(labels, watch, words)
    severity = next((word for word in words if word.lower() in TELLING), "")
    return Read(
        name=line(name, LONGEST_NAME),
        service=service,
        status=status,
        severity=_severity(labels, severity or head["word"], watch),
        fingerprint=digest("fingerprint", "slack", channel, rest or part.title, scope),
        summary=line(labels.get("summary") or next(iter(part.text.splitlines()), "") or rest or part.title),
        description=part.text,
        environment=_environment(labels, watch),
        url=part.url,
        labels=_own(labels),
    )


def _by_pattern(part: Part, watch: Watch, channel: str) -> Iterator[Read]:
    assert watch.pattern is not None  # noqa: S101  # the caller asked
    whole = {Told.TITLE: part.title, Told.TEXT: part.text, Told.ALL: f"{part.title}\n{part.text}"}[watch.name]
    for found in watch.pattern.finditer(whole[:LONGEST_TEXT]):
        said = {key: line(text) for key, text in found.groupdict().items() if text}
        labels = part.pairs
        name = said.get("name") or part.title or line(found[0])
        known = _status(said["status"], watch) if "status" in said else None
        if known is None:
            known = Status.RESOLVED if "status" not in said and _over(part, watch) else Status.FIRING
        service = next(iter(watch.source.services_of(said.get("service", ""))), "") or _service(labels, watch, ())
        yield Read(
            name=line(name, LONGEST_NAME),
            service=line(service, LONGEST_NAME),
            status=known,
            severity=Severity.of(said["severity"]) if "severity" in said else _severity(labels, "", watch),
            fingerprint=digest("fingerprint", "slack", channel, name, service, said.get("id", "")),
            summary=said.get("summary") or part.title,
            description=part.text,
            environment=said.get("environment") or _environment(labels, watch),
            url=part.url,
            labels=_own(labels),
        )


def _plain(part: Part, watch: Watch, channel: str) -> Read:
    """Any message as an alert: it is over when it is green or says so first."""
    whole = {Told.TITLE: part.title, Told.TEXT: part.text, Told.ALL: f"{part.title} {part.text}"}[watch.name]
    name = line(whole, LONGEST_NAME) or part.title
    known = tuple(word for word in _leading(part.title) if _status(word, watch) is not None)
    bare = re.sub(rf"^\W*(?:{'|'.join(map(re.escape, known))})\b\W*", "", name, flags=re.IGNORECASE) if known else name
    labels = part.pairs
    service = _service(labels, watch, _WORDS.findall(name))
    return Read(
        name=bare or name,
        service=service,
        status=Status.RESOLVED if _over(part, watch) else Status.FIRING,
        severity=_severity(labels, "", watch),
        fingerprint=digest("fingerprint", "slack", channel, bare or name, service),
        summary=part.title,
        description=part.text,
        environment=_environment(labels, watch),
        url=part.url,
        labels=_own(labels),
    )


def _over(part: Part, watch: Watch) -> bool:
    return part.colour == "green" or any(_status(word, watch) is Status.RESOLVED for word in _leading(part.title))


def _leading(title: str) -> Iterator[str]:
    """The words with which a title may begin that say what became of an alert."""
    head = _BRACKETED.match(title) or _NAMED.match(title)
    if head is not None:
        yield head["word"]
    first = _WORDS.search(title)
    if first is not None:
        yield first[0]


def _status(word: str, watch: Watch) -> Status | None:
    small = " ".join(word.lower().split())
    if small in watch.resolved:
        return Status.RESOLVED
    return Status.FIRING if small in FIRING else None


def _tags(scope: str) -> dict[str, str]:
    """``service:payment,env:prod`` as labels."""
    pairs = [one.strip().partition(":") for one in scope.split(",")[:40]]
    return {line(key, 100).lower(): line(text) for key, mark, text in pairs if mark and text}


def _own(labels: Mapping[str, str]) -> dict[str, str]:
    return {key: text for key, text in labels.items() if key not in _NOTES}


def _alert_name(text: str, watch: Watch) -> str:
    """The alert's own name where values follow it, as in ``DiskFull payment prod``; else all but services' names."""
    first, *rest = text.split()
    if not rest or _IDENTIFIER.match(first):
        return first
    while rest and rest[-1].lower() in watch.source.services:
        rest.pop()
    return " ".join([first, *rest])


def _service(labels: Mapping[str, str], watch: Watch, words: list[str] | tuple[str, ...]) -> str:
    named = next((labels[key] for key in watch.source.service_labels if labels.get(key)), "")
    if not named:
        known = watch.source.services
        named = next((word for word in words if word.lower() in known), "") or watch.service
    return line(next(iter(watch.source.services_of(named)), ""), LONGEST_NAME)


def _severity(labels: Mapping[str, str], word: str, watch: Watch) -> Severity:
    said = labels.get("severity") or labels.get("priority") or labels.get("level") or ""
    priority = _PRIORITY.search(said)
    if said:
        return Severity.of(f"p{priority[1]}" if priority else said)
    small = word.lower()
    if small in QUIET_WORDS:
        return Severity.WARNING
    if small in TELLING:
        return Severity.of(small)
    return watch.severity or (Severity.CRITICAL if small.endswith("triggered") else Severity.WARNING)


def _environment(labels: Mapping[str, str], watch: Watch) -> str:
    named = next((labels[key] for key in watch.source.environment_labels if labels.get(key)), "")
    return line(named or watch.environment, LONGEST_NAME)
