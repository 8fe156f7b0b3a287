import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.passage import Document, DocumentKind
from bot.domain.reading import About
from knowledge.chunks import LONGEST, anchor, guess_kind, read, readable, split, titled

PAGE = """---
title: Checkout is slow
service: checkout
owner: shop team
kind: runbook
url: https://wiki.example/checkout
weight: 20
---

# CheckoutLatencyHigh

<!-- the template's advice -->

- [Meaning](#meaning)
- [Fix](#fix)

## Meaning

Customers of {{ $labels.shop }} wait for <pod> and `the basket`.
See [the design](https://wiki.example/design) for more.

```shell
# not a heading
kubectl rollout undo deploy/checkout
```

## Fix

TODO

### Fix

Roll back.
"""


def document(text: str) -> Document:
    return Document("runbooks/page.md", "Page", text)


def test_front_matter_says_what_the_document_is() -> None:
    page, warning = read("runbooks/checkout/slow.md", PAGE)
    assert warning == ""
    assert (page.title, page.service, page.kind, page.url) == (
        "Checkout is slow",
        "checkout",
        DocumentKind.RUNBOOK,
        "https://wiki.example/checkout",
    )
    assert page.owner == "shop team"
    assert page.meta == {"weight": "20"}
    assert page.text.lstrip().startswith("# CheckoutLatencyHigh")


@pytest.mark.parametrize(
    ("source", "warning"),
    [
        ("---\ntitle: [\n---\n# Disk\n", "is not YAML"),
        ("---\n- a\n---\n# Disk\n", "not a list of names and values"),
        ("---\nkind: poem\n---\n# Disk\n", "kind 'poem' is none of"),
        ("---\nservice: [a, b]\n---\n# Disk\n", "service must be one name"),
    ],
)
def test_bad_front_matter_is_named_and_the_page_still_read(source: str, warning: str) -> None:
    page, said = read("docs/disk.md", source)
    assert warning in said
    assert (page.title, page.service, page.kind) == ("Disk", None, DocumentKind.RUNBOOK)


def test_only_web_addresses_become_links() -> None:
    assert read("a.md", "---\nurl: javascript:alert(1)\n---\n")[0].url is None


@pytest.mark.parametrize(
    ("path", "source", "title"),
    [
        ("docs/disk-full.md", "Free it.", "disk full"),
        ("docs/redis/README.md", "Free it.", "redis"),
        ("docs/x.md", "Intro\n\n## Second level\n", "Second level"),
    ],
)
def test_a_title_is_always_found(path: str, source: str, title: str) -> None:
    assert read(path, source)[0].title == title


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("docs/postmortems/2026-01-03.md", DocumentKind.POSTMORTEM),
        ("docs/Post-Mortem/a.md", DocumentKind.POSTMORTEM),
        ("docs/adr/0001.md", DocumentKind.DECISION),
        ("past-incidents/a.md", DocumentKind.INCIDENT),
        ("docs/cadre/a.md", DocumentKind.RUNBOOK),
        ("docs/incident.md", DocumentKind.RUNBOOK),
    ],
)
def test_the_folder_tells_the_kind(path: str, kind: DocumentKind) -> None:
    assert guess_kind(path) is kind


def test_the_version_follows_the_content_and_not_the_path() -> None:
    one, _ = read("a.md", PAGE)
    assert one.version == read("b/c.md", PAGE)[0].version
    assert one.version != read("a.md", PAGE.replace("Roll back.", "Roll forward."))[0].version
    assert one.version != read("a.md", PAGE.replace("service: checkout", "service: basket"))[0].version


def test_indexed_prose_has_no_template_and_no_code() -> None:
    section = split(read("slow.md", PAGE)[0])[0]
    assert section.code == "# not a heading\nkubectl rollout undo deploy/checkout"
    assert "Customers of wait for pod and the basket" in section.prose.replace("\n", " ")
    assert "the design" in section.prose
    for gone in ("template", "labels", "wiki.example", "kubectl", "TODO", "Meaning\nFix"):
        assert gone not in section.prose


def test_anchors_are_githubs() -> None:
    taken: dict[str, int] = {}
    headings = ["Fix it!", "Fix it", "What's `kube_pod` (v2)?", "[Link](http://x) – café", "A  b"]
    assert [anchor(each, taken) for each in headings] == [
        "fix-it",
        "fix-it-1",
        "whats-kube_pod-v2",
        "link--café",
        "a--b",
    ]


def test_a_joined_section_still_knows_its_headings() -> None:
    (section,) = split(read("slow.md", PAGE)[0])
    assert section.heading_at(section.text.index("Roll back")).anchor == "fix-1"
    assert section.heading_at(section.text.index("Customers")).anchor == "meaning"
    assert section.heading_at(0).anchor == "checkoutlatencyhigh"


def test_a_hash_inside_code_is_no_heading() -> None:
    sections = split(document("~~~\n# comment\n~~~\n\n    # indented code\n\n## Real\n\ntext"))
    assert [each.text for section in sections for each in section.headings] == ["", "Real"]


