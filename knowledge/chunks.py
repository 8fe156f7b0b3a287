"""Markdown documents taken apart into sections that can be found, quoted and cited. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any

import yaml

from bot.domain.passage import Document, DocumentKind
from bot.domain.reading import About
from bot.domain.redaction import without_keys
from knowledge.prose import sentences, tokens

LONGEST = 1_100
SHORT = 200
LONGEST_MATTER = 20_000

_FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
# Bounded, so that a page of nothing but openings takes no longer to read than another.
_COMMENT = re.compile(r"<!--(?:(?!<!--).)*?-->", re.DOTALL)
_TEMPLATE = re.compile(
    r"\{\{.{0,500}?\}\}|\{%.{0,500}?%\}|\[\[_TOC_\]\]|^\[TOC\]\s*$|^\{:toc\}\s*$",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
_LEFTOVER = re.compile(r"^\s*(?:TODO|TBD|FIXME|N/?A|None|\.\.\.)\s*[.:]?\s*$", re.MULTILINE | re.IGNORECASE)
_TOC_LINE = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s*\[[^\]]*\]\(#[^)]*\)\s*$\n?", re.MULTILINE)
_TAG = re.compile(r"</?[a-zA-Z][^<>\n]*>")
_PLACEHOLDER_TAG = re.compile(r"<([a-zA-Z][\w .-]*)>")
_LINK = re.compile(r"!?\[([^\]]{0,500})\]\([^)\s]{0,2000}(?:\s+\"[^\"]{0,500}\")?\)")
_MARKS = re.compile(
    r"[*`~]{1,3}(?=\S)|(?<=\S)[*`~]{1,3}|(?<!\w)_{1,3}(?=\w)|(?<=\w)_{1,3}(?!\w)"
    r"|^\s{0,3}>\s?|^\s*[-*+]\s+|^\|?[\s:|-]+\|?$",
    re.MULTILINE,
)
# ``## Title {#id}`` and ``## Title {: #id}``, as MkDocs, Hugo and Pandoc write an anchor of one's own.
_OWN_ANCHOR = re.compile(r":?[ \t]{0,3}#([^\s{}]{1,200})(?:[ \t][^{}]{0,200})?\}")
_HTML_TAGS = frozenset(
    "a b br code details div em font h1 h2 h3 h4 h5 h6 hr i img kbd li ol p pre small span strong sub summary sup "
    "table tbody td th thead tr u ul".split()
)
_KIND_FOLDERS = {
    "postmortem": DocumentKind.POSTMORTEM,
    "decision": DocumentKind.DECISION,
    "adr": DocumentKind.DECISION,
    "vendor": DocumentKind.VENDOR,
    "incident": DocumentKind.INCIDENT,
}


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading inside a section and where in the section's text its own words begin."""

    text: str
    anchor: str
    start: int


@dataclass(frozen=True, slots=True)
class Section:
    """A piece of a document, at most about 1,100 characters of prose.

    ``path`` is the headings from the outermost inwards, ``text`` the source as it is written, ``prose`` what of it is
    indexed (no code, comments, placeholders, links' targets), ``code`` its fenced blocks, ``headings`` where the text's
    parts belong, first at 0.
    """

    ordinal: int
    path: tuple[str, ...]
    text: str
    prose: str
    code: str
    headings: tuple[Heading, ...]

    def heading_at(self, offset: int) -> Heading:
        """The heading under which the character at ``offset`` of ``text`` stands."""
        return [heading for heading in self.headings if heading.start <= max(offset, 0)][-1]


def read(path: str, source: str, about: About | None = None) -> tuple[Document, str]:
    """The document in a Markdown file, and a warning (or "") about front matter that could not be used.

    Front matter may name title, service, kind, owner and url; everything else in it that is short text is kept in
    ``meta``. Where it is silent, ``about`` speaks; then the title falls back to the first heading and to the file's
    name, the kind to the folder's name.
    """
    about = about or About()
    matter, body, warning = _front_matter(source)
    kind = about.kind or guess_kind(path)
    given = str(matter.get("kind", kind)).lower().replace("-", "")
    if given in set(DocumentKind):
        kind = DocumentKind(given)
    else:
        warning = f"kind {given!r} is none of {', '.join(DocumentKind)}: indexed as {kind}"
    service = matter.get("service")
    if service is not None and not isinstance(service, str):
        service, warning = None, "service must be one name: indexed as belonging to none"
    url = matter.get("url")
    meta = {
        str(key): str(value)[:500]
        for key, value in matter.items()
        if key not in {"title", "kind", "service", "url", "owner"} and isinstance(value, str | int | float)
    }
    title = str(matter.get("title") or _first_heading(body) or file_title(path))[:200]
    link = url if isinstance(url, str) and url.startswith(("https://", "http://")) else None
    service = (service or "").strip()[:200] or about.service
    owner = _names(matter.get("owner", matter.get("owners"))) or about.owner
    return Document(path, title, body, kind, service, link, meta, owner), warning


