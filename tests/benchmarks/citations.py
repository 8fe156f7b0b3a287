"""How many answers cite a page that holds what supports them.

    python -m tests.benchmarks.citations --data DIR

asks every alert of ``DIR/queries.jsonl`` twice, with its name and without, of an index of ``DIR/docs``, as ``ask``
would and with its three citations. The last line is JSON: ``n`` questions; ``answered`` those that were given passages
at all; ``cited`` those of which each citation opens (a file of ``DIR/docs``, read anew, in the very version that was
cited, with the heading and the quoted words in it); ``supported`` those where one of them is the page that belongs to
the alert, and so holds what supports an answer; ``share`` is supported of answered.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

from bot.domain.passage import Answer, Passage
from knowledge import Knowledge
from knowledge.chunks import read
from tests.benchmarks.retrieval import Case, cases

SHOWN = 3


def opens(passage: Passage, docs: Path) -> bool:
    """Whether a citation leads to its words in the files themselves."""
    root, _, below = passage.document.partition("/")
    file = docs / below
    if root != docs.name or not file.is_file():
        return False
    source = file.read_text(encoding="utf-8").replace("\r\n", "\n")
    page, _ = read(passage.document, source)
    found = passage.quote in source and page.version == passage.version
    return found and passage.heading.removesuffix(".") in source.replace("`", "").replace("*", "")


def tally(answers: list[tuple[Case, Answer]], docs: Path) -> dict[str, float]:
    """What became of the questions."""
    answered = [(case, answer.passages[:SHOWN]) for case, answer in answers if answer.passages]
    cited = [(case, shown) for case, shown in answered if all(opens(passage, docs) for passage in shown)]
    supported = [
        case for case, shown in cited if f"{docs.name}/{case.expected}" in {passage.document for passage in shown}
    ]
    return {
        "n": len(answers),
        "answered": len(answered),
        "cited": len(cited),
        "supported": len(supported),
        "share": round(len(supported) / len(answered), 3) if answered else 0.0,
    }


async def measure(data: Path) -> dict[str, float]:
    """Index ``data/docs`` into a fresh folder, ask, and open every citation."""
    asked = cases(data / "queries.jsonl")
    docs = (data / "docs").resolve()
    answers = []
    with tempfile.TemporaryDirectory() as folder:
        knowledge = Knowledge(Path(folder))
        try:
            report = await knowledge.index([docs])
            for error in report.errors:
                print(error, file=sys.stderr)
            for case in asked:
                bare = await knowledge.search(case.text, expression=case.expression, limit=SHOWN)
                named = await knowledge.search(f"{case.name}\n{case.text}", expression=case.expression, limit=SHOWN)
                answers += [(case, bare), (case, named)]
        finally:
            await knowledge.close()
    return tally(answers, docs)


def main() -> None:
    parser = argparse.ArgumentParser(description="How many answers cite a page that holds what supports them.")
    usual = Path(os.environ.get("FETTLE_DATA", "../shared/data")) / "runbooks"
    parser.add_argument("--data", type=Path, default=usual, help="a folder with docs/ and queries.jsonl")
    data = parser.parse_args().data
    if (data / "queries.jsonl").is_file():
        print(json.dumps(asyncio.run(measure(data))))
    else:
        print(json.dumps({"skipped": f"no queries.jsonl in {data}"}))


if __name__ == "__main__":
    main()
