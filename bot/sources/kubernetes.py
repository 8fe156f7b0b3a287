"""Kubernetes: what a cluster did to workloads, from its events and from how containers ended.

The API: https://kubernetes.io/docs/reference/kubernetes-api/ (Event v1 core, Pod). ``kubectl get --raw PATH`` asks the
same.
"""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.domain.evidence import Asked, Empty, Failed, Found, Window
from bot.domain.observed import Happening
from bot.settings import Secret
from bot.sources import reading
from bot.sources.asking import Access, NoAnswer, Question, Server, bearer

NAME = "Kubernetes"
PER_PAGE = 500
MOST_PAGES = 10
MOST_HAPPENINGS = 500

_PLACE = re.compile(r"([a-z0-9-]{1,63})/(?:[a-z]+/)?([a-z0-9.-]{1,253})")
# What a workload's controllers put after its name: a pod of a Deployment, of a StatefulSet, of a DaemonSet or Job, of a
# CronJob's Job, and what stands between. The letters are those of which Kubernetes makes names.
_RANDOM = "[bcdfghjklmnpqrstvwxz2456789]"
_OWNED = re.compile(rf"-(?:\d+|{_RANDOM}{{5}}|{_RANDOM}{{4,10}}(?:-{_RANDOM}{{5}})?|\d{{8,10}}(?:-{_RANDOM}{{5}})?)")
_POD = "Pod"


@dataclass(frozen=True, slots=True)
class Workload:
    """A service's workload in its namespace."""

    service: str
    namespace: str
    name: str

    def owns(self, kind: str, name: str) -> bool:
        """Whether an object belongs to it: it has the workload's name, or the name that a controller makes of it."""
        if name == self.name:
            return True
        begins = name.startswith(self.name) and kind in {_POD, "ReplicaSet", "Job"}
        return begins and _OWNED.fullmatch(name[len(self.name) :]) is not None


class KubernetesCluster:
    """What the cluster at ``url`` did. ``names`` gives a service's workload as ``namespace/name``.

    ``ca`` is a file with the certificate of the cluster's authority (PEM). Each question ends after
    ``timeout_seconds``. Raises ``ConfigError`` where that file cannot be read.
    """

    name = NAME

    def __init__(
        self,
        url: str,
        token: Secret | None,
        names: Mapping[str, str],
        timeout_seconds: float,
        steady: Callable[[], float] = time.monotonic,
        *,
        ca: Path | None = None,
    ) -> None:
        advice = {403: "may KUBERNETES_TOKEN list events and pods there?"}
        access = Access(NAME, "KUBERNETES_URL", url, "KUBERNETES_TOKEN", token, bearer(token), ca, advice)
        self._server = Server(access, timeout_seconds, steady)
        self._names = names

    async def happenings(
        self, services: Sequence[str], window: Window
    ) -> Found[tuple[Happening, ...]] | Empty | Failed:
        """Events about the workloads and ends of their containers, oldest first, the newest 500 at most."""
        places: defaultdict[str, list[Workload]] = defaultdict(list)
        for service in dict.fromkeys(services):
            found = _PLACE.fullmatch(self._names.get(service, "").strip())
            if found:
                places[found[1]].append(Workload(service, found[1], found[2]))
        paths = [f"/api/v1/namespaces/{namespace}/{kind}" for namespace in places for kind in ("events", "pods")]
        asked = Asked(NAME, "\n".join(f"GET {path}" for path in paths) or ", ".join(services), window)
        if not paths:
            reason = (
                "no workload is known: give the services known_as.kubernetes (namespace/workload) in catalogue.yaml"
            )
            return Failed(asked, reason)

        async def read(question: Question) -> tuple[Happening, ...]:
            async def one(path: str) -> list[Happening]:
                workloads = places[path.split("/")[4]]
                look = _event if path.endswith("/events") else _ends
                return [
                    happening
                    for item in await self._items(question, path)
                    for happening in look(item, workloads, window)
                ]

            parts = await question.each(paths, one, str)
            ordered = sorted((one for part in parts for one in part), key=lambda one: one.at)
            return tuple(ordered[-MOST_HAPPENINGS:])

        return await self._server.ask(asked, read)

    async def _items(self, question: Question, path: str) -> Sequence[Mapping[str, object]]:
        found: list[Mapping[str, object]] = []
        more = ""
        for _ in range(MOST_PAGES):
            parameters: dict[str, str | int] = {"limit": PER_PAGE, **({"continue": more} if more else {})}
            answer = await question.get(path, parameters)
            items = reading.at(answer, "items")
            if not isinstance(items, list):
                raise self._server.odd("a list of objects")
            found += reading.tables(items)
            more = reading.line(reading.at(answer, "metadata", "continue"), 10_000)
            if not more:
                return found
        question.gap(path, NoAnswer(f"there are more than {MOST_PAGES * PER_PAGE} objects"))
        return found


def _event(event: Mapping[str, object], workloads: Sequence[Workload], window: Window) -> Iterator[Happening]:
    about = reading.table(event.get("involvedObject"))
    kind, name = reading.line(about.get("kind"), 100), reading.line(about.get("name"))
    made = reading.moment(reading.at(event, "metadata", "creationTimestamp"))
    one_time = reading.moment(event.get("eventTime")) or made
    first = reading.moment(event.get("firstTimestamp")) or one_time
    last = (
        reading.moment(reading.at(event, "series", "lastObservedTime"))
        or reading.moment(event.get("lastTimestamp"))
        or one_time
    )
    times = reading.whole(reading.at(event, "series", "count")) or reading.whole(event.get("count")) or 1
    seen = _within(first, last, times, window)
    for workload in workloads if seen else ():
        if seen and workload.owns(kind, name):
            yield Happening(
                seen[0],
                workload.service,
                reading.line(event.get("reason"), 100) or "Event",
                reading.line(f"{kind} {name}: {reading.line(event.get('message'), 1000)}", 1000),
                seen[1],
                event.get("type") == "Warning",
            )


def _within(first: datetime | None, last: datetime | None, times: int, window: Window) -> tuple[datetime, int] | None:
    """When something that came again and again was last seen in the window, and how often until then."""
    if last is not None and window.start <= last <= window.end:
        return last, max(times, 1)
    # How often it came until the window's end is not known: once at least.
    return (first, 1) if first is not None and window.start <= first <= window.end else None


def _ends(pod: Mapping[str, object], workloads: Sequence[Workload], window: Window) -> Iterator[Happening]:
    """How the pod's containers ended, the last time that each of them did."""
    name = reading.line(reading.at(pod, "metadata", "name"))
    owners = [workload for workload in workloads if workload.owns(_POD, name)]
    for statuses in ("initContainerStatuses", "containerStatuses") if owners else ():
        for container in reading.tables(reading.at(pod, "status", statuses)):
            for state in ("lastState", "state"):
                ended = reading.table(reading.at(container, state, "terminated"))
                when = reading.moment(ended.get("finishedAt"))
                if when is None or not window.start <= when <= window.end:
                    continue
                code, restarts = reading.whole(ended.get("exitCode")), reading.whole(container.get("restartCount")) or 0
                again = f", {restarts} restarts so far" if restarts else ""
                said = f"container {reading.line(container.get('name'))} of pod {name} ended with code {code}{again}"
                message = reading.line(ended.get("message"), 500)
                for workload in owners:
                    yield Happening(
                        when,
                        workload.service,
                        reading.line(ended.get("reason"), 100) or "Terminated",
                        f"{said}: {message}" if message else said,
                        max(restarts, 1),
                        code != 0,
                    )
