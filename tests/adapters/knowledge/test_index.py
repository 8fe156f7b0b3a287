import asyncio
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.passage import Band, Document, DocumentKind
from bot.errors import KnowledgeError
from knowledge import IndexReport, Knowledge, Progress
from knowledge.embedding import MiniLM, Vectors
from tests.adapters.knowledge.conftest import PAGES, write


def counts(report: IndexReport) -> tuple[int, int, int, int]:
    return report.added, report.changed, report.removed, report.unchanged


async def best(knowledge: Knowledge, query: str) -> str:
    answer = await knowledge.search(query)
    return answer.passages[0].document if answer.passages else ""


class Counting:
    """The real model, which also notes what it was asked to embed."""

    def __init__(self, model: MiniLM) -> None:
        self.name = model.name
        self.model = model
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.texts += texts
        return self.model.embed(texts)

    def release(self) -> None:
        self.model.release()


async def test_only_what_changed_is_done_again(knowledge: Knowledge, docs: Path) -> None:
    assert counts(await knowledge.index([docs])) == (4, 0, 0, 0)
    assert counts(await knowledge.index([docs])) == (0, 0, 0, 4)
    write(docs, {"disk.md": "# Disk is filling up\n\nAsk the storage team for a bigger volume.\n"})
    write(docs, {"new.md": "# Certificate expires\n\nRenew the certificate of the proxy.\n"})
    (docs / "payments" / "errors.md").unlink()
    assert counts(await knowledge.index([docs])) == (1, 1, 1, 2)
    assert await best(knowledge, "bigger volume for a full disk") == "docs/disk.md"
    assert await best(knowledge, "certificate expires") == "docs/new.md"
    assert (await knowledge.search("card provider payments errors fail over")).band is Band.NONE


async def test_what_was_embedded_once_is_not_embedded_again(tmp_path: Path, model: MiniLM, docs: Path) -> None:
    counting = Counting(model)
    knowledge = Knowledge(tmp_path / "index", embedding=counting)
    await knowledge.index([docs])
    counting.texts.clear()
    (docs / "disk.md").rename(docs / "moved.md")
    report = await knowledge.index([docs])
    await knowledge.close()
    assert counts(report) == (1, 0, 1, 3)
    assert counting.texts == ["docs Disk is filling up"]


async def test_progress_is_told_in_the_loop_and_ends_complete(knowledge: Knowledge, docs: Path) -> None:
    told: list[Progress] = []
    write(docs, {f"more/{number}.md": f"# Page {number}\n\nText {number}\n" for number in range(70)})
    await knowledge.index([docs], told.append)
    assert [each.done for each in told] == sorted(each.done for each in told)
    assert len(told) > 2
    assert told[-1] == Progress(74, 74)


async def test_progress_is_told_where_nothing_is_to_be_done(knowledge: Knowledge, docs: Path) -> None:
    write(docs, {f"more/{number}.md": f"# Page {number}\n" for number in range(150)})
    await knowledge.index([docs])
    told: list[Progress] = []
    await knowledge.index([docs], told.append)
    assert told == [Progress(100, 154), Progress(154, 154)]


async def test_two_folders_keep_apart(knowledge: Knowledge, docs: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "vendor", {"disk.md": "# Vendor's disk page\n\nThe controller's battery.\n"})
    assert counts(await knowledge.index([docs, other])) == (5, 0, 0, 0)
    assert counts(await knowledge.index([other], others_stay=True)) == (0, 0, 0, 1)
    assert (await knowledge.document("docs/disk.md")) is not None
    assert (await knowledge.document("vendor/disk.md")) is not None
    with pytest.raises(KnowledgeError, match="same name"):
        await knowledge.index([docs, write(tmp_path / "x" / "docs", PAGES)])


async def test_a_folder_that_is_not_named_any_more_goes(filled: Knowledge, docs: Path, tmp_path: Path) -> None:
    incident = Document("incidents/INC-1", "Disk full", "Logs filled the disk.", DocumentKind.INCIDENT)
    await filled.put(incident)
    other = write(tmp_path / "vendor", {"battery.md": "# Battery\n\nThe controller's battery.\n"})
    assert counts(await filled.index([other])) == (1, 0, 4, 0)
    assert await filled.document("docs/disk.md") is None
    assert await filled.document("incidents/INC-1") == incident
    await filled.close()
    assert sections_in_ledger(tmp_path / "index") == sections_in_chroma(tmp_path / "index") == 2
    assert counts(await filled.index([])) == (0, 0, 1, 0)
    assert counts(await filled.index([docs])) == (4, 0, 0, 0)


