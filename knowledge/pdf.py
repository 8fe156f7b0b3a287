"""PDF as Markdown: a heading for each page, whose anchor opens that page (``#page=3``)."""

from __future__ import annotations

import io
import logging
import re
import struct
import time
import zlib

from knowledge.layout import LONGEST_TEXT, Unreadable, literal

MOST_PAGES = 500
SECONDS = 60.0

# A list in a PDF is only seen by its marks, so these stay what they are.
_ITEM = re.compile(r"(?:[-+*]|\d{1,3}[.)])\s+\w")
# Left behind by the program that made the file, rather than given by its author.
_NO_TITLE = re.compile(r"(?i)\W*(?:untitled|microsoft \w+ - .*|.*\.(?:docx?|odt|pptx?|indd|tex|dvi|md|html?|pdf))?\W*")


def markdown_of_pdf(data: bytes) -> tuple[str, str, str]:
    """Title ("" where it has none worth the name), Markdown, and a warning or "".

    At most 500 pages, a minute and two million characters are read. Raises Unreadable for what is no PDF, is locked by
    a password, or holds no text, as a scan does.
    """
    import pypdf
    from pypdf.errors import PyPdfError

    # It reports every oddity of a damaged file; the one sentence that ends up in the report is enough.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    # What pypdf raises besides its own errors, on files that are damaged or made to hurt.
    damaged = (
        *(PyPdfError, ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError),
        *(NotImplementedError, RecursionError, TypeError, ValueError, struct.error, zlib.error),
    )
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("locked by a password: save it without one")
        count = len(reader.pages)
        given = reader.metadata.title if reader.metadata else None
    except damaged as error:
        raise Unreadable(f"not a PDF that can be read ({_short(error)}): save it anew") from error
    parts, size, failed, stopped = [], 0, 0, ""
    ends = time.monotonic() + SECONDS
    for number in range(1, count + 1):
        if number > MOST_PAGES or size > LONGEST_TEXT or time.monotonic() > ends:
            stopped = f"only its first {number - 1:,} of {count:,} pages were read: split it"
            break
        try:
            text = _paragraphs(reader.pages[number - 1].extract_text())
        except damaged:
            failed += 1
            continue
        if text:
            size += len(text)
            parts.append(f"## Page {number} {{#page={number}}}\n\n{text}")
    if not parts:
        raise Unreadable("it holds no text (scanned pages are pictures): run text recognition on it first")
    broken = f"{failed:,} of its pages are damaged and were left out" if failed else ""
    title = given if isinstance(given, str) and not _NO_TITLE.fullmatch(given) else ""
    return title, "\n\n".join(parts), "; ".join(filter(None, (stopped, broken)))


def _paragraphs(text: str) -> str:
    lines = [" ".join(line.split()) for line in text[:LONGEST_TEXT].splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line if _ITEM.match(line) else literal(line) for line in lines)).strip()


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