def guess_kind(path: str) -> DocumentKind:
    """The kind that the folders of a path speak of (``postmortems/…``, ``adr/…``), else a runbook."""
    for folder in reversed(PurePosixPath(path.lower()).parts[:-1]):
        for word, kind in _KIND_FOLDERS.items():
            if re.fullmatch(rf"(?:.*[-_ ])?{word}s?(?:[-_ ].*)?", folder.replace("post-mortem", "postmortem")):
                return kind
    return DocumentKind.RUNBOOK


def split(document: Document) -> tuple[Section, ...]:
    """The document's sections in order: by heading, short neighbours joined, long ones cut between paragraphs.

    A document always has a section, even an empty one, so that its title can be found. Private keys are left out.
    """
    sections: list[Section] = []
    for piece in _pieces(without_keys(document.text)):
        last = sections[-1] if sections else None
        if last and len(last.prose) + len(piece.prose) <= LONGEST and min(len(last.prose), len(piece.prose)) < SHORT:
            sections[-1] = _join(last, piece)
        else:
            sections.append(replace(piece, ordinal=len(sections)))
    return tuple(sections) or (Section(0, (), document.text.strip(), "", "", (Heading("", "", 0),)),)


def anchor(heading: str, taken: dict[str, int]) -> str:
    """The heading's own anchor, else GitHub's; ``taken`` counts those already given in the document and is added to."""
    heading, own = titled(heading)
    if own:
        return own
    words = _LINK.sub(r"\1", heading).strip().lower()
    slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
    count = taken.get(slug, 0)
    taken[slug] = count + 1
    return f"{slug}-{count}" if count else slug


def titled(heading: str) -> tuple[str, str]:
    """A heading's words, and the anchor that stands behind them or ""."""
    words, _, behind = heading.rstrip().rpartition("{")
    own = _OWN_ANCHOR.fullmatch(behind)
    return (words.rstrip(), own[1]) if own else (heading, "")


def readable(markdown: str) -> str:
    """Markdown prose as a reader hears it: no comments, tags, placeholders, tables of contents or link targets."""
    text = _COMMENT.sub(" ", markdown)
    text = _TOC_LINE.sub("", text)
    text = _TEMPLATE.sub(" ", text)
    text = _LEFTOVER.sub("", text)
    text = _LINK.sub(r"\1", text)
    text = _PLACEHOLDER_TAG.sub(lambda tag: " " if tag[1].lower() in _HTML_TAGS else f" {tag[1]} ", text)
    text = _TAG.sub(" ", text)
    text = re.sub(r"^#{1,6}\s+(.*?)#*$", r"\1.", text, flags=re.MULTILINE)
    text = _MARKS.sub("", text)
    text = re.sub(r"[ \t]+", " ", text)
    return re.sub(r"\s*\n\s*\n\s*", "\n\n", text).strip()


def _front_matter(source: str) -> tuple[dict[str, Any], str, str]:
    found = _FRONT_MATTER.match(source)
    if not found:
        return {}, source.removeprefix("\ufeff"), ""
    body = source[found.end() :]
    if len(found[1]) > LONGEST_MATTER:
        return {}, body, f"its front matter has over {LONGEST_MATTER:,} characters: indexed without it"
    try:
        matter = yaml.safe_load(found[1])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # A date that does not exist is a ValueError; lists within lists without end are a RecursionError.
        return {}, body, f"its front matter is not YAML ({str(error).splitlines()[0]}): indexed without it"
    if matter is not None and not isinstance(matter, dict):
        return {}, body, "its front matter is not a list of names and values: indexed without it"
    return matter or {}, body, ""


def _names(given: object) -> str | None:
    """An owner, or several, in one line."""
    names = given if isinstance(given, list) else [given]
    joined = ", ".join(" ".join(name.split()) for name in names[:10] if isinstance(name, str) and name.strip())
    return joined[:200] or None