async def test_a_moved_folder_is_still_the_same(knowledge: Knowledge, docs: Path, tmp_path: Path) -> None:
    await knowledge.index([docs])
    shutil.move(docs, tmp_path / "elsewhere" / "docs")
    assert counts(await knowledge.index([tmp_path / "elsewhere" / "docs"])) == (0, 0, 0, 4)


async def test_a_missing_folder_takes_nothing_away(filled: Knowledge, docs: Path) -> None:
    shutil.rmtree(docs)
    report = await filled.index([docs])
    assert counts(report) == (0, 0, 0, 0)
    assert "does not exist; what was indexed from it stays" in report.errors[0]
    assert await best(filled, "disk is filling up") == "docs/disk.md"


async def test_what_cannot_be_read_is_named(knowledge: Knowledge, docs: Path, tmp_path: Path) -> None:
    write(tmp_path, {"secret.md": "# Secret\n"})
    (docs / "link.md").symlink_to(tmp_path / "secret.md")
    (docs / "inner.md").symlink_to(docs / "disk.md")
    (docs / "folder").symlink_to(tmp_path)
    (docs / "latin.md").write_bytes("# Größe\n".encode("latin-1"))
    (docs / "huge.md").write_text("x" * 1_000_001)
    (docs / "notes.txt").write_text("not Markdown")
    write(docs, {".git/readme.md": "# hidden\n", "bad.md": "---\ntitle: [\n---\n# Bad\n"})
    report = await knowledge.index([docs])
    assert [error.partition(": ")[0] for error in report.errors] == [
        "docs/bad.md",
        "docs/huge.md",
        "docs/latin.md",
        "docs/link.md",
    ]
    assert "leads out of its folder" in report.errors[3]
    assert report.added == 6
    assert await knowledge.document("docs/link.md") is None


async def test_a_single_document_comes_and_goes(filled: Knowledge, docs: Path) -> None:
    incident = Document(
        "incidents/INC-7",
        "Payments down after certificate change",
        "## Cause\n\nThe TLS certificate of the card provider's proxy was replaced.\n",
        DocumentKind.INCIDENT,
        "payments",
    )
    await filled.put(incident)
    await filled.put(incident)
    answer = await filled.search("TLS certificate of the proxy", kind=DocumentKind.INCIDENT)
    assert answer.passages[0].citation == f"incidents/INC-7#cause@{incident.version}"
    assert await filled.document("incidents/INC-7") == incident
    assert counts(await filled.index([docs])) == (0, 0, 0, 4)
    assert await filled.remove("incidents/INC-7") is True
    assert await filled.remove("incidents/INC-7") is False
    assert (await filled.search("TLS certificate", kind=DocumentKind.INCIDENT)).band is Band.NONE


async def test_a_folders_page_is_not_overwritten_by_put(filled: Knowledge) -> None:
    with pytest.raises(KnowledgeError, match="comes from the source 'docs'"):
        await filled.put(Document("docs/disk.md", "Mine", "now"))


class Held(Counting):
    """Holds every page until it is let go, and notes which threads asked."""

    def __init__(self, model: MiniLM) -> None:
        super().__init__(model)
        self.threads: set[int] = set()
        self.reached, self.go = threading.Event(), threading.Event()

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.threads.add(threading.get_ident())
        if any("held" in text for text in texts):
            self.reached.set()
            assert self.go.wait(30)
        return super().embed(texts)


