"""What a program printed, made fit to keep: without control characters, without secrets, not too long."""

import base64
import json
import re
import shlex
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

KEPT = 20_000
SHORT = 4

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
# Control characters except newline and tab, marks that turn the reading direction, and lone surrogates.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """The text without terminal sequences and control characters; carriage returns become line ends."""
    plain = _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", plain)


class Redaction:
    """Hides the values of secrets, also where they stand quoted, encoded or split into their lines."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms: set[str] = set()
        for secret in secrets:
            for piece in {secret, secret.strip(), *(line.strip() for line in secret.splitlines())}:
                # A line of a longer secret that is very short (a brace, say) would black out half of everything.
                if piece and (len(piece) >= SHORT or piece == secret):
                    forms |= _forms(piece)
        ordered = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(_whole(form) for form in ordered)) if ordered else None

    def __call__(self, text: str) -> str:
        """The text, clean and with each secret as ``[hidden]``."""
        if self._pattern is None:
            return clean(text)
        # Before the cleaning for secrets with control characters, after it for those that colours had split.
        return self._pattern.sub("[hidden]", clean(self._pattern.sub("[hidden]", text)))


def _forms(secret: str) -> set[str]:
    escaped = json.dumps(secret)[1:-1]
    plain = json.dumps(secret, ensure_ascii=False)[1:-1]
    encoded = base64.b64encode(secret.encode("utf-8", "surrogatepass")).decode().rstrip("=")
    shown = repr(secret)[1:-1]
    urls = {quote(secret, safe="", errors="replace"), quote_plus(secret, errors="replace")}
    return {secret, escaped, plain, json.dumps(plain)[1:-1], shown, encoded, shlex.quote(secret), *urls}


def _whole(form: str) -> str:
    return re.escape(form) if len(form) >= SHORT else rf"(?<!\w){re.escape(form)}(?!\w)"


class Kept:
    """Text as it arrives, of which the beginning and the end are kept and the middle is counted."""

    def __init__(self, limit: int = KEPT) -> None:
        self._limit = limit
        self._head = ""
        self._tail = ""
        self._length = 0

    def add(self, text: str) -> None:
        """Take the next piece."""
        self._length += len(text)
        room = self._limit // 2 - len(self._head)
        if room > 0:
            self._head += text[:room]
            text = text[room:]
        self._tail = (self._tail + text)[-(self._limit - self._limit // 2) :]

    def __str__(self) -> str:
        cut = self._length - len(self._head) - len(self._tail)
        return f"{self._head}\n… {cut} characters cut …\n{self._tail}" if cut else self._head + self._tail


def kept(text: str, limit: int = KEPT) -> str:
    """The text with its middle cut out when it is longer than ``limit``, saying how much."""
    keeper = Kept(limit)
    keeper.add(text)
    return str(keeper)
