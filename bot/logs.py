"""Fettle's log: one line an event, with the request's id, free of secrets."""

import json
import logging
import re
import sys
from collections.abc import Iterable, MutableMapping
from typing import Any, Literal, TextIO

import structlog

from bot.settings import Secret

HIDDEN = "[hidden]"
CHATTY = ("httpx", "httpcore", "httpx2", "slack_sdk", "slack_bolt", "apscheduler", "chromadb", "dbos", "alembic")
SHORTEST_SECRET = 6  # hiding anything shorter would hide ordinary words

_TELLING_KEY = re.compile(
    r"(^|[_.-])(authorization|cookie|passw(or)?d|secrets?|token|api[_-]?key|audit[_-]?key|private[_-]?key|credentials?)$",
    re.IGNORECASE,
)
_SHAPES = (
    (re.compile(r"\bx(?:ox[a-z]|app)-[\w-]{6,}"), HIDDEN),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"\b(?:sk-[\w-]{16,}|gh[pousr]_\w{20,}|AKIA[0-9A-Z]{16})\b"), HIDDEN),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), HIDDEN),
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[^\"]*?(?:-----END [A-Z ]*PRIVATE KEY-----|(?=\")|\Z)"),
        HIDDEN,
    ),
    (re.compile(r"(\w://[^\s:/@]*:)[^\s@/\"]+(?=@)"), rf"\1{HIDDEN}"),
)
# password=…, "token": "…", also inside a JSON text that is itself a JSON string. The quotes stay, so that the line
# remains what it was.
_NAMED = re.compile(
    r"(?P<name>\b[\w-]{0,40}?(?:passw(?:or)?d|secret|token|api[_-]?key|access[_-]?key|authorization)"
    r"\\?[\"']?\s*[=:]\s*)"
    r"(?:(?P<escaped>\\\")(?:(?!\\\").)*\\\"|(?P<double>\")(?:[^\"\\]|\\.)*\"|(?P<single>')[^']*'|[^\s\"',;&\\]+)",
    re.IGNORECASE,
)


def _without_value(match: re.Match[str]) -> str:
    quote = match["escaped"] or match["double"] or match["single"] or ""
    return f"{match['name']}{quote}{HIDDEN}{quote}"


class Redactor:
    """Takes secrets out of a text: those that are known word for word, and whatever looks like one."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        texts = {secret.reveal() for secret in secrets}
        forms = {form for text in texts if len(text) >= SHORTEST_SECRET for form in (text, json.dumps(text)[1:-1])}
        known = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
        self._known = re.compile(known) if known else None

    def __call__(self, text: str) -> str:
        """The text with each secret replaced by ``[hidden]``."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        for shape, replacement in _SHAPES:
            text = shape.sub(replacement, text)
        return _NAMED.sub(_without_value, text)


def configure(
    level: str, style: Literal["auto", "json", "console"], secrets: Iterable[Secret] = (), stream: TextIO | None = None
) -> None:
    """Set up structlog and the standard library's logging, once, for the whole process.

    ``auto`` writes for people where the stream is a terminal, else JSON. Every line passes the redactor as its last
    stop, tracebacks and other libraries' lines included.
    """
    stream = stream or sys.stderr
    people = style == "console" or (style == "auto" and stream.isatty())
    redact = Redactor(secrets)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        structlog.processors.UnicodeDecoder(),
        hide_by_name,
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)
        if people
        else structlog.processors.JSONRenderer(default=str, ensure_ascii=False)
    )

    def render(logger: Any, method: str, event: MutableMapping[str, Any]) -> str:  # noqa: ANN401  # whichever logger
        return redact(str(renderer(logger, method, event)))

    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in (
        "httpx",
        "httpcore",
        "httpx2",
        "slack_sdk",
        "slack_bolt",
        "apscheduler",
        "chromadb",
        "dbos",
        "alembic",
    ):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def hide_by_name(
    _logger: Any,  # noqa: ANN401  # whatever logger structlog hands in
    _method: str,
    event: MutableMapping[str, Any],
) -> MutableMapping[str, Any]:
    """Hide the values whose key says that they are secret, in nested mappings too."""
    return {key: _hidden(key, value) for key, value in event.items()}


def _hidden(key: object, value: object) -> object:
    if isinstance(key, str) and _TELLING_KEY.search(key) and value is not None:
        return HIDDEN
    if isinstance(value, Secret):
        return HIDDEN
    if isinstance(value, dict):
        return {inner: _hidden(inner, one) for inner, one in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden("", one) for one in value]
    return value
