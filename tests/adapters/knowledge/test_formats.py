"""HTML and PDF, in folders, well made and hostile."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.domain.passage import DocumentKind
from bot.domain.reading import About, Folder
from knowledge import Knowledge
from knowledge.chunks import read, split
from knowledge.html import markdown_of_html
from knowledge.layout import Unreadable
from knowledge.pdf import markdown_of_pdf
from tests.adapters.knowledge.conftest import write

PAGE = """<?xml version="1.0" encoding="utf-8"?>
<!doctype html><html><head><title>Disk full | Handbook</title><style>p {color: red}</style></head><body>
<nav><a href="/">Everything</a></nav>
<main><header><h1 id="disk">Disk full<a class="headerlink" href="#disk">¶</a></h1></header>
<section id="meaning"><h2>Meaning</h2><p>The volume of <code>db-1</code> is   &lt;nearly&gt; full.<br># no heading</p>
<script>if (a < b) { alert("<p>never</p>") }</script></section>
<h2><a name="old-way"></a>What to do</h2>
<ol><li>Look at it<pre>df -h
  du -sh ```x</pre></li><li>Delete<ul><li>logs</li><li>- dumps</li></ul></li></ol>
<table><tr><th>level</th><th>a|b</th></tr><tr><td>90 %</td><td>page <p>somebody</p></td></tr></table>
<blockquote>Never the write-ahead log.</blockquote><div hidden>secret</div><p aria-hidden="true">secret</p>
</main><footer>Imprint</footer></body></html>"""

AS_MARKDOWN = """# Disk full {#disk}

## Meaning {#meaning}

The volume of `db-1` is <nearly> full.
\\# no heading

## What to do {#old-way}

1. Look at it

   ````
   df -h
     du -sh ```x
   ````

2. Delete

   - logs

   - \\- dumps

| level | a\\|b |
| --- | --- |
| 90 % | page somebody |