async def test_a_search_does_not_wait_for_a_run_nor_the_loop_for_either(
    tmp_path: Path, model: MiniLM, docs: Path
) -> None:
    held = Held(model)
    knowledge = Knowledge(tmp_path / "index", embedding=held)
    await knowledge.index([docs])
    write(docs, {"held.md": "# A page that is held\n\nUntil later.\n"})
    running = asyncio.create_task(knowledge.index([docs]))
    assert await asyncio.to_thread(held.reached.wait, 30)
    assert await best(knowledge, "disk is filling up") == "docs/disk.md"
    assert not running.done()
    held.go.set()
    assert counts(await running) == (1, 0, 0, 4)
    await knowledge.close()
    assert held.threads
    assert threading.get_ident() not in held.threads


async def test_searching_goes_on_while_indexing(filled: Knowledge, docs: Path) -> None:
    write(docs, {f"more/{number}.md": f"# Page {number}\n\nText {number}\n" for number in range(60)})
    running = asyncio.create_task(filled.index([docs]))
    found = await best(filled, "disk is filling up")
    await filled.put(Document("incidents/INC-1", "Search was empty", "The indexer had stopped.", DocumentKind.INCIDENT))
    report = await running
    assert found == "docs/disk.md"
    assert report.added == 60
    assert await filled.document("incidents/INC-1") is not None


async def test_a_cancelled_run_can_be_taken_up(knowledge: Knowledge, docs: Path) -> None:
    write(docs, {f"more/{number}.md": f"# Page {number}\n\nText {number}\n" for number in range(200)})
    started = asyncio.Event()
    running = asyncio.create_task(knowledge.index([docs], lambda _: started.set()))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    report = await knowledge.index([docs])
    assert report.added > 0
    assert report.unchanged > 0
    assert report.added + report.unchanged == 204


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from knowledge import Knowledge
from knowledge.vectors import SectionVectors

groups = 0
real = SectionVectors.{method}

def deadly(self, *given):
    global groups
    groups += 1
    if {after}:
        real(self, *given)
    if groups == {group}:
        os.kill(os.getpid(), signal.SIGKILL)
    if not {after}:
        real(self, *given)

SectionVectors.{method} = deadly
asyncio.run(Knowledge(Path(sys.argv[1])).index([Path(sys.argv[2])]))
"""


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize(("method", "group"), [("add", 2), ("drop", 1)])
async def test_a_kill_in_the_middle_is_made_good(
    knowledge: Knowledge, docs: Path, tmp_path: Path, method: str, group: int, *, after: bool
) -> None:
    write(docs, {f"more/{number}.md": f"# Page {number}\n\nText {number}\n" for number in range(40)})
    if method == "drop":
        await knowledge.index([docs])
        await knowledge.close()
        write(docs, {"disk.md": "# Disk is filling up\n\nAsk the storage team for a bigger volume.\n"})
    program = KILLED.format(method=method, group=group, after=after)
    command = [sys.executable, "-c", program, str(tmp_path / "index"), str(docs)]
    killed = subprocess.run(command, check=False, timeout=60)
    assert killed.returncode == -9
    report = await knowledge.index([docs])
    assert report.errors == ()
    assert sum(counts(report)) == 44
    await knowledge.close()
    assert sections_in_ledger(tmp_path / "index") == sections_in_chroma(tmp_path / "index")
    assert await best(knowledge, "connection pool exhausted at checkout") == "docs/checkout/slow.md"


async def test_a_lost_vector_folder_is_rebuilt_without_embedding(tmp_path: Path, model: MiniLM, docs: Path) -> None:
    counting = Counting(model)
    knowledge = Knowledge(tmp_path / "index", embedding=counting)
    await knowledge.index([docs])
    await knowledge.close()
    shutil.rmtree(tmp_path / "index" / "chroma")
    counting.texts.clear()
    assert counts(await knowledge.index([docs])) == (0, 0, 0, 4)
    assert counting.texts == []
    assert await best(knowledge, "disk is filling up") == "docs/disk.md"
    await knowledge.close()


WRITER = """
import asyncio, sys
from pathlib import Path
from knowledge import Knowledge

async def main():
    knowledge = Knowledge(Path(sys.argv[1]))
    for folder in sys.argv[2:]:
        report = await knowledge.index([Path(folder)], others_stay=True)
        assert not report.errors, report
    await knowledge.close()

