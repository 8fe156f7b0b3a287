"""Changes that were asked for, as the signals that reported ones are. Pure."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from bot.domain.signal import Severity, Signal, SignalKind, Status, digest
from bot.sources import reading

_HASH = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{28}(?:[0-9a-f]{24})?\b")
_RELEASE = re.compile(r"(?:refs/tags/)?(v?\d[\w.+-]*)")


def change(
    service: str,
    name: str,
    at: datetime,
    identity: Sequence[str],
    received_at: datetime,
    facts: Mapping[str, str],
    summary: str = "",
    url: str = "",
) -> Signal:
    """A change of a service. ``identity`` begins with the source's name; the same one gives the same id.

    It is also the id that the same change has when the source reports it to a webhook of that name.
    """
    known = digest("change", identity[0], service, *identity[1:])
    return Signal(
        id=known,
        kind=SignalKind.CHANGE,
        source=identity[0],
        service=service,
        name=name,
        status=Status.HAPPENED,
        severity=Severity.INFO,
        fingerprint=known,
        started_at=at,
        at=at,
        received_at=max(received_at, at),
        request_id=known,
        summary=reading.line(summary),
        url=web_address(url),
        facts={key: text for key, value in facts.items() if (text := reading.line(value, 200))},
    )


def short(revision: str) -> str:
    """A revision as people write it: the first twelve digits of a commit, anything else as it is."""
    return _HASH.sub(r"\1", revision)


def release_of(ref: str) -> str:
    """The release that a tag's name is, else nothing: a branch says which line of work, not which version."""
    found = _RELEASE.fullmatch(ref)
    return found[1] if found and short(ref) == ref else ""


def web_address(value: object) -> str:
    """An address of the web without characters that could end it, else nothing."""
    return value if isinstance(value, str) and re.fullmatch(r"https?://[^\s<>|\"'`\\]{1,1000}", value) else ""


def in_order(signals: Iterable[Signal]) -> tuple[Signal, ...]:
    """Each change once, newest first."""
    return tuple(sorted({one.id: one for one in signals}.values(), key=lambda one: (one.at, one.id), reverse=True))


def owners(services: Sequence[str], names: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    """For each name that a source knows, those of the services that it stands for."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for service in dict.fromkeys(services):
        if service in names:
            found[names[service].strip()].append(service)
    return {name: tuple(of) for name, of in found.items()}