> Never the write-ahead log."""


def pdf(*pages: str, title: str = "", locked: bool = False) -> bytes:
    """A PDF with one page for each text, a line of it for each of the text's."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for text in pages:
        lines = [line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)") for line in text.split("\n")]
        shown = "".join(f"({line}) Tj 0 -14 Td " for line in lines)
        drawn = f"BT /F1 12 Tf 72 720 Td {shown}ET"
        objects.append(f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream")
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> "
            f"/Contents {len(objects)} 0 R >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    objects.append(f"<< /Title ({title}) >>")
    written, places = "%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(written))
        written += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    trailer = f"<< /Size {len(objects) + 1} /Root 1 0 R /Info {len(objects)} 0 R >>"
    whole = f"{written}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n{trailer}\nstartxref\n"
    made = f"{whole}{len(written)}\n%%EOF\n".encode("latin-1")
    return _locked(made) if locked else made


def _locked(data: bytes) -> bytes:
    import pypdf

    writer = pypdf.PdfWriter(clone_from=io.BytesIO(data))
    writer.encrypt("word", algorithm="RC4-128")
    kept = io.BytesIO()
    writer.write(kept)
    return kept.getvalue()


def outcome(reading: Callable[[bytes], tuple[str, str, str]], data: bytes) -> str:
    """The text that was read, or why none was."""
    try:
        return reading(data)[1]
    except Unreadable as refused:
        return str(refused)


def test_a_page_of_html_as_markdown() -> None:
    assert markdown_of_html(PAGE.encode()) == ("Disk full", AS_MARKDOWN, "")


def test_headings_keep_their_own_anchor_and_lose_its_sign() -> None:
    page, _ = read("a.md", f"# Top\n\n## Plain title\n\n{'x ' * 300}\n\n## Moved {{: #own-id .wide}}\n\n{'y ' * 300}")
    anchors = [(heading.text, heading.anchor) for section in split(page) for heading in section.headings]
    assert anchors == [("Top", "top"), ("Plain title", "plain-title"), ("Moved", "own-id")]


async def test_html_and_pdf_in_a_folder(knowledge: Knowledge, tmp_path: Path) -> None:
    folder = write(tmp_path / "mixed", {"disk.html": PAGE})
    (folder / "manual.pdf").write_bytes(
        pdf(
            "Preface\n# nothing yet",
            "To fail over, promote the standby\nand point the proxy at it.",
            title="Database manual",
        )
    )
    source = Folder("mixed", str(folder), About(DocumentKind.VENDOR, "dba", link="https://wiki.example/{path}"))
    assert (await knowledge.index([source])).errors == ()
    passage = (await knowledge.search("promote the standby to fail over")).passages[0]
    assert (passage.title, passage.heading, passage.anchor) == ("Database manual", "Page 2", "page=2")
    assert passage.url == "https://wiki.example/manual.pdf#page=2"
    assert passage.quote == "To fail over, promote the standby\nand point the proxy at it."
    assert (passage.owner, passage.kind) == ("dba", DocumentKind.VENDOR)
    cited = (await knowledge.search("what to do when the disk of the database is full")).passages[0]
    assert (cited.document, cited.url) == ("mixed/disk.html", f"https://wiki.example/disk.html#{cited.anchor}")


@pytest.mark.parametrize(
    "source",
    [
        "<div>" * 400_000 + "deep",
        "<b><p>x</b>" * 30_000,
        "<p " + " ".join(f"a{number}=1" for number in range(100_000)) + ">x",
        "<p " + " ".join(f"a{number}=1" if number % 400 else 'x="<a "' for number in range(100_000)) + ">x",
        '<p a="' * 100_000,
        "<!--" * 200_000,
        "<script" * 100_000,
        "<table><tr><td>x" * 50_000,
        "<ul><li>x" * 50_000,
        "<" * 1_000_000,
        "&" * 1_000_000,
        "<p" + " " * 1_000_000,
        "<h1>" * 100_000,
        "",
        "\x00\x1b[31m",
        "İ" * 1000 + "<script>x</script>",
    ],
    ids=range(16),
)
def test_hostile_html_is_read_quickly_or_refused(source: str) -> None:
    # Without bounds some of these take minutes, and fail by the time limit.
    said = outcome(markdown_of_html, source.encode())
    assert said
    assert "<script" not in said


def test_what_cannot_be_read_of_a_deep_page_is_said() -> None:
    _, text, warning = markdown_of_html(("<p>read</p>" + "<i>x" * 1000).encode())
    assert text.startswith("read")
    assert "nested too deep" in warning


async def test_what_cannot_be_seen_is_left_out(knowledge: Knowledge, tmp_path: Path) -> None:
    folder = write(
        tmp_path / "odd",
        {"a.html": "<h1>T\x07itle\u202e</h1><p>Te\x1b[31mxt &#x202e;x", "b.md": "# B\x00\u2066d\n\r\nT"},
    )
    await knowledge.index([folder])
    read_back = [await knowledge.document(f"odd/{name}") for name in ("a.html", "b.md")]
    for page in read_back:
        assert page is not None
        assert not set(page.title + page.text) & set("\x00\x07\x1b\r\u202e\u2066")
    assert read_back[1] is not None
    assert read_back[1].title == "Bd"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"no PDF at all", "not a PDF that can be read"),
        (b"%PDF-1.7\n" + b"\xff" * 10_000, "not a PDF that can be read"),
        (pdf("secret text", locked=True), "locked by a password"),
        (pdf(""), "it holds no text"),
        (pdf("text").replace(b"/Kids [", b"/Kids [2 0 R "), "text|not a PDF"),
        (pdf("text").replace(b"/Parent 2 0 R", b"/Parent 5 0 R"), "text|not a PDF"),
        (pdf("text")[:300], "not a PDF that can be read"),
    ],
    ids=["text", "noise", "locked", "empty", "circle", "parent", "cut"],
)
def test_damaged_and_locked_pdfs(data: bytes, said: str) -> None:
    assert re.search(said, outcome(markdown_of_pdf, data))


def test_only_so_many_pages_are_read() -> None:
    title, text, warning = markdown_of_pdf(pdf(*(f"Page about {number}" for number in range(510)), title="doc.docx"))
    assert title == ""
    assert text.count("{#page=") == 500
    assert "first 500 of 510 pages" in warning


def test_lines_of_a_pdf_are_lists_at_most() -> None:
    _, text, _ = markdown_of_pdf(pdf("# one\n- two\n1. three\n~~~\n> four\n==="))
    assert text == "## Page 1 {#page=1}\n\n\\# one\n- two\n1. three\n\\~~~\n\\> four\n\\==="
