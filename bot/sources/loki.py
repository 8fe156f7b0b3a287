"""Loki: lines of logs over its HTTP API (https://grafana.com/docs/loki/latest/reference/loki-http-api/)."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from bot.domain.evidence import Asked, Empty, Failed, Found, Window
from bot.domain.observed import LogLine
from bot.settings import Secret
from bot.sources import reading
from bot.sources.asking import Access, Question, Server, bearer
from bot.sources.logtext import LEVEL_NAMES, Row, level_of, newest

NAME = "Loki"
SELECTOR = '{service_name="$service"}'
PAGE = 2_000  # Loki's own limit is 5,000, and an answer must stay readable
PLAIN = re.compile(r"[\w.:/@-]{1,200}")
NANOSECONDS = 1_000  # a microsecond has


class LokiLogs:
    """Logs of a Loki at ``url``. ``names`` gives a service's selector (LogQL), where it is not its own.

    A name in ``names`` that is no selector, and a service without one, are put into ``selector`` for ``$service``.
    ``tenant`` is Loki's ``X-Scope-OrgID``. Each question ends after ``timeout_seconds``.
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
        tenant: str | None = None,
        selector: str = SELECTOR,
    ) -> None:
        headers = {**bearer(token), **({"X-Scope-OrgID": tenant} if tenant else {})}
        access = Access(NAME, "LOKI_URL", url, "LOKI_TOKEN", token, headers, advice={404: "is LOKI_URL right?"})
        self._server = Server(access, timeout_seconds, steady)
        self._names, self._selector = names, selector

    async def lines(self, service: str, window: Window, limit: int) -> Found[tuple[LogLine, ...]] | Empty | Failed:
        """The newest lines of ``query_range``, oldest first, at most ``limit``."""
        known = self._names.get(service, service).strip()
        query = known if known.startswith("{") else self._selector.replace("$service", known)
        asked = Asked(NAME, query, window)
        if not known.startswith("{") and not PLAIN.fullmatch(known):
            return Failed(
                asked, "the service's name cannot stand in a selector: give it known_as.loki in catalogue.yaml"
            )
        start, end = (NANOSECONDS * reading.microseconds(one) for one in (window.start, window.end))

        async def read(question: Question) -> tuple[LogLine, ...]:
            async def page(last: int, size: int) -> Sequence[Row]:
                # Loki leaves out what is exactly at its end, and the window's end belongs to the window.
                parameters: dict[str, str | int] = {"query": query, "start": start, "end": last + 1}
                parameters |= {"limit": size, "direction": "backward"}
                return tuple(self._rows(await question.get("/loki/api/v1/query_range", parameters), service))

            return await newest(limit, PAGE, end + NANOSECONDS - 1, 1, page)

        return await self._server.ask(asked, read)

    def _rows(self, answer: object, service: str) -> Iterator[Row]:
        streams = reading.at(answer, "data", "result")
        if reading.at(answer, "data", "resultType") != "streams" or not isinstance(streams, list):
            raise self._server.odd("lines of logs (the query must select logs, not count them)")
        for stream in reading.tables(streams):
            labels = reading.table(stream.get("stream"))
            identity = json.dumps(labels, sort_keys=True)
            words = [reading.line(labels[name]) for name in LEVEL_NAMES if name in labels]
            values = stream.get("values")
            for value in values if isinstance(values, list) else ():
                match value:
                    case [str() as stamp, str() as text, *more]:
                        place = reading.whole(stamp)
                        moment = None if place is None else reading.since_epoch(place // NANOSECONDS)
                        if place is not None and moment is not None:
                            own = reading.table(more[0] if more else None)
                            told = [reading.line(own[name]) for name in LEVEL_NAMES if name in own]
                            shown = reading.clean(text)
                            line = LogLine(moment, service, shown, level_of([*told, *words], shown))
                            yield Row(place, f"{stamp} {identity} {text}", line)
                    case _:
                        continue
