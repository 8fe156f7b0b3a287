from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.chunks import read, split
from knowledge.prose import sentences
from knowledge.quote import LONGEST, telling
from knowledge.words import stems

RUNBOOKS = sorted((Path(__file__).parents[2] / "bot/demo/config/runbooks").glob("*.md"))

SECTION = """## Fix

<!-- pool: never quoted -->
Wait a minute first. Then raise the connection pool to forty. Tell the team.

```shell
set-pool --size 40 connection pool pool
```

- roll back the deploy
- restart the connection proxy
"""

STEPS = """## Steps

Do this, in order:

1. Look at the pool.
2. Stop the importer, e.g. with `stop importer`. It holds
   connections for hours.
3. [ ] Empty the queue

   ```shell
   drain queue queue
   ```

4. Restart payment. Wait for a minute.
10. Call the team
"""


def said(markdown: str) -> list[str]:
    return [markdown[start:end] for start, end in sentences(markdown)]


def test_the_most_telling_sentence_is_quoted_word_for_word() -> None:
    quote = telling(SECTION, {"pool": 3.0, "connect": 2.0, "rais": 1.0})
    assert quote.text == "Then raise the connection pool to forty. Tell the team."
    assert SECTION[quote.start :].startswith(quote.text)


def test_a_list_item_is_quoted_alone_and_without_its_marker() -> None:
    assert telling(SECTION, {"proxy": 3.0}).text == "restart the connection proxy"


@pytest.mark.parametrize(
    ("word", "quote"),
    [
        ("pool", "Look at the pool."),
        ("importer", "Stop the importer, e.g. with `stop importer`. It holds\n   connections for hours."),
        ("queue", "Empty the queue"),
        ("payment", "Restart payment. Wait for a minute."),
        ("team", "Call the team"),
        ("order", "Do this, in order:"),
    ],
)
def test_a_numbered_step_is_quoted_without_its_number(word: str, quote: str) -> None:
    assert telling(STEPS, {stems(word)[0]: 3.0}).text == quote


def test_what_only_announces_gives_way() -> None:
    text = "To empty the pool, do this:\n\n- restart the process that holds the pool\n"
    assert telling(text, {"pool": 1.0}).text == "restart the process that holds the pool"


def test_code_is_quoted_where_there_is_nothing_else() -> None:
    assert telling("```\nkubectl get pods\n```", {}).text.startswith("```\nkubectl get pods")


@pytest.mark.parametrize(
    ("markdown", "found"),
    [
        ("See step 4. Then go on.", ["See step 4.", "Then go on."]),
        (
            "It is about 0.8 s, i.e. slow, vs. 0.1 s. Why? (No idea.)",
            ["It is about 0.8 s, i.e. slow, vs. 0.1 s.", "Why?", "(No idea.)"],
        ),
        ("Alert `DiskFull`: over 90 %. Then wait.", ["Alert `DiskFull`: over 90 %.", "Then wait."]),
        ("Run `drain.sh`. kubectl waits... for it", ["Run `drain.sh`.", "kubectl waits... for it"]),
        (
            "See No. 5 of 7. It was\na Mr. Brown? No. Then",
            ["See No. 5 of 7.", "It was\na Mr. Brown?", "No.", "Then"],
        ),
        (f"One{' ' * 90}. Two", [f"One{' ' * 90}.", "Two"]),
        ("3) First\n4) Second. Third", ["First", "Second.", "Third"]),
        ("- one\n  - **2.** two\n\n  more", ["one", "two", "more"]),
        ("4\\. Escaped\n\n• Pasted\n• Again", ["Escaped", "Pasted", "Again"]),
        ("> [!NOTE]\n> Read this. And\n> that.", ["Read this.", "And\n> that."]),
        ("| sign | fix |\n|---|---|\n| disk full | clean it |", ["disk full | clean it"]),
        ("Heading\n=======\n\n# 4. Another\n\nText", ["Text"]),
        ("- [Steps](#steps)\n- [Read](https://a.example)", ["[Read](https://a.example)"]),
        ("1. ```\n   code. More\n   ```\n2. After", ["After"]),
        ("![a chart. Of it](chart.png)\n\n4.\n\n---", []),
    ],
)
def test_sentences(markdown: str, found: list[str]) -> None:
    assert said(markdown) == found


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)
def test_every_quote_from_a_runbook_is_whole(runbook: Path) -> None:
    page, _ = read(f"runbooks/{runbook.name}", runbook.read_text(encoding="utf-8"))
    for section in split(page):
        for word in set(stems(section.prose)):
            quote = telling(section.text, {word: 1.0})
            before, after = section.text[: quote.start], section.text[quote.start + len(quote.text) :]
            assert quote.text.endswith((".", ":")), quote.text
            assert not quote.text.startswith(("- ", "#")), quote.text
            assert before.endswith((". ", ".\n", "- ", "\n\n", ":\n", ".\n  ")) or section.headings[0].text in before
            assert after[:1] in ("", " ", "\n")


def test_the_demo_has_runbooks() -> None:
    assert len(RUNBOOKS) > 5


@given(st.text(alphabet="ab.!?\n #`-<>|*[]()14•", max_size=800))
def test_a_quote_is_always_part_of_the_text(text: str) -> None:
    quote = telling(text, {"a": 1.0})
    assert text[quote.start : quote.start + len(quote.text)] == quote.text
    assert len(quote.text) <= LONGEST


@given(st.text(alphabet="ab.!?:\n\t #`-<>|*[]()14•\\", max_size=400))
def test_sentences_stand_in_order_and_have_letters(text: str) -> None:
    spans = sentences(text)
    assert all(any(each.isalpha() for each in text[start:end]) for start, end in spans)
    assert [edge for span in spans for edge in span] == sorted(edge for span in spans for edge in span)
