"""Markdown files in a folder, read with care: links that lead out, huge files and other text encodings are refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.domain.passage import Document
from knowledge.chunks import read

SUFFIXES = frozenset({".md", ".markdown"})
LARGEST_FILE = 1_000_000
MOST_FILES = 20_000


@dataclass(frozen=True, slots=True)
class Page:
    """A file of a folder: its document, or why there is none; ``problem`` may also be a warning beside a document.

    ``path`` begins with the folder's own name, which is how the folder is known from one run to the next.
    """

    path: str
    document: Document | None
    problem: str


def pages(folder: Path) -> Iterator[Page]:
    """Each Markdown file under ``folder`` (or the one file that it is), in order of path; hidden folders are skipped.

    Raises FileNotFoundError when there is no such folder, so that an unmounted disk is not taken for an empty one.
    """
    root = folder.resolve()
    if not root.exists():
        raise FileNotFoundError(f"{folder} does not exist")
    if root.is_file():
        yield _page(root, root.parent, root.name)
        return
    for number, file in enumerate(_files(root)):
        path = f"{root.name}/{file.relative_to(root).as_posix()}"
        if number >= MOST_FILES:
            yield Page(path, None, f"not read, nor anything after it: a folder may hold {MOST_FILES:,} files")
            return
        yield _page(file, root, path)


def count(folder: Path) -> int:
    """How many pages there are to read, for a progress bar; 0 when there is no such folder."""
    root = folder.resolve()
    return 1 if root.is_file() else min(sum(1 for _ in _files(root)), MOST_FILES)


def _files(root: Path) -> Iterator[Path]:
    for current, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if Path(name).suffix.lower() in SUFFIXES:
                yield Path(current) / name


def _page(file: Path, root: Path, path: str) -> Page:
    if not file.resolve().is_relative_to(root):
        return Page(path, None, "a link that leads out of its folder is not followed")
    try:
        size = file.stat().st_size
        if size > LARGEST_FILE:
            return Page(path, None, f"{size:,} bytes are over the limit of {LARGEST_FILE:,}: split it")
        source = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        return Page(path, None, f"not UTF-8 text (byte {error.start:,}): save it as UTF-8")
    except OSError as error:
        return Page(path, None, f"cannot be read: {error.strerror or error}")
    document, warning = read(path, source.replace("\r\n", "\n").replace("\0", ""))
    return Page(path, document, warning)
