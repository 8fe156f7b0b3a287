from pathlib import Path

import pytest
import yaml

from bot.domain.passage import DocumentKind
from bot.domain.reading import About, Folder, Reading, Repository, Website
from bot.schema.document import Problems, Spot
from bot.schema.knowledge import read_knowledge
from bot.schema.table import Table


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("runbooks", "decisions"):
        (tmp_path / name).mkdir()
    return tmp_path


def read(folder: Path, text: str) -> tuple[tuple[Reading, ...], list[str]]:
    problems = Problems()
    node = yaml.compose(text)
    assert node is not None
    table = Table(node, Spot(problems, "fettle.yaml")).table("knowledge")
    found = read_knowledge(table, folder)
    return found, sorted(one.text for one in problems.errors)


def test_without_the_part_the_usual_folder_is_read(folder: Path) -> None:
    assert read_knowledge(None, folder) == (Folder("runbooks", str(folder / "runbooks")),)
    assert read_knowledge(None, folder / "decisions") == ()


def test_every_kind_of_source(folder: Path) -> None:
    found, errors = read(
        folder,
        """
knowledge:
  folders: [runbooks]
  sources:
    adr: {folder: decisions, kind: decision, owner: architecture, link: "https://wiki.example/adr/{path}"}
    platform:
      git: git@git.example:platform/docs.git
      branch: release/2
      folders: [docs/runbooks]
      owner: "#team-platform"
      service: shop
    vendor:
      urls: ["https://vendor.example/limits#quota", "https://vendor.example/limits"]
      private: [vendor.example, 10.2.0.0/16]
      kind: post-mortem
""",
    )
    assert errors == []
    assert found == (
        Folder("runbooks", str(folder / "runbooks")),
        Folder(
            "adr",
            str(folder / "decisions"),
            About(DocumentKind.DECISION, "architecture", None, "https://wiki.example/adr/{path}"),
        ),
        Repository(
            "platform",
            "ssh://git@git.example/platform/docs.git",
            "release/2",
            ("docs/runbooks",),
            About(owner="#team-platform", service="shop"),
        ),
        Website(
            "vendor",
            ("https://vendor.example/limits",),
            ("vendor.example", "10.2.0.0/16"),
            About(DocumentKind.POSTMORTEM),
        ),
    )


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{}", "found nothing to read from, expected one of folder, git, urls"),
        ("{folder: runbooks, urls: [https://a.example/]}", "found folder and urls to read from"),
        ("{folder: nowhere}", "there is no nowhere"),
        ("{git: 'http://git.example/x'}", "expected https://…, ssh://… or file:///…"),
        ("{git: 'ext::sh -c touch% /tmp/x'}", "expected https://…"),
        ("{git: '--upload-pack=touch'}", "expected https://…"),
        ("{git: 'ssh://-oProxyCommand=x/y'}", "expected https://…"),
        ("{git: 'https://[::1'}", "expected https://…"),
        ("{git: 'https://git.example'}", "expected https://…"),
        ("{git: 'https://token@git.example/x'}", "a password does not belong in a file"),
        ("{git: 'https://git.example/x', branch: --all}", "the name of a branch or tag"),
        ("{git: 'https://git.example/x', folders: [../..]}", "a folder inside the repository"),
        ("{git: 'https://git.example/x', folders: [/etc]}", "a folder inside the repository"),
        ("{urls: [ftp://vendor.example/x]}", "expected an address such as https://vendor.example/page"),
        ("{urls: ['https://me:word@vendor.example/x']}", "a password does not belong in a file"),
        ("{urls: [https://a.example/], private: [10.0.0.0/99]}", "a host's name, an address or a network"),
        ("{urls: [https://a.example/], branch: main}", "branch is not a key that is known here"),
        ("{folder: runbooks, kind: novel}", "expected one of runbook, postmortem"),
        ("{folder: runbooks, link: 'javascript:alert(1)'}", "expected a web address"),
    ],
)
def test_what_does_not_fit_is_said(folder: Path, source: str, said: str) -> None:
    _, errors = read(folder, f"knowledge: {{sources: {{one: {source}}}}}")
    assert len(errors) == 1
    assert said in errors[0]
    assert "knowledge.sources.one" in errors[0]


def test_two_of_one_name_are_refused(folder: Path) -> None:
    _, errors = read(folder, "knowledge: {folders: [runbooks], sources: {runbooks: {folder: decisions}}}")
    assert errors == [
        "knowledge.sources.runbooks: the name runbooks is taken by a folder, and citations go by that name"
    ]
