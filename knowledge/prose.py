"""Where the sentences of a Markdown text stand: without list markers, headings, code and comments. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

Span = tuple[int, int]

_END = re.compile(r"[.!?…]+[)\]*_\"'”’»`]*(?=\s)")
_LETTERS = re.compile(r"[^\W\d_]")
# What begins an item although CommonMark does not see it: escaped or emphasised numbers, boxes, pasted bullets.
_MARKER = re.compile(
    r"\s*(?:(?:\*\*|__)?\d{1,3}\\?[.)](?:\*\*|__)?(?=\s)|[•▪‣◦](?=\s)|\[[ xX]\](?=\s)|\[!\w+\](?=\s))", re.ASCII
)
_BULLET = re.compile(r"\n(?=[ \t>]*[•▪‣◦]\s)")
_QUOTED = re.compile(r"(?<=\n)[ \t]*(?:>[ \t]?)+")
# Bounded, so that a page of nothing but openings takes no longer to read than another.
_UNSAID = re.compile(r"<!--(?:(?!<!--).)*?-->|!\[[^\]\n]{0,500}\]\([^)\n]{0,2000}\)", re.DOTALL)
_CONTENTS = re.compile(r"\[[^\]\n]{0,500}\]\(#[^)\n]{0,500}\)")
_ABBREVIATIONS = frozenset("approx cf dr e.g eg esp etc i.e ie incl mr mrs resp vs z.b".split())
_NUMBERED = frozenset(("fig", "no", "sec"))


def tokens(markdown: str) -> list[Token]:
    """CommonMark's blocks; what stands inside a line is left as it is written, which no reader here needs parsed."""
    return _parser().parse(markdown)


@cache
def _parser() -> MarkdownIt:
    """Made once, because that takes longer than most texts do; it keeps nothing of what it has parsed."""
    return MarkdownIt("commonmark").enable("table").disable("inline")


def sentences(markdown: str) -> list[Span]:
    """Begin and end of each sentence, in order; a list item or a table row without a full stop is one too.

    A sentence never reaches over a paragraph's end, begins after list markers and quotation marks of its block, and
    has a letter in it.
    """
    return [span for start, end in _blocks(markdown) for span in _within(markdown, start, end)]


def _blocks(markdown: str) -> Iterator[Span]:
    """Paragraphs and table rows, each after the markers of its lists and quotations."""
    lines = markdown.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    parsed = tokens(markdown)
    for index, token in enumerate(parsed):
        if token.map is None:
            continue
        first, after = token.map
        end = starts[after] - 1
        if token.type == "paragraph_open":
            # A block's text is the end of its first line: whatever precedes it there belongs to its containers.
            said = parsed[index + 1].content.split("\n", 1)[0].rstrip()
            yield starts[first] + len(lines[first].rstrip()) - len(said), end
        elif token.type == "tr_open" and parsed[index - 1].type != "thead_open":
            row = lines[first]
            yield starts[first] + len(row) - len(row.lstrip(" \t|>")), starts[first] + len(row.rstrip(" \t|"))


def _within(markdown: str, start: int, end: int) -> Iterator[Span]:
    block = _UNSAID.sub(_blank, _QUOTED.sub(_blank, markdown[start:end]))
    if not _CONTENTS.sub("", block).strip():
        return
    for left, right in _items(block):
        begun, letter = left, _LETTERS.search(block, left, right)
        for found in _END.finditer(block, left, right):
            if letter and letter.start() < found.start() and _ends(block, begun, found):
                yield _trimmed(block, begun, found.end(), start)
                begun, letter = found.end(), _LETTERS.search(block, found.end(), right)
        if letter:
            yield _trimmed(block, begun, right, start)


def _items(block: str) -> Iterator[Span]:
    """The block's pieces between pasted bullets, each after its marker."""
    borders = [0, *(found.start() for found in _BULLET.finditer(block)), len(block)]
    for left, right in pairwise(borders):
        marker = _MARKER.match(block, left, right)
        yield (marker.end() if marker else left), right


def _ends(block: str, begun: int, found: re.Match[str]) -> bool:
    """Whether a full stop ends a sentence rather than an abbreviation."""
    before = block[max(begun, found.start() - 80) : found.start()]
    after = block[found.end() : found.end() + 80].lstrip()
    if after[:1].islower() and not before.endswith(("`", ")")):
        return False
    last = "".join(before.split()[-1:]).lstrip("([*_\"'“")
    if found.group()[0] != "." or (len(last) == 1 and not last.isupper()):
        return True
    short = last.lower() in _ABBREVIATIONS or (last.lower() in _NUMBERED and after[:1].isdigit())
    return not short and len(last) != 1


def _trimmed(block: str, left: int, right: int, offset: int) -> Span:
    text = block[left:right]
    return offset + left + len(text) - len(text.lstrip()), offset + left + len(text.rstrip())


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found.group())
