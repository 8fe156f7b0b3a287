"""The README and the pages in docs/ name only what exists: files, commands, links; and the map leaves nothing out."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot import cli
from bot.registry import discover
from tests import house

MAP_HEADING = "How it is built"
PAGES = sorted(
    path.relative_to(house.ROOT).as_posix() for path in [house.ROOT / "README.md", *house.ROOT.glob("docs/**/*.md")]
)


def tokens_in(text: str) -> Iterator[Token]:
    for token in MarkdownIt("commonmark").parse(text):
        yield token
        yield from token.children or ()


def code_in(text: str) -> list[str]:
    """Give each line of code of a page: from its blocks, and each span in its prose."""
    found = [token.content for token in tokens_in(text) if token.type in {"fence", "code_block", "code_inline"}]
    return [line for code in found for line in code.splitlines()]


def map_in(text: str) -> dict[str, str]:
    """Give the lines of the first block of code under the map's heading as path and line; a folder's ends in a slash.

    A line is an indentation, one or more names with one space between them, and after two spaces or more what they are.
    """
    section = re.search(rf"^#+ {MAP_HEADING}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    blocks = [token.content for token in tokens_in(section[1] if section else "") if token.type == "fence"]
    paths: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in (blocks or [""])[0].splitlines():
        if not line.strip():
            continue
        indentation = len(line) - len(line.lstrip())
        above = [(depth, folder) for depth, folder in above if depth < indentation]
        for name in re.split(r"\s{2,}", line.strip())[0].split(" "):
            paths[(above[-1][1] if above else "") + name] = line.strip()
        above.append((indentation, list(paths)[-1]))
    return paths


def missing_from_tree(paths: dict[str, str], root: Path) -> list[str]:
    return [
        f"{path} is no {'folder' if path.endswith('/') else 'file'}: {line}"
        for path, line in paths.items()
        if not ((root / path).is_dir() if path.endswith("/") else (root / path).is_file())
    ]


def parts_of(folder: Path) -> set[str]:
    """Give the modules and folders right inside a package, as the map names them."""
    return {
        f"{folder.name}/{path.name}" + "/" * path.is_dir()
        for path in folder.iterdir()
        if path.name not in {"__init__.py", "__pycache__"} and (path.is_dir() or path.suffix == ".py")
    }


def make_targets(makefile: str) -> set[str]:
    return set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))


def unknown_targets(text: str, targets: set[str]) -> list[str]:
    named = [name for line in code_in(text) for name in re.findall(r"(?<![\w/.-])make +([a-z][\w-]*)", line)]
    return [name for name in named if name not in targets]


def unknown_commands(text: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Give each `fettle …` whose command, flag or fixed word the command line does not know."""
    wrong = []
    for line in code_in(text):
        for given in re.findall(r"(?:(?<![\w/.-])|(?<=bin/))fettle +([a-z][^#;|&]*)", line):
            command, *rest = re.sub(r"[\[\]]", " ", given).split()
            with pytest.raises(SystemExit) as ended:
                cli.main([command, "--help"])
            page = capsys.readouterr().out
            flags = {word.partition("=")[0] for word in rest if word.startswith("--")}
            choices = re.search(r"\{(.*?)\}", re.sub(r"\[.*?\]", "", page.partition("\n\n")[0]))
            fixed = choices is None or not rest or rest[0] in choices[1].split(",")
            if ended.value.code or not fixed or any(not re.search(rf"{flag}\b", page) for flag in flags):
                wrong.append(f"fettle {given.strip()}")
    return wrong


def unknown_slash_commands(text: str, known: set[str]) -> list[str]:
    named = [name for line in code_in(text) for name in re.findall(r"(?<![\w/.-])/fettle +([a-z]+)", line)]
    return [name for name in named if name not in known]


def broken_links(page: Path, text: str) -> list[str]:
    """Give each link and picture that leads to a file of the project which is not there."""
    targets = [str(token.attrs.get("href") or token.attrs.get("src") or "") for token in tokens_in(text)]
    return [
        target
        for target in targets
        if target and not re.match(r"[a-z]+:|#", target) and not (page.parent / target.partition("#")[0]).exists()
    ]


