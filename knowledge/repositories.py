"""Pages of a Git repository: what its newest commit holds, each cited by the commit that its words were read from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from bot.domain.reading import Repository
from knowledge.folders import MOST_FILES, one_too_many
from knowledge.formats import Leaf, Origin, Page, Unreachable, format_of, page_of, token_of, too_large
from knowledge.git import Blob, Copy

# Where the large hosts show a file of a commit, so that citations open without being told how.
_SHOWN = {
    "github.com": "blob/{commit}/{path}",
    "gitlab.com": "-/blob/{commit}/{path}",
    "codeberg.org": "src/commit/{commit}/{path}",
}


class RepositoryPages:
    """Reads a repository through its copy below ``folder``; blocking."""

    def __init__(self, source: Repository, folder: Path) -> None:
        self.name = source.name
        self._source = source
        self._about = replace(source.about, link=source.about.link or link_of(source.address))
        self._copy = Copy(folder, source.address)

    @property
    def copy_folder(self) -> Path:
        """Where its copy is kept."""
        return self._copy.folder

    def leaves(self, known: Mapping[str, str], ended: Callable[[], bool]) -> list[Leaf]:
        """Its pages, each with the commit. Raises Unreachable; ``known`` are tokens by path."""
        commit = self._copy.fetch(self._source.branch, ended)
        blobs = [blob for blob in self._copy.blobs(commit, ended) if self._is_read(blob.path)]
        if self._source.folders and not blobs:
            raise Unreachable(f"its commit {commit[:12]} has no pages in {', '.join(self._source.folders)}")
        leaves = []
        for blob in blobs[:MOST_FILES]:
            path = f"{self.name}/{blob.path}"
            leaves.append(Leaf(path, self._reader(path, blob, commit, known.get(path, ""), ended)))
        if len(blobs) > MOST_FILES:
            leaves.append(one_too_many(f"{self.name}/{blobs[MOST_FILES].path}"))
        return leaves

    def _is_read(self, path: str) -> bool:
        folders = self._source.folders
        inside = not folders or any(path.startswith(folder.strip("/") + "/") or path == folder for folder in folders)
        hidden = any(part.startswith(".") for part in path.split("/"))
        return inside and not hidden and format_of(path) is not None

    def _reader(self, path: str, blob: Blob, commit: str, token: str, ended: Callable[[], bool]) -> Callable[[], Page]:
        def read() -> Page:
            new = token_of(blob.name.encode(), self._about)
            if new == token:
                return Page(path, same=True, token=token)
            form = format_of(blob.path) or ""
            problem = too_large(blob.size, form)
            if problem:
                return Page(path, None, problem)
            try:
                data = self._copy.read(blob, ended)
            except Unreachable as error:
                return Page(path, None, str(error))
            return page_of(Origin(path, blob.path, commit), data, form, self._about, new)

        return read


def link_of(address: str) -> str:
    """The address of a file on a host that is known to show them; "" for any other."""
    found = re.fullmatch(r"(?:https://|ssh://git@)([\w.-]+)(?::\d+)?/([^?#]+?)(?:\.git)?/?", address)
    if not found or found[1] not in _SHOWN:
        return ""
    return f"https://{found[1]}/{found[2]}/{_SHOWN[found[1]]}"