def test_long_sections_are_cut_between_paragraphs() -> None:
    paragraphs = [f"Paragraph {number} " + "word " * 60 for number in range(12)]
    sections = split(document("## Long\n\n" + "\n\n".join(paragraphs)))
    assert len(sections) > 3
    assert all(len(section.prose) <= LONGEST for section in sections)
    assert {section.headings[0].anchor for section in sections} == {"long"}
    for number in range(12):
        assert sum(f"Paragraph {number} " in section.prose for section in sections) == 1


def test_a_wall_of_text_is_cut_too() -> None:
    assert max(len(section.prose) for section in split(document("x" * 5_000))) <= LONGEST


def test_a_long_list_is_cut_between_its_sentences() -> None:
    items = [
        f"{number}. Look at host {number} {'and its disks ' * 8}now.\n   Then write it down." for number in range(1, 31)
    ]
    sections = split(document("## Round\n\n" + "\n".join(items)))
    assert len(sections) > 2
    for section in sections:
        assert section.text.endswith(".")
        assert not section.text.endswith(tuple(f"\n{number}." for number in range(1, 31)))
        assert section.text.startswith(("#", "Then write")) or section.text[0].isdigit()


def test_an_empty_document_has_a_section() -> None:
    assert [section.text for section in split(document(""))] == [""]


def test_tables_and_emphasis_read_as_words() -> None:
    assert readable("**Never** delete `wal_files` _ever_\n\n| a | b |\n|---|---|\n| 1 | 2 |") == (
        "Never delete wal_files ever\n\n| a | b |\n\n| 1 | 2 |"
    )


MARKDOWN = st.text(alphabet=st.sampled_from("#`~-*=|<>[](){}!:. \n\tabcÄ1"), max_size=300)


@given(MARKDOWN)
def test_anything_can_be_read_and_split(source: str) -> None:
    page, _ = read("docs/any.md", source)
    sections = split(page)
    assert sections
    assert [section.ordinal for section in sections] == list(range(len(sections)))
    for section in sections:
        assert section.headings[0].start == 0
        assert all(each.start <= len(section.text) for each in section.headings)


@given(st.lists(st.text(alphabet="abc .\n", min_size=1, max_size=400), max_size=8))
def test_no_word_is_lost(parts: list[str]) -> None:
    text = "\n\n".join(f"## Part {number}\n\nmark{number} {part}" for number, part in enumerate(parts))
    joined = " ".join(section.text for section in split(document(text)))
    assert all(f"mark{number} " in f"{joined} " or f"mark{number}\n" in joined for number in range(len(parts)))


@pytest.mark.parametrize(
    "matter",
    ["date: 2026-13-45", "title: [", "a: " + "[" * 5_000, "note: " + "x" * 30_000, "- a list", "a: &a [*a]"],
    ids=["date", "open", "deep", "long", "list", "circle"],
)
def test_front_matter_that_cannot_be_used_takes_no_page_away(matter: str) -> None:
    page, warning = read("runbooks/a.md", f"---\n{matter}\n---\n# Title\n\nText.\n")
    assert (page.title, page.meta) == ("Title", {})
    assert "indexed without it" in warning or matter.startswith("a: &a")


@pytest.mark.parametrize(
    ("matter", "owner"),
    [
        ("owner: shop team", "shop team"),
        ("owner: [ada,  bob ]", "ada, bob"),
        ("owners: [ada]", "ada"),
        ("owner: 7", "the source's"),
        ("owner: ''", "the source's"),
        ("title: x", "the source's"),
        ("owner: " + "x" * 300, "x" * 200),
    ],
)
def test_the_page_names_its_owner_else_its_source_does(matter: str, owner: str) -> None:
    page, _ = read("a.md", f"---\n{matter}\n---\n# T\n", About(DocumentKind.VENDOR, "the source's", "shop"))
    assert (page.owner, page.kind, page.service) == (owner, DocumentKind.VENDOR, "shop")


def test_the_page_overrules_its_source() -> None:
    page, warning = read(
        "a.md", "---\nkind: post-mortem\nservice: pay\n---\n# T\n", About(DocumentKind.VENDOR, None, "shop")
    )
    assert (page.kind, page.service, warning) == (DocumentKind.POSTMORTEM, "pay", "")


@pytest.mark.parametrize(
    ("heading", "words", "own"),
    [
        ("Title {#id}", "Title", "id"),
        ("Title {: #id .wide }", "Title", "id"),
        ("Page 3 {#page=3}", "Page 3", "page=3"),
        ("Set {x}", "Set {x}", ""),
        ("{{ #x }}", "{{ #x }}", ""),
        ("Title {#}", "Title {#}", ""),
        ("x" + " " * 100_000 + "{", "x" + " " * 100_000 + "{", ""),
    ],
)
def test_a_headings_own_anchor(heading: str, words: str, own: str) -> None:
    assert titled(heading) == (words, own)


def test_a_private_key_is_left_out_before_it_could_be_cut_into_pieces_that_do_not_look_like_one() -> None:
    lines = "\n".join(f"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj{number:08}" for number in range(60))
    key = f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----"
    sections = split(document(f"# Renew\n\nBefore.\n\n{key}\n\nAfter.\n"))
    text = "\n".join(section.text for section in sections)
    assert "MIIEvQ" not in text
    assert [word in text for word in ("Before.", "[hidden]", "After.")] == [True] * 3
