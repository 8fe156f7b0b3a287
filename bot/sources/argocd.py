"""Argo CD: what it deployed, from the history of its applications.

The API: https://argo-cd.readthedocs.io/en/stable/developer-guide/api-docs/ (``/swagger-ui`` of each server).
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from urllib.parse import quote

from bot.domain.evidence import Asked, Empty, Failed, Found, Window
from bot.domain.signal import Signal
from bot.settings import Secret
from bot.sources import reading
from bot.sources.asking import Access, Question, Server, bearer
from bot.sources.changes import change, in_order, owners, short

NAME = "Argo CD"
SOURCE = "argocd"
MOST_SHOWN = 10
OWN_NAME = ("metadata", "name")

_APPLICATION = re.compile(r"(?:([a-z0-9.-]{1,100})/)?([a-z0-9.-]{1,253})")


class ArgoDeploys:
    """Deploys of the applications that ``names`` gives for services (``application`` or ``project/application``).

    Each question ends after ``timeout_seconds``.
    """

    name = NAME

    def __init__(
        self,
        url: str,
        token: Secret | None,
        names: Mapping[str, str],
        timeout_seconds: float,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        # Argo CD answers 403, not 404, for an application that is not there.
        missing = "is there an application of that name, and may ARGOCD_TOKEN read it?"
        advice = {403: missing, 404: missing}
        access = Access(NAME, "ARGOCD_URL", url, "ARGOCD_TOKEN", token, bearer(token), advice=advice)
        self._server = Server(access, timeout_seconds, steady)
        self._names = names

    async def changes(self, services: Sequence[str], window: Window) -> Found[tuple[Signal, ...]] | Empty | Failed:
        """What the applications' histories have in the window, newest first."""
        known = {name: of for name, of in owners(services, self._names).items() if _APPLICATION.fullmatch(name)}
        lines = [f"GET {_path(name)}" for name in known]
        shown = [*lines[:MOST_SHOWN], *([f"and {len(lines) - MOST_SHOWN} more"] if len(lines) > MOST_SHOWN else [])]
        asked = Asked(NAME, "\n".join(shown) or ", ".join(services), window)
        if not known:
            return Failed(asked, "no application is known: give the services known_as.argocd in catalogue.yaml")

        async def read(question: Question) -> tuple[Signal, ...]:
            async def one(name: str) -> tuple[Signal, ...]:
                return tuple(self._deploys(await question.get(_path(name)), name, known[name], window))

            parts = await question.each(tuple(known), one, str)
            return in_order(signal for part in parts for signal in part)

        return await self._server.ask(asked, read)

    def _deploys(self, answer: object, name: str, services: Sequence[str], window: Window) -> Iterator[Signal]:
        if not reading.at(answer, *OWN_NAME):
            raise self._server.odd("an application")
        project, application = (reading.line(reading.at(answer, *at)) for at in (("spec", "project"), OWN_NAME))
        history = sorted(reading.tables(reading.at(answer, "status", "history")), key=_number)
        for place, entry in enumerate(history):
            # It reaches the service from its beginning on; older servers note only its end.
            when = reading.moment(entry.get("deployStartedAt")) or reading.moment(entry.get("deployedAt"))
            if when is None or not window.start <= when <= window.end:
                continue
            revision = _revision(entry)
            before = next((one for one in map(_revision, reversed(history[:place])) if one and one != revision), "")
            again = place > 0 and _revision(history[place - 1]) == revision
            said = f"Synced {name} to {short(revision) or 'a revision without a name'}" + (" again" if again else "")
            for service in services:
                yield change(
                    service,
                    "deploy",
                    when,
                    (SOURCE, "sync", project, application, when.isoformat(), short(revision)),
                    window.end,
                    {
                        "version": short(revision),
                        "previous": short(before),
                        "by": _by(entry),
                        "commit": revision if short(revision) != revision and "," not in revision else "",
                    },
                    said,
                    f"{self._server.url}/applications/{application}",
                )


def _path(name: str) -> str:
    found = _APPLICATION.fullmatch(name)
    project, application = (found[1], found[2]) if found else (None, name)
    extra = f"?project={quote(project, safe='')}" if project else ""
    return f"/api/v1/applications/{quote(application, safe='')}{extra}"


def _number(entry: Mapping[str, object]) -> tuple[int, datetime]:
    """The history's own order; an entry without a number is a first one."""
    return reading.whole(entry.get("id")) or 0, reading.moment(entry.get("deployedAt")) or reading.EPOCH


def _revision(entry: Mapping[str, object]) -> str:
    """The revision that was deployed; several of them where an application has several sources."""
    several = entry.get("revisions")
    if isinstance(several, list) and several:
        return ", ".join(reading.line(one, 64) for one in several[:MOST_SHOWN])
    return reading.line(entry.get("revision"), 64)


def _by(entry: Mapping[str, object]) -> str:
    initiator = reading.table(entry.get("initiatedBy"))
    return "automatic sync" if initiator.get("automated") is True else reading.line(initiator.get("username"))
