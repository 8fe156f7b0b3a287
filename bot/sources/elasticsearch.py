"""Elasticsearch and OpenSearch: lines of logs over ``_search``.

The API: https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-search; the fields: the Elastic Common
Schema, with OpenTelemetry's names besides.
"""

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote

from bot.domain.evidence import Asked, Empty, Failed, Found, Window
from bot.domain.observed import LogLine
from bot.settings import Secret
from bot.sources import reading
from bot.sources.asking import Access, NoAnswer, Question, Server
from bot.sources.logtext import Row, level_of, newest

NAME = "Elasticsearch"
INDEX = "logs-*"
PAGE = 2_000  # the index' own limit is 10,000, and an answer must stay readable
MESSAGES = ("message", "body.text", "body", "log", "event.original")
LEVELS = ("log.level", "severity_text", "level", "severity")
FIELDS = ("@timestamp", *MESSAGES, *LEVELS, "error.type", "error.message")
MICROSECONDS = 1_000  # a millisecond has


class ElasticsearchLogs:
    """Logs of an Elasticsearch at ``url``, in ``index`` (a pattern). ``names`` gives a service's ``service.name``.

    A name in ``names`` with a colon in it is a query of Lucene's instead (``kubernetes.labels.app:payment``). ``key``
    is an API key, encoded or as ``id:key``. Each question ends after ``timeout_seconds``.
    """

    name = NAME

    def __init__(
        self,
        url: str,
        key: Secret | None,
        names: Mapping[str, str],
        timeout_seconds: float,
        steady: Callable[[], float] = time.monotonic,
        *,
        index: str = INDEX,
    ) -> None:
        headers = {"Authorization": f"ApiKey {_encoded(key.reveal())}"} if key else {}
        advice = {404: "is there an index of that name, and is ELASTICSEARCH_INDEX right?"}
        access = Access(NAME, "ELASTICSEARCH_URL", url, "ELASTICSEARCH_API_KEY", key, headers, advice=advice)
        self._server = Server(access, timeout_seconds, steady)
        self._names, self._index = names, index

    async def lines(self, service: str, window: Window, limit: int) -> Found[tuple[LogLine, ...]] | Empty | Failed:
        """The newest lines of ``_search``, oldest first, at most ``limit``."""
        path = f"/{quote(self._index, safe='*,-_.')}/_search?allow_no_indices=false"
        chosen = _chosen(self._names.get(service, service))
        first = _body(chosen, window.start, reading.microseconds(window.end), min(limit, PAGE))
        asked = Asked(NAME, f"POST {path}\n{json.dumps(first, ensure_ascii=False)}", window)

        async def read(question: Question) -> tuple[LogLine, ...]:
            async def page(last: int, size: int) -> Sequence[Row]:
                body = _body(chosen, window.start, last, size)
                return tuple(self._rows(question, await question.post(path, body), service))

            return await newest(limit, PAGE, reading.microseconds(window.end), MICROSECONDS, page)

        return await self._server.ask(asked, read)

    def _rows(self, question: Question, answer: object, service: str) -> Iterator[Row]:
        hits = reading.at(answer, "hits", "hits")
        if not isinstance(hits, list):
            raise self._server.odd("the hits of a search")
        failed = reading.number(reading.at(answer, "_shards", "failed"))
        if failed:
            question.gap("", NoAnswer(f"{failed:g} of its shards did not answer"))
        if reading.at(answer, "timed_out") is True:
            question.gap("", NoAnswer("its search ran out of time"))
        for hit in reading.tables(hits):
            source = reading.table(hit.get("_source"))
            moment = _stamp(source)
            text = next((one for name in MESSAGES if isinstance(one := _field(source, name), str) and one), "")
            fault = ": ".join(
                filter(None, (reading.line(_field(source, f"error.{one}")) for one in ("type", "message")))
            )
            shown = reading.clean(text if not fault or fault in text else f"{text}\n{fault}")
            if moment is not None:
                words = [reading.line(_field(source, name)) for name in LEVELS]
                identity = f"{hit.get('_index')} {hit.get('_id')}"
                line = LogLine(moment, service, shown, level_of(words, shown)) if shown else None
                yield Row(reading.microseconds(moment), identity, line)


def _chosen(name: str) -> Mapping[str, object]:
    """What selects a service: its name in ``service.name``, whichever way that is indexed, or a query of Lucene's."""
    if ":" in name:
        return {"query_string": {"query": name}}
    fields = ("service.name", "service.name.keyword", "resource.attributes.service.name")
    return {"bool": {"should": [{"term": {field: name}} for field in fields], "minimum_should_match": 1}}


def _body(chosen: Mapping[str, object], start: datetime, last: int, size: int) -> Mapping[str, object]:
    end = reading.EPOCH + timedelta(microseconds=last)
    span = {"gte": start.isoformat(), "lte": end.isoformat()}
    return {
        "size": size,
        "track_total_hits": False,
        "_source": list(FIELDS),
        "sort": [{"@timestamp": {"order": "desc"}}],
        "query": {"bool": {"filter": [chosen, {"range": {"@timestamp": span}}]}},
    }


def _field(source: Mapping[str, object], name: str) -> object:
    """A field's value, whether its document nests it or writes it with dots."""
    if name in source:
        return source[name]
    head, _, rest = name.partition(".")
    inner = source.get(head)
    return _field(inner, rest) if rest and isinstance(inner, dict) else None


def _stamp(source: Mapping[str, object]) -> datetime | None:
    value = _field(source, "@timestamp")
    since = reading.number(value) if not isinstance(value, str) or value.isdecimal() else None
    return reading.moment(value) if since is None else reading.since_epoch(since * MICROSECONDS)


def _encoded(key: str) -> str:
    return base64.b64encode(key.encode()).decode() if ":" in key else key