asyncio.run(main())
"""


async def test_two_processes_may_write_and_a_third_sees_it(knowledge: Knowledge, docs: Path, tmp_path: Path) -> None:
    await knowledge.index([docs])
    left = write(tmp_path / "left", {f"{number}.md": f"# Left {number}\n\nText {number}\n" for number in range(60)})
    right = write(tmp_path / "right", {f"{number}.md": f"# Right {number}\n\nNote {number}\n" for number in range(60)})
    write(left, {"cert.md": "# Certificate expires soon\n\nRenew the certificate of the proxy.\n"})
    write(right, {"queue.md": "# Messages pile up\n\nThe broker's queue grows because consumers are gone.\n"})
    orders = [[left, right], [right, left]]
    programs = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, str(tmp_path / "index"), *[str(each) for each in order]
        )
        for order in orders
    ]
    assert [await program.wait() for program in programs] == [0, 0]
    # Words that the pages do not hold, so that only the vectors can find them.
    assert (await knowledge.search("TLS is about to run out of validity")).passages == ()
    assert await best(knowledge, "certificate expiry of the proxy") == "left/cert.md"
    assert await best(knowledge, "broker messages queue growing") == "right/queue.md"
    assert counts(await knowledge.index([docs, left, right])) == (0, 0, 0, 126)
    await knowledge.close()
    assert sections_in_ledger(tmp_path / "index") == sections_in_chroma(tmp_path / "index")


async def test_another_format_is_indexed_anew(tmp_path: Path, model: MiniLM, docs: Path) -> None:
    before = Knowledge(tmp_path / "index", embedding=model)
    await before.index([docs])
    await before.put(Document("incidents/INC-1", "Disk full", "Logs filled the disk.", DocumentKind.INCIDENT))
    await before.close()
    other = Counting(model)
    other.name = "another model"
    after = Knowledge(tmp_path / "index", embedding=other)
    assert counts(await after.index([docs])) == (0, 4, 0, 0)
    assert len([text for text in other.texts if "Logs filled" in text]) == 1
    await after.close()


async def test_a_ledger_from_before_owners_is_used_on(filled: Knowledge, docs: Path, tmp_path: Path) -> None:
    incident = Document("incidents/INC-1", "Disk full", "Logs filled the disk.", DocumentKind.INCIDENT)
    await filled.put(incident)
    await filled.close()
    with sqlite3.connect(tmp_path / "index" / "ledger.sqlite") as ledger:
        for column in ("owner", "revision", "token"):
            ledger.execute(f"ALTER TABLE documents DROP COLUMN {column}")
    ledger.close()
    assert await filled.document("incidents/INC-1") == incident
    assert counts(await filled.index([docs])) == (0, 0, 0, 4)


async def test_the_owner_of_an_incident_is_kept(filled: Knowledge) -> None:
    told = Document(
        "incidents/INC-2", "Disk full", "Logs filled the disk.", DocumentKind.INCIDENT, owner="storage guild"
    )
    await filled.put(told)
    assert await filled.document("incidents/INC-2") == told
    await filled.put(replace(told, owner="others"))
    answer = await filled.search("logs filled the disk", kind=DocumentKind.INCIDENT)
    assert answer.passages[0].owner == "others"


async def test_an_unusable_folder_is_explained(tmp_path: Path, model: MiniLM) -> None:
    (tmp_path / "index").write_text("a file")
    with pytest.raises(KnowledgeError, match="cannot be opened"):
        await Knowledge(tmp_path / "index", embedding=model).search("anything")


async def test_a_damaged_ledger_is_explained(tmp_path: Path, model: MiniLM) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "ledger.sqlite").write_bytes(b"no database" * 1_000)
    with pytest.raises(KnowledgeError, match="delete the folder and index again"):
        await Knowledge(tmp_path / "index", embedding=model).search("anything")


def sections_in_ledger(index: Path) -> int:
    with sqlite3.connect(index / "ledger.sqlite") as ledger:
        found: int = ledger.execute("SELECT count(*) FROM sections").fetchone()[0]
    ledger.close()
    return found


def sections_in_chroma(index: Path) -> int:
    with sqlite3.connect(index / "chroma" / "chroma.sqlite3") as chroma:
        found: int = chroma.execute("SELECT count(*) FROM embeddings").fetchone()[0]
    chroma.close()
    return found
