"""Everything that is to be read in one run, opened by its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from bot.domain.reading import Folder, Reading, Repository, Website
from bot.errors import KnowledgeError
from knowledge.folders import FolderPages
from knowledge.formats import Leaf
from knowledge.git import sweep
from knowledge.repositories import RepositoryPages
from knowledge.websites import WebsitePages


class Source(Protocol):
    """Where pages come from. Paths of its pages begin with its name."""

    name: str

    def leaves(self, known: Mapping[str, str], ended: Callable[[], bool]) -> list[Leaf]:
        """Its pages as they are now; ``known`` are the tokens of those that are indexed, by path.

        Raises Unreachable where the source as a whole cannot be read.
        """
        ...


class Sources:
    """What is to be read. Raises KnowledgeError for two of the same name; copies are kept below ``copies``."""

    def __init__(self, readings: Sequence[Path | Reading], copies: Path) -> None:
        self._copies = copies
        self.opened: tuple[Source, ...] = tuple(self._open(each) for each in readings)
        names = [source.name for source in self.opened]
        self.names = set(names)
        if len(self.names) < len(names):
            raise KnowledgeError(
                f"Two of the sources to index have the same name ({', '.join(sorted(names))}), and documents are known "
                "by their source's name: rename one."
            )

    def sweep(self) -> None:
        """Remove the copies of repositories that are not read any more."""
        sweep(self._copies, {each.copy_folder for each in self.opened if isinstance(each, RepositoryPages)})

    def _open(self, reading: Path | Reading) -> Source:
        match reading:
            case Folder():
                return FolderPages(reading)
            case Repository():
                return RepositoryPages(reading, self._copies)
            case Website():
                return WebsitePages(reading)
            case _:
                return FolderPages(Folder(reading.resolve().name, str(reading)))
