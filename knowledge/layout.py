"""What pages in other formats become: Markdown, in which nothing of theirs is taken for Markdown's own signs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import _Element

LONGEST_TEXT = 2_000_000
DEEPEST_LIST = 6
HEADINGS = {f"h{level}": level for level in range(1, 7)}

_BLOCKS = frozenset(
    "address article blockquote body caption center dd details div dl dt fieldset figcaption figure header hgroup hr "
    "html legend li main ol p section summary table tbody td tfoot th thead tr ul".split()
)
_CODE = frozenset("code kbd samp tt".split())
_LAYS_OUT = ("table", "pre", "ul", "ol", *HEADINGS)
_ANCHOR = re.compile(r"[^\s{}]{1,200}")
# What would begin a heading, a quotation, a list, code or a rule if it stood at a line's beginning.
_MARKUP = re.compile(r"#{1,6}(?=\s|$)|>|`{3,}|~{3,}|[-+*](?=\s)|=+\s*$|-+\s*$|\d{1,9}[.)](?=\s)")


class Unreadable(Exception):
    """Bytes are not what their name promises; the text says what they are, and what to do."""


def literal(line: str) -> str:
    """A line of plain text so that Markdown reads it as nothing else."""
    marked = _MARKUP.match(line)
    if not marked:
        return line
    # A number cannot be escaped, but what follows it can.
    at = marked.end() - 1 if line[0].isdigit() else 0
    return f"{line[:at]}\\{line[at:]}"


class Layout:
    """Takes a page's elements and words in order; ``text`` gives the Markdown.

    Headings keep the page's own anchor as ``{#id}``, or that of the part which they begin.
    """

    def __init__(self) -> None:
        self._done: list[str] = []
        self._line: list[str] = []
        self._code: list[str] | None = None
        self._lists: list[int] = []
        self._widths: list[int] = []
        self._marker = ""
        self._quotes = 0
        self._anchor = ""
        self._heading: tuple[int, str] | None = None
        self._table: list[list[str]] | None = None
        self._tables: list[bool] = []

    def text(self) -> str:
        self._paragraph()
        return "\n\n".join(self._done)

    def words(self, text: str) -> None:
        if self._code is not None:
            self._code.append(text)
        elif text:
            self._line.append(re.sub(r"\s+", " ", text))

    def start(self, element: _Element) -> None:
        tag, anchor = str(element.tag), element.get("id") or (element.get("name") if element.tag == "a" else None) or ""
        if self._code is not None:
            return
        if tag in _BLOCKS or tag in HEADINGS or tag == "pre":
            self._paragraph()
        if _ANCHOR.fullmatch(anchor):
            self._anchor = anchor
        if tag in HEADINGS:
            self._heading = (HEADINGS[tag], anchor if _ANCHOR.fullmatch(anchor) else "")
        elif tag == "pre":
            self._code = []
        elif tag in _CODE:
            self._line.append("`")
        elif tag == "br":
            self._line.append("\n")
        elif tag in {"ul", "ol"}:
            self._lists.append(1 if tag == "ol" else 0)
        elif tag == "li":
            self._item()
        elif tag == "blockquote":
            self._quotes += 1
        elif tag == "table":
            grid = self._table is None and next(element.iterdescendants(*_LAYS_OUT), None) is None
            self._tables.append(grid)
            self._table = [] if grid else self._table
        elif tag == "tr" and self._table is not None:
            self._table.append([])

    def end(self, element: _Element) -> None:
        tag = str(element.tag)
        if self._code is not None:
            if tag == "pre":
                self._fence()
            return
        if tag in HEADINGS:
            self._head()
        elif tag in _CODE:
            self._line.append("`")
        elif tag in {"td", "th"} and self._table:
            self._table[-1].append(self._taken().replace("\n", " ").replace("|", "\\|"))
        elif tag in _BLOCKS:
            self._paragraph()
        if tag in {"ul", "ol"} and self._lists:
            self._lists.pop()
        elif tag == "li" and self._widths:
            self._widths.pop()
            self._marker = ""
        elif tag == "blockquote":
            self._quotes -= 1
        elif tag == "table" and self._tables.pop():
            self._grid()

    def _item(self) -> None:
        if self._lists and self._lists[-1]:
            self._marker = f"{self._lists[-1]}. "
            self._lists[-1] += 1
        else:
            self._marker = "- "
        self._widths.append(len(self._marker))

    def _taken(self) -> str:
        lines = "".join(self._line).split("\n")
        self._line = []
        return "\n".join(" ".join(line.split()) for line in lines).strip()

    def _paragraph(self) -> None:
        if self._heading is not None:
            self._head()
        if self._table:
            # Inside a row, a cell's paragraphs are words of one line.
            self._line.append(" ")
            return
        text = self._taken()
        if text and text != "``":
            self._put("\n".join(literal(line) for line in text.split("\n") if line))

    def _head(self) -> None:
        level, own = self._heading or (1, "")
        self._heading = None
        text = self._taken().replace("\n", " ").rstrip("¶# ")
        if not text:
            return
        if self._widths or self._quotes or self._table is not None:
            self._put(literal(text))
            return
        anchor = own or self._anchor
        self._done.append(f"{'#' * level} {text}{f' {{#{anchor}}}' if anchor else ''}")
        self._anchor = ""

    def _fence(self) -> None:
        code = "".join(self._code or ()).strip("\n").rstrip()
        self._code = None
        if self._table:
            self._line.append(" ".join(code.split()))
        elif code:
            longest = max((len(run) for run in re.findall(r"`+", code)), default=0)
            fence = "`" * max(3, longest + 1)
            self._put(f"{fence}\n{code}\n{fence}")

    def _grid(self) -> None:
        rows = [row for row in self._table or () if any(row)]
        self._table = None
        if not rows:
            return
        width = max(len(row) for row in rows)
        lines = [f"| {' | '.join(row + [''] * (width - len(row)))} |" for row in rows]
        self._put("\n".join([lines[0], "|" + " --- |" * width, *lines[1:]]))

    def _put(self, block: str) -> None:
        quotes = "> " * min(max(self._quotes, 0), DEEPEST_LIST)
        within = quotes + " " * sum(self._widths[:DEEPEST_LIST])
        first = within
        if self._marker:
            outer = self._widths[:-1] if len(self._widths) <= DEEPEST_LIST else self._widths[: DEEPEST_LIST - 1]
            first = quotes + " " * sum(outer) + self._marker
            self._marker = ""
        self._done.append(first + block.replace("\n", f"\n{within}"))
        self._anchor = ""
