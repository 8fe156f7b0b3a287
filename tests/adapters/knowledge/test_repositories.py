import fcntl
import os
import shutil
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.passage import DocumentKind
from bot.domain.reading import About, Folder, Repository
from knowledge import IndexReport, Knowledge
from knowledge.formats import Unreachable
from knowledge.git import Copy
from knowledge.repositories import link_of
from tests.adapters.knowledge.conftest import write

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")

PAGES = {
    "docs/pool.md": "---\nowner: storage guild\n---\n# Pool is exhausted\n\n## Fix\n\nRaise the connection pool.\n",
    "docs/proxy.html": "<html><body><h1 id='top'>Proxy</h1><h2 id='cert'>Certificate</h2><p>Renew the proxy's"
    " certificate before it expires.</p></body></html>",
    "README.md": "# About this repository\n\nNothing that helps.\n",
    ".github/hidden.md": "# Hidden\n",
    "docs/picture.png": "no page",
}


def counts(report: IndexReport) -> tuple[int, int, int, int]:
    return report.added, report.changed, report.removed, report.unchanged


def git(folder: Path, *arguments: str) -> str:
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}
    named = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main"]
    ran = subprocess.run(["git", *named, *arguments], cwd=folder, env=own, check=True, capture_output=True, text=True)
    return ran.stdout.strip()


def commit(folder: Path, message: str = "change") -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    folder = write(tmp_path / "origin", PAGES)
    git(folder, "init", "--quiet")
    (folder / "docs" / "link.md").symlink_to("/etc/hostname")
    commit(folder, "first")
    return folder


@pytest.fixture
def source(origin: Path) -> Repository:
    link = "https://git.example/docs/blob/{commit}/{path}"
    return Repository("platform", origin.as_uri(), folders=("docs",), about=About(owner="platform team", link=link))


async def test_pages_are_cited_by_their_commit_and_open_there(
    knowledge: Knowledge, origin: Path, source: Repository
) -> None:
    report = await knowledge.index([source])
    assert (report.errors, counts(report)) == ((), (2, 0, 0, 0))
    first = git(origin, "rev-parse", "HEAD")
    passage = (await knowledge.search("the connection pool is exhausted")).passages[0]
    assert passage.citation == f"platform/docs/pool.md#fix@{first[:12]}"
    assert passage.url == f"https://git.example/docs/blob/{first}/docs/pool.md#fix"
    assert passage.owner == "storage guild"
    page = (await knowledge.search("the proxy's certificate expires")).passages[0]
    assert (page.document, page.anchor, page.owner) == ("platform/docs/proxy.html", "cert", "platform team")


async def test_changes_and_deletions_follow_and_what_stays_keeps_its_commit(
    knowledge: Knowledge, origin: Path, source: Repository
) -> None:
    await knowledge.index([source])
    first = git(origin, "rev-parse", "HEAD")
    assert counts(await knowledge.index([source])) == (0, 0, 0, 2)
    (origin / "docs" / "proxy.html").unlink()
    write(origin, {"docs/queue.md": "# Queue grows\n\nThe broker's consumers are gone.\n"})
    second = commit(origin)
    assert counts(await knowledge.index([source])) == (1, 0, 1, 1)
    assert await knowledge.document("platform/docs/proxy.html") is None
    kept, new = await knowledge.document("platform/docs/pool.md"), await knowledge.document("platform/docs/queue.md")
    assert kept is not None
    assert new is not None
    assert (kept.revision, new.revision) == (first, second)
    write(origin, {"docs/pool.md": "# Pool is exhausted\n\nAsk for a bigger database.\n"})
    third = commit(origin)
    assert counts(await knowledge.index([source])) == (0, 1, 0, 1)
    changed = await knowledge.document("platform/docs/pool.md")
    assert changed is not None
    assert (changed.revision, changed.owner) == (third, "platform team")


async def test_rewritten_history_is_followed(knowledge: Knowledge, origin: Path, source: Repository) -> None:
    await knowledge.index([source])
    git(origin, "checkout", "--quiet", "--orphan", "other")
    write(origin, {"docs/pool.md": "# Pool is exhausted\n\nEntirely rewritten.\n"})
    commit(origin)
    git(origin, "branch", "--force", "main", "other")
    assert counts(await knowledge.index([source])) == (0, 1, 0, 1)


async def test_a_branch_and_other_settings(knowledge: Knowledge, origin: Path, source: Repository) -> None:
    git(origin, "checkout", "--quiet", "-b", "next")
    write(origin, {"docs/later.md": "# Only on the other branch\n\nText.\n"})
    commit(origin)
    git(origin, "checkout", "--quiet", "main")
    assert counts(await knowledge.index([source])) == (2, 0, 0, 0)
    assert counts(await knowledge.index([replace(source, branch="next")])) == (1, 0, 0, 2)
    decided = replace(source, branch="next", about=replace(source.about, kind=DocumentKind.DECISION, owner="others"))
    assert counts(await knowledge.index([decided])) == (0, 3, 0, 0)
    page = await knowledge.document("platform/docs/later.md")
    assert page is not None
    assert (page.kind, page.owner) == (DocumentKind.DECISION, "others")