def _first_heading(body: str) -> str:
    return next((titled(text)[0] for _, text, _, _ in _headings(body)), "")


def file_title(path: str) -> str:
    """A title made of a file's name, or of its folder's where the file is its index."""
    name = PurePosixPath(path)
    stem = name.parent.name if name.stem.lower() in {"readme", "index", "_index"} else name.stem
    return re.sub(r"[-_]+", " ", stem).strip() or path


def _headings(body: str) -> Iterator[tuple[int, str, int, int]]:
    """Level, text, first line and the line after it, for each heading outside code, quotes and lists."""
    for opened, inline in pairwise(tokens(body)):
        if opened.type == "heading_open" and opened.level == 0 and opened.map:
            yield int(opened.tag[1]), inline.content, opened.map[0], opened.map[1]


def _fences(text: str) -> list[tuple[int, int, str]]:
    if "```" not in text and "~~~" not in text:
        return []
    return [
        (token.map[0], token.map[1], token.content) for token in tokens(text) if token.type == "fence" and token.map
    ]


def _pieces(body: str) -> Iterator[Section]:
    lines = body.split("\n")
    starts = [(0, "", 0, 0), *_headings(body)]
    taken: dict[str, int] = {}
    path: list[tuple[int, str]] = []
    for index, (level, heading, first, after) in enumerate(starts):
        end = starts[index + 1][2] if index + 1 < len(starts) else len(lines)
        name = readable(titled(heading)[0]).removesuffix(".") if level else ""
        mark = anchor(heading, taken) if level else ""
        if level:
            path = [*(outer for outer in path if outer[0] < level), (level, name)]
        text = "\n".join(lines[first:end]).strip()
        if not text:
            continue
        body_text = "\n".join(lines[after:end])
        if level and not body_text.strip():
            body_text = ""
        for number, part in enumerate(_cut(body_text)):
            whole = text[: len(text) - len(body_text.strip())] + part if number == 0 else part
            prose, code = _separate(part)
            yield Section(0, tuple(each for _, each in path), whole, prose, code, (Heading(name, mark, 0),))


def _separate(text: str) -> tuple[str, str]:
    lines = text.split("\n")
    code = []
    for start, end, content in reversed(_fences(text)):
        code.append(content.rstrip())
        lines[start:end] = [""]
    return readable("\n".join(lines)), "\n".join(reversed(code))


def _cut(text: str) -> list[str]:
    """Parts of about LONGEST characters of prose: cut between paragraphs, else between sentences, never in a fence."""
    blocks: list[str] = []
    fenced = {line for start, end, _ in _fences(text) for line in range(start, end)}
    for number, line in enumerate(text.split("\n")):
        if not blocks or (number not in fenced and not line.strip()):
            blocks.append(line)
        else:
            blocks[-1] += "\n" + line
    parts = [""]
    for block in blocks:
        for piece in _sentences(block) if len(block) > LONGEST and "```" not in block else [block]:
            # Reading takes time and never makes longer, so what is short enough as it is written is not read.
            if (
                len(parts[-1]) + len(piece) > LONGEST
                and len(readable(parts[-1])) + len(piece) > LONGEST
                and parts[-1].strip()
            ):
                parts.append(piece.lstrip("\n"))
            else:
                parts[-1] += ("\n" if piece is block and parts[-1] else "") + piece
    return [part.strip() for part in parts if part.strip()] or [""]


def _sentences(block: str) -> list[str]:
    """The block in pieces that end with a sentence, a marker with its item; longer ones are cut anywhere."""
    ends = [end for _, end in sentences(block)][:-1]
    pieces = []
    for start, end in pairwise([0, *ends, len(block)]):
        if end - start <= LONGEST:
            pieces.append(block[start:end])
            continue
        for line in block[start:end].splitlines(keepends=True):
            pieces.extend(line[at : at + LONGEST] for at in range(0, len(line), LONGEST))
    return pieces


def _join(left: Section, right: Section) -> Section:
    gap = "\n\n"
    moved = tuple(replace(each, start=each.start + len(left.text) + len(gap)) for each in right.headings)
    name = right.headings[0].text if right.headings[0].anchor != left.headings[-1].anchor else ""
    prose = gap.join(part for part in (left.prose, f"{name}. {right.prose}" if name else right.prose) if part)
    return Section(
        left.ordinal,
        left.path,
        left.text + gap + right.text,
        prose,
        "\n".join(part for part in (left.code, right.code) if part),
        left.headings + moved,
    )
