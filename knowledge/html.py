"""HTML as Markdown: what a reader came for, with its headings' own anchors, without scripts and navigation."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from knowledge.layout import LONGEST_TEXT, Layout, Unreadable

if TYPE_CHECKING:
    from lxml.etree import _Element

MOST_ATTRIBUTES = 500

_DROPPED = frozenset(
    "script style noscript template svg math nav aside footer form button select textarea input iframe object embed "
    "canvas audio video map head link meta img picture dialog".split()
)
_DROPPED_ROLES = frozenset("navigation banner contentinfo search complementary menu menubar toolbar dialog".split())
_DROPPED_CLASSES = frozenset(
    "headerlink anchor-link anchorjs-link toc table-of-contents breadcrumb breadcrumbs".split()
)
_TAG = re.compile(r"<[a-zA-Z][^\s/>]*+")
_ATTRIBUTE = re.compile(r"""[\s/]*+[^\s/>=]++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s>]*+))?""")
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)


def markdown_of_html(data: bytes, charset: str = "") -> tuple[str, str, str]:
    """Title ("" where it has none), Markdown, and a warning or "".

    Headings keep their anchors as ``{#id}``. Of a page with a main part only that is read. Raises Unreadable for a page
    without text and for one that is made to hurt.
    """
    from lxml import etree

    source = _bounded(_decoded(data, charset))
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=False)
    try:
        root = etree.fromstring(source.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError as error:
        raise Unreadable("no HTML: there is nothing to read in it") from error
    if root is None:
        raise Unreadable("no HTML: there is nothing to read in it")
    deep = any("depth" in entry.message.lower() for entry in parser.error_log)
    main = _main(root)
    layout = Layout()
    _walk(main, layout)
    text = layout.text()
    if not text.strip():
        raise Unreadable("it holds no text of its own: a page that a script fills in cannot be read")
    title = next((" ".join(heading.itertext()) for heading in main.iter("h1")), "")
    title = title.rstrip("¶ \n") or root.findtext(".//title") or ""
    warning = "nested too deep: what stands below 250 levels was not read" if deep else ""
    if len(text) > LONGEST_TEXT:
        text, warning = text[:LONGEST_TEXT], f"only its first {LONGEST_TEXT:,} characters were read: split it"
    return title, text, warning


def _decoded(data: bytes, charset: str) -> str:
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(name, "replace")
    said = _CHARSET.search(data[:2048])
    for name in (charset, said[1].decode("ascii", "replace") if said else "", "utf-8"):
        try:
            return data.decode(name, "replace") if name else data.decode("utf-8")
        except (LookupError, UnicodeDecodeError):
            continue
    return data.decode("utf-8", "replace")


def _bounded(source: str) -> str:
    """The source without what nobody reads.

    Raises Unreadable where parsing would take minutes: the parser compares each of a tag's attributes with all others.
    """
    for begin, end in (("<!--", "-->"), ("<script", "</script"), ("<style", "</style")):
        source = _without(source, begin, end)
    for tag in _TAG.finditer(source):
        at = tag.end()
        for _ in range(MOST_ATTRIBUTES):
            found = _ATTRIBUTE.match(source, at)
            if not found:
                break
            at = found.end()
        else:
            raise Unreadable(f"a tag in it has over {MOST_ATTRIBUTES} attributes, which no page for people has")
    return source


def _without(source: str, begin: str, end: str) -> str:
    lower, parts, at = source.lower(), [], 0
    # A few letters change their length in lower case, and then the places would not agree.
    if len(lower) != len(source):
        lower = source
    while (start := lower.find(begin, at)) >= 0:
        parts.append(source[at:start])
        stop = lower.find(end, start + len(begin))
        if stop < 0:
            return "".join(parts)
        after = lower.find(">", stop + len(end) - 1)
        at = after + 1 if after >= 0 else len(source)
    parts.append(source[at:])
    return "".join(parts)


def _main(root: _Element) -> _Element:
    for path in (".//main", ".//*[@role='main']"):
        found = root.find(path)
        if found is not None:
            return found
    articles = root.findall(".//article")
    if len(articles) == 1:
        return articles[0]
    body = root.find(".//body")
    return root if body is None else body


def _walk(main: _Element, layout: Layout) -> None:
    from lxml import etree

    walker = etree.iterwalk(main, events=("start", "end"))
    skipped: _Element | None = None
    for event, element in walker:
        if event == "start":
            if skipped is None and element is not main and _is_dropped(element):
                skipped = element
                walker.skip_subtree()
            elif skipped is None:
                layout.start(element)
                layout.words(element.text or "")
            continue
        if skipped is None:
            layout.end(element)
        elif skipped is element:
            skipped = None
        if skipped is None and element is not main:
            layout.words(element.tail or "")


def _is_dropped(element: _Element) -> bool:
    tag = element.tag
    if tag in _DROPPED or element.get("hidden") is not None or element.get("aria-hidden") == "true":
        return True
    if tag == "header":
        return element.find(".//h1") is None
    return element.get("role", "") in _DROPPED_ROLES or not _DROPPED_CLASSES.isdisjoint(
        element.get("class", "").split()
    )