async def test_an_unreachable_repository_keeps_its_pages_and_is_named(
    knowledge: Knowledge, origin: Path, source: Repository, tmp_path: Path
) -> None:
    await knowledge.index([source])
    origin.rename(tmp_path / "elsewhere")
    report = await knowledge.index([source])
    assert counts(report) == (0, 0, 0, 0)
    assert len(report.errors) == 1
    assert report.errors[0].startswith("platform: fatal: ")
    assert report.errors[0].endswith("what was indexed from it stays")
    assert (await knowledge.search("the connection pool is exhausted")).passages
    missing = replace(source, address=(tmp_path / "elsewhere").as_uri(), branch="gone")
    assert "platform: " in (await knowledge.index([missing])).errors[0]


async def test_a_repository_without_the_folder_is_an_error_and_not_empty(
    knowledge: Knowledge, origin: Path, source: Repository
) -> None:
    await knowledge.index([source])
    git(origin, "mv", "docs", "pages")
    commit(origin)
    report = await knowledge.index([source])
    assert "has no pages in docs" in report.errors[0]
    assert report.removed == 0


async def test_a_source_that_is_not_named_any_more_goes_with_its_copy(
    knowledge: Knowledge, source: Repository, docs: Path, tmp_path: Path
) -> None:
    await knowledge.index([source, docs])
    copies = tmp_path / "index" / "repositories"
    assert [each.suffix for each in sorted(copies.iterdir())] == ["", ".lock"]
    report = await knowledge.index([Folder("docs", str(docs))])
    assert counts(report) == (0, 0, 2, 4)
    assert list(copies.iterdir()) == []


async def test_locks_that_a_kill_left_are_no_hindrance(
    knowledge: Knowledge, origin: Path, source: Repository, tmp_path: Path
) -> None:
    await knowledge.index([source])
    write(origin, {"docs/new.md": "# New\n"})
    commit(origin)
    copy = Copy(tmp_path / "index" / "repositories", source.address).folder
    for name in ("shallow.lock", "config.lock", "packed-refs.lock", "refs/fettle/head.lock"):
        (copy / name).touch()
    assert (await knowledge.index([source])).added == 1


async def test_neither_hooks_nor_filters_nor_pointers_have_an_effect(
    knowledge: Knowledge, origin: Path, source: Repository, tmp_path: Path
) -> None:
    template = tmp_path / "template" / "hooks"
    template.mkdir(parents=True)
    for name in ("post-checkout", "reference-transaction", "post-merge"):
        (template / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        (template / name).chmod(0o755)
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"
    write(origin, {".gitattributes": "*.md filter=evil\n", "docs/large.md": pointer})
    commit(origin)
    await knowledge.index([source])
    copy = Copy(tmp_path / "index" / "repositories", source.address).folder
    shutil.copytree(template, copy / "hooks", dirs_exist_ok=True)
    write(origin, {"docs/new.md": "# New\n"})
    commit(origin)
    report = await knowledge.index([source])
    assert report.added == 1
    assert [error for error in report.errors if "large.md" not in error] == []
    assert "Git LFS pointer" in report.errors[0]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("address", ["ext::sh -c 'touch ran'", "http://127.0.0.1:9/x", "git://127.0.0.1:9/x"])
def test_other_ways_are_refused_whatever_the_configuration_says(tmp_path: Path, address: str) -> None:
    with pytest.raises(Unreachable, match="not allowed"):
        Copy(tmp_path / "copies", address).fetch("", lambda: False)


def test_a_fetch_is_given_up_when_it_is_not_wanted_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nsleep 600\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(Unreachable, match="was told to end"):
        Copy(tmp_path / "copies", "https://git.example/x").fetch("", stop.is_set)


def test_one_process_fetches_at_a_time(origin: Path, tmp_path: Path) -> None:
    copy = Copy(tmp_path / "copies", origin.as_uri())
    copy.folder.parent.mkdir()
    with copy.folder.with_suffix(".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Unreachable, match="another process is fetching it"):
            copy.fetch("", lambda: True)
        threading.Timer(0.3, fcntl.flock, (held, fcntl.LOCK_UN)).start()
        assert copy.fetch("", lambda: False) == git(origin, "rev-parse", "HEAD")


def test_secrets_are_not_handed_to_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spy = tmp_path / "bin" / "git"
    spy.parent.mkdir()
    spy.write_text(f'#!/bin/sh\nenv > {tmp_path}/seen\necho "fatal: https://me:hidden@git.example/x: no" >&2\nexit 1\n')
    spy.chmod(0o755)
    monkeypatch.setenv("PATH", f"{spy.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-hidden")
    with pytest.raises(Unreachable) as refused:
        Copy(tmp_path / "copies", "https://git.example/x").fetch("", lambda: False)
    assert str(refused.value) == "fatal: https://git.example/x: no"
    seen = (tmp_path / "seen").read_text()
    assert "hidden" not in seen
    assert "GIT_TERMINAL_PROMPT=0" in seen


@pytest.mark.parametrize(
    ("address", "link"),
    [
        ("https://github.com/acme/docs.git", "https://github.com/acme/docs/blob/{commit}/{path}"),
        ("ssh://git@gitlab.com/acme/ops/docs", "https://gitlab.com/acme/ops/docs/-/blob/{commit}/{path}"),
        ("https://git.example/acme/docs", ""),
        ("file:///srv/docs", ""),
    ],
)
def test_well_known_hosts_need_no_link(address: str, link: str) -> None:
    assert link_of(address) == link