def page(name: str) -> str:
    path = house.ROOT / name
    assert path.is_file(), f"{name} is missing"
    return path.read_text(encoding="utf-8")


def test_what_the_map_names_exists() -> None:
    paths = map_in(page("README.md"))
    assert paths, f"the README has no map: a block of code under the heading “{MAP_HEADING}”"
    assert missing_from_tree(paths, house.ROOT) == []


def test_the_map_leaves_nothing_out() -> None:
    wanted = {f"{name}/" for name in (*house.PRODUCT, "tests")}
    wanted |= parts_of(house.ROOT / "bot") | parts_of(house.ROOT / "skills")
    assert wanted - set(map_in(page("README.md"))) == set()


@pytest.mark.parametrize("name", PAGES)
def test_every_make_target_on_the_page_exists(name: str) -> None:
    makefile = (house.ROOT / "Makefile").read_text(encoding="utf-8")
    assert unknown_targets(page(name), make_targets(makefile)) == []


@pytest.mark.parametrize("name", PAGES)
def test_every_command_on_the_page_exists(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert unknown_commands(page(name), capsys) == []


@pytest.mark.parametrize("name", PAGES)
def test_every_slash_command_on_the_page_exists(name: str) -> None:
    assert unknown_slash_commands(page(name), {one.name for skill in discover() for one in skill.commands}) == []


@pytest.mark.parametrize("name", PAGES)
def test_every_link_on_the_page_leads_somewhere(name: str) -> None:
    assert broken_links(house.ROOT / name, page(name)) == []


SAMPLE = """\
# How it is built
```
bot/              the front door
  cli.py          the command line
  slack/          Slack
    gone.py       not there
  web.py web/     two names
Makefile          in one command
```
# After
"""


def test_the_map_is_read(tmp_path: Path) -> None:
    assert list(map_in(SAMPLE)) == [
        *("bot/", "bot/cli.py", "bot/slack/", "bot/slack/gone.py", "bot/web.py", "bot/web/", "Makefile")
    ]
    for folder in ("bot/slack", "bot/web", "bot/web.py"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("bot/cli.py", "Makefile"):
        (tmp_path / file).touch()
    assert missing_from_tree(map_in(SAMPLE), tmp_path) == [
        "bot/slack/gone.py is no file: gone.py       not there",
        "bot/web.py is no file: web.py web/     two names",
    ]
    assert parts_of(tmp_path / "bot") == {"bot/cli.py", "bot/slack/", "bot/web/", "bot/web.py/"}


def test_a_page_without_a_map_is_found() -> None:
    assert map_in("# How it is built\nIn words only.\n# After\n```\nbot/\n```\n") == {}


def test_an_unknown_target_is_found() -> None:
    text = "Run `make test` or, we make do, `make up`.\n\n```\nmake demo ARGS=x\nmake dmo\n```\n"
    assert unknown_targets(text, {"test", "demo"}) == ["up", "dmo"]


def test_an_unknown_command_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        "With fettle one can; `fettle demo [--fault NAME]`, `fettle audit verify`, `/fettle nothing`, `fettle lunch`.\n"
        "\n```\n.venv/bin/fettle init here  # then\nfettle demo --hand\nfettle audit delete\n```\n"
    )
    assert unknown_commands(text, capsys) == ["fettle lunch", "fettle demo --hand", "fettle audit delete"]


def test_an_unknown_slash_command_is_found() -> None:
    assert unknown_slash_commands("`/fettle show <id>`, `/fettle lunch`, `fettle demo`", {"show"}) == ["lunch"]


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.md").touch()
    text = "[a](a.md#x) [b](b.md) [c](https://example.org/c) [d](#d) ![e](e.png)"
    assert broken_links(tmp_path / "README.md", text) == ["b.md", "e.png"]
