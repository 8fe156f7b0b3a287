"""Pages in a folder, read with care: links that lead out, huge files and other text encodings are refused."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bot.domain.reading import Folder
from knowledge.formats import Leaf, Origin, Page, Unreachable, format_of, page_of, token_of, too_large

MOST_FILES = 20_000


class FolderPages:
    """Reads a folder, or the one file that it is; blocking.

    A page's path begins with the source's name, which is how the folder is known from one run to the next.
    """

    def __init__(self, source: Folder) -> None:
        self.name = source.name
        self._about = source.about
        self._given = source.path

    def leaves(self, known: Mapping[str, str], ended: Callable[[], bool]) -> list[Leaf]:
        """Each page in order of path; hidden folders are skipped.

        Raises Unreachable when there is no such folder, so that an unmounted disk is not taken for an empty one.
        """
        root = Path(self._given).resolve()
        if not root.exists():
            raise Unreachable(f"{self._given} does not exist")
        if root.is_file():
            return [self._leaf(self.name, root, root.parent, known)]
        leaves = []
        for number, file in enumerate(_files(root)):
            path = f"{self.name}/{file.relative_to(root).as_posix()}"
            if number >= MOST_FILES or ended():
                leaves.append(one_too_many(path))
                break
            leaves.append(self._leaf(path, file, root, known))
        return leaves

    def _leaf(self, path: str, file: Path, root: Path, known: Mapping[str, str]) -> Leaf:
        return Leaf(path, lambda: self._page(path, file, root, known.get(path, "")))

    def _page(self, path: str, file: Path, root: Path, token: str) -> Page:
        if not file.resolve().is_relative_to(root):
            return Page(path, None, "a link that leads out of its folder is not followed")
        form = format_of(file.name)
        if form is None:
            return Page(path, None, "neither Markdown nor HTML nor PDF, by its name")
        try:
            problem = too_large(file.stat().st_size, form)
            data = b"" if problem else file.read_bytes()
        except OSError as error:
            problem, data = f"cannot be read: {error.strerror or error}", b""
        if problem:
            return Page(path, None, problem)
        new = token_of(data, self._about)
        if new == token:
            return Page(path, same=True, token=token)
        place = file.name if root == file.parent and path == self.name else file.relative_to(root).as_posix()
        return page_of(Origin(path, place), data, form, self._about, new)


def one_too_many(path: str) -> Leaf:
    """In the place of the page after the last one that is read."""
    return Leaf(path, lambda: Page(path, None, f"not read, nor anything after it: {MOST_FILES:,} pages are the limit"))


def _files(root: Path) -> Iterator[Path]:
    for current, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if format_of(name) is not None:
                yield Path(current) / name
