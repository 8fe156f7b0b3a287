"""What Fettle is told to read: folders, Git repositories and web pages, each known by its name."""

from dataclasses import dataclass, field

from bot.domain.passage import DocumentKind


@dataclass(frozen=True, slots=True)
class About:
    """What holds for every document of a source, unless its own front matter says otherwise.

    ``kind`` is None where the folders' names decide. ``link`` is the web address of a document, with ``{path}`` (below
    the source) and ``{commit}`` in it; empty where there is none, or where the source knows it by itself.
    """

    kind: DocumentKind | None = None
    owner: str | None = None
    service: str | None = None
    link: str = ""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder, or one file, on this machine."""

    name: str
    path: str
    about: About = field(default_factory=About)


@dataclass(frozen=True, slots=True)
class Repository:
    """A Git repository: ``branch`` (or tag) empty for the one that it shows first, ``folders`` empty for all of it."""

    name: str
    address: str
    branch: str = ""
    folders: tuple[str, ...] = ()
    about: About = field(default_factory=About)


@dataclass(frozen=True, slots=True)
class Website:
    """Pages by their addresses. ``private`` are hosts and networks beyond the public Internet that may be asked."""

    name: str
    addresses: tuple[str, ...]
    private: tuple[str, ...] = ()
    about: About = field(default_factory=About)


Reading = Folder | Repository | Website
