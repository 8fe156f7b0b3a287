"""Pages by their web addresses, fetched only when they have changed."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Callable, Mapping

from bot.domain.reading import Website
from knowledge.fetching import Fetched, NotFetched, fetch
from knowledge.formats import HTML, MARKDOWN, PDF, Leaf, Origin, Page, format_of, page_of, token_of

_MEDIA = {
    "text/html": HTML,
    "application/xhtml+xml": HTML,
    "text/markdown": MARKDOWN,
    "text/x-markdown": MARKDOWN,
    "application/pdf": PDF,
}


class WebsitePages:
    """Fetches a website's pages; blocking. A page that is no more is taken out, one that cannot be fetched stays."""

    def __init__(self, source: Website) -> None:
        self.name = source.name
        self._source = source
        self._down: dict[str, str] = {}

    def leaves(self, known: Mapping[str, str], ended: Callable[[], bool]) -> list[Leaf]:
        """A leaf for each address; nothing is fetched before its turn."""
        del ended  # a page is given up by its own limits
        paths: dict[str, str] = {}
        for address in self._source.addresses:
            paths.setdefault(f"{self.name}/{place_of(address)}", address)
        return [Leaf(path, self._reader(path, address, known.get(path, ""))) for path, address in paths.items()]

    def _reader(self, path: str, address: str, token: str) -> Callable[[], Page]:
        return lambda: self._page(path, address, token)

    def _page(self, path: str, address: str, token: str) -> Page:
        host = urllib.parse.urlsplit(address).netloc
        if host in self._down:
            # Said once for the host, and its pages are not waited for one by one.
            return Page(path)
        settings = token_of(b"", self._source.about)
        marks = _marks(token, settings)
        try:
            fetched = fetch(address, self._source.private, marks.get("etag", ""), marks.get("modified", ""))
        except NotFetched as error:
            if error.host_down:
                self._down[host] = str(error)
            return Page(path, None, f"{error}; what was indexed from it stays")
        if fetched.gone:
            return Page(path, None, "there is no such page any more: it was taken out", gone=True)
        if fetched.same:
            return Page(path, same=True, token=token)
        form = _form(fetched)
        if form is None:
            return Page(path, None, f"{fetched.media[:60] or 'something unnamed'} is neither HTML nor Markdown nor PDF")
        new = json.dumps({"about": settings, "etag": fetched.etag, "modified": fetched.modified})
        url = urllib.parse.urldefrag(fetched.url).url
        origin = Origin(path, place_of(address), url=url)
        return page_of(origin, fetched.data, form, self._source.about, new, fetched.charset)


def place_of(address: str) -> str:
    """Where a page stands below its source: host, path and query."""
    parts = urllib.parse.urlsplit(address)
    place = urllib.parse.unquote(f"{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}")
    return f"{place}?{parts.query}" if parts.query else place


def _marks(token: str, settings: str) -> dict[str, str]:
    try:
        read = json.loads(token) if token else {}
    except ValueError:
        return {}
    return read if isinstance(read, dict) and read.get("about") == settings else {}


def _form(fetched: Fetched) -> str | None:
    if fetched.data.startswith(b"%PDF-"):
        return PDF
    if fetched.media in {"text/plain", "application/octet-stream", ""}:
        # Many servers send Markdown as plain text, and plain text reads well as Markdown.
        return format_of(urllib.parse.urlsplit(fetched.url).path) or (
            MARKDOWN if fetched.media == "text/plain" else None
        )
    return _MEDIA.get(fetched.media)
