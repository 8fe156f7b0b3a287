"""From a file's bytes to a document: Markdown, HTML or PDF, as its name or its sender says."""

from __future__ import annotations

import hashlib
import re
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from bot.domain.passage import Document
from bot.domain.reading import About
from knowledge.chunks import file_title, guess_kind, read
from knowledge.html import markdown_of_html
from knowledge.layout import Unreadable
from knowledge.pdf import markdown_of_pdf

MARKDOWN, HTML, PDF = "Markdown", "HTML", "PDF"
FORMATS = {".md": MARKDOWN, ".markdown": MARKDOWN, ".html": HTML, ".htm": HTML, ".xhtml": HTML, ".pdf": PDF}
LARGEST = {MARKDOWN: 1_000_000, HTML: 5_000_000, PDF: 20_000_000}
# A link that Git LFS left in the file's place.
_POINTER = b"version https://git-lfs.github.com/spec/"
# Control characters, and the marks that turn the direction of what follows them.
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Page:
    """What became of a source's page: its document, or why there is none.

    ``problem`` may also be a warning beside a document. ``token`` is whatever lets its source tell, next time, that
    nothing has changed: then it is ``same`` and there is no document. ``gone``: it was there and is no more.
    """

    path: str
    document: Document | None = None
    problem: str = ""
    token: str = ""
    same: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Leaf:
    """A page that a source has, to be read when its turn comes; reading never raises."""

    path: str
    read: Callable[[], Page]


class Unreachable(Exception):
    """A whole source cannot be read now; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a page's bytes are from: its path, its place below its source, its commit and its web address."""

    path: str
    place: str
    commit: str = ""
    url: str = ""


def format_of(name: str) -> str | None:
    """The format that a file's name speaks of; None for one that is not read."""
    return FORMATS.get(PurePosixPath(name).suffix.lower())


def too_large(size: int, form: str) -> str:
    """Why so many bytes are not read, or "" when they are."""
    most = LARGEST[form]
    return f"{size:,} bytes are over the limit of {most:,} for {form}: split it" if size > most else ""


def token_of(data: bytes, about: About) -> str:
    """A digest of the bytes and of all that its source says about them."""
    return hashlib.sha256(f"{about!r}\n".encode() + data).hexdigest()[:24]


def page_of(origin: Origin, data: bytes, form: str, about: About, token: str, charset: str = "") -> Page:
    """The page that these bytes are."""
    problem = too_large(len(data), form)
    if not problem and data.startswith(_POINTER):
        problem = "a Git LFS pointer, not the file itself: fetch it with `git lfs pull`, or keep it in Git"
    if problem:
        return Page(origin.path, None, problem)
    try:
        document, warning = _document(origin, data, form, about, charset)
    except Unreadable as error:
        return Page(origin.path, None, str(error))
    if document.url is None:
        document = replace(document, url=_link(origin, about))
    return Page(origin.path, replace(document, revision=origin.commit), warning, token)


def clean(text: str) -> str:
    """The text with Unix line ends and without what cannot be seen."""
    return _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _document(origin: Origin, data: bytes, form: str, about: About, charset: str) -> tuple[Document, str]:
    if form == MARKDOWN:
        try:
            return read(origin.path, clean(data.decode("utf-8")), about)
        except UnicodeDecodeError as error:
            raise Unreadable(f"not UTF-8 text (byte {error.start:,}): save it as UTF-8") from error
    if form == HTML:
        title, text, warning = markdown_of_html(data, charset)
    else:
        title, text, warning = markdown_of_pdf(data)
    title = " ".join(clean(title).split())[:200] or file_title(origin.path)
    kind = about.kind or guess_kind(origin.path)
    return Document(origin.path, title, clean(text), kind, about.service, owner=about.owner), warning


def _link(origin: Origin, about: About) -> str | None:
    if not about.link:
        return origin.url or None
    place = urllib.parse.quote(origin.place)
    template = about.link if "{path}" in about.link else about.link.rstrip("/") + "/{path}"
    return template.replace("{path}", place).replace("{commit}", origin.commit)
