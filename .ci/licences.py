"""The licence of every locked package, from its own metadata, as the table at the end of docs/dependencies.md.

`--write` renews the table; without it the table is printed. The exit status is 1 where a licence asks for more than
attribution and the package is not among those that docs/dependencies.md accepts by name.
"""

import re
import sys
from importlib.metadata import PackageMetadata, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "dependencies.md"
HEADING = "## The whole lock\n"
PERMISSIVE = (
    r"0BSD|CC0-1\.0|CNRI-Python|PSF-2\.0|Zlib|Python Software Foundation License",
    r"Apache(-2\.0| Software License| License, Version 2\.0)",
    r"(3-Clause )?BSD(-[23]-Clause| License)?( License)?",
    r"ISC( License)?( \(ISCL\))?",
    r"MIT(-0|-CMU| License)?",
)
# Each stands, with what it obliges to, under "What is not permissive" in docs/dependencies.md.
ACCEPTED = {"ansible-core", "certifi", "hypothesis", "orjson", "pathspec", "psycopg", "psycopg-binary", "tqdm"}


def licence(metadata: PackageMetadata) -> str:
    """Give the licence as the package states it: the SPDX expression, else the classifiers, else the free text."""
    if "License-Expression" in metadata:
        return metadata["License-Expression"]
    trove = [line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier") or [] if "License ::" in line]
    stated = [line for line in trove if line not in {"OSI Approved", "DFSG approved"}]
    free = metadata["License"].strip().partition("\n")[0] if "License" in metadata else ""
    return " AND ".join(stated) or free or "unstated"


def parts(expression: str, word: str) -> list[str]:
    """Split an expression at a word, where this does not stand in parentheses."""
    found, depth = [""], 0
    for token in re.split(rf"([()]| {word} )", expression):
        depth += {"(": 1, ")": -1}.get(token, 0)
        if token == f" {word} " and depth == 0:
            found.append("")
        else:
            found[-1] += token
    return found


def is_permissive(expression: str) -> bool:
    """Tell whether some way of choosing among what is offered asks for attribution at most."""
    for word, enough in ((" OR ", any), (" AND ", all)):
        choices = parts(expression, word.strip())
        if len(choices) > 1:
            return enough(is_permissive(choice) for choice in choices)
    if expression.startswith("(") and expression.endswith(")"):
        return is_permissive(expression[1:-1])
    return any(re.fullmatch(pattern, expression) for pattern in PERMISSIVE)


def table() -> tuple[list[str], list[str]]:
    """Give the table's lines and the names of the packages whose licence is neither permissive nor accepted."""
    lines = ["| package | licence | |", "| --- | --- | --- |"]
    unexpected = []
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for name in re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE):
        stated = licence(distribution(name).metadata)
        fine = is_permissive(stated)
        if not fine and name not in ACCEPTED:
            unexpected.append(name)
        lines.append(f"| {name} | {stated} | {'' if fine else 'not permissive'} |")
    return lines, unexpected


def main() -> int:
    """Print or write the table; give the exit status."""
    lines, unexpected = table()
    if "--write" in sys.argv[1:]:
        page = PAGE.read_text(encoding="utf-8")
        introduction = re.match(r"\n(?:(?!\|).*\n)*", page.partition(HEADING)[2])
        kept = introduction[0] if introduction else "\n"
        PAGE.write_text(page.partition(HEADING)[0] + HEADING + kept + "\n".join(lines) + "\n", encoding="utf-8")
    else:
        print("\n".join(lines))
    for name in unexpected:
        print(f"{name}: its licence is not permissive and docs/dependencies.md does not accept it", file=sys.stderr)
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main())
