"""The ``knowledge`` part of fettle.yaml: what Fettle reads, whose it is, and where it can be opened."""

import ipaddress
import re
import urllib.parse
from pathlib import Path

from bot.domain.passage import DocumentKind
from bot.domain.reading import About, Folder, Reading, Repository, Website
from bot.schema.table import NAME, Table

KINDS = (*DocumentKind, "post-mortem")
BRANCH = r"[A-Za-z0-9][\w./+-]{0,199}"
INSIDE = r"(?!/)(?!.*(?:^|/)\.\.(?:/|$)).{1,500}"
SCP = r"[\w.-]{1,60}@[\w.-]{1,200}:(?!/)[^\s]{1,500}"
MOST_ADDRESSES = 500
WAYS = ("folder", "git", "urls")
CONTROL = re.compile(r"[\x00-\x20\x7f]")


def read_knowledge(table: Table | None, folder: Path) -> tuple[Reading, ...]:
    """Every source; without the part, the folder ``runbooks`` where there is one. Paths are relative to ``folder``."""
    if table is None:
        usual = folder / "runbooks"
        return (Folder(usual.resolve().name, str(usual)),) if usual.is_dir() else ()
    found: dict[str, Reading] = {}
    for text, spot in table.spotted("folders"):
        path = folder / Path(text).expanduser()
        name = path.resolve().name
        if not path.is_dir():
            spot.error(f"{table.path}.folders: there is no folder {text} (relative paths begin beside fettle.yaml)")
        elif name in found:
            spot.error(
                f"{table.path}.folders: {text} is the second that is called {name}, and citations go by that name"
            )
        else:
            found[name] = Folder(name, str(path))
    sources = table.table("sources")
    for name, one in sources.each(NAME) if sources else ():
        if name in found:
            one.spot.error(f"{one.path}: the name {name} is taken by a folder, and citations go by that name")
        reading = _source(name, one, folder)
        if reading is not None:
            found[name] = reading
        one.done()
    table.done()
    return tuple(found.values())


def _source(name: str, table: Table, folder: Path) -> Reading | None:
    given = [way for way in WAYS if way in table]
    about = _about(table)
    if len(given) != 1:
        what = "and ".join(f"{way} " for way in given) or "nothing "
        table.spot.error(f"{table.path}: found {what}to read from, expected one of {', '.join(WAYS)}")
        for way in WAYS:
            table.spotted(way)
        return None
    match given[0]:
        case "folder":
            text = table.text("folder", must=True)
            path = folder / Path(text).expanduser()
            if text and not path.exists():
                table.place("folder").error(
                    f"{table.path}.folder: there is no {text} (relative paths begin beside fettle.yaml)"
                )
            return Folder(name, str(path), about)
        case "git":
            address = _repository(table)
            branch = table.text("branch", pattern=BRANCH, like="the name of a branch or tag")
            inside = table.texts(
                "folders", pattern=INSIDE, like="a folder inside the repository, such as docs/runbooks"
            )
            return Repository(name, address, branch, inside, about) if address else None
        case _:
            return Website(name, _addresses(table), _private(table), about)


def _about(table: Table) -> About:
    kind = table.choice("kind", KINDS, "")
    link = table.text("link", most=1000)
    if link and not _is_web(link.replace("{path}", "x").replace("{commit}", "x")):
        table.place("link").error(
            f"{table.path}.link: found “{link[:60]}”, expected a web address such as https://wiki.example/{{path}}"
        )
    return About(
        kind=DocumentKind(kind.replace("-", "")) if kind else None,
        owner=" ".join(table.text("owner", most=200).split()) or None,
        service=table.name("service") or None,
        link=link,
    )


def _repository(table: Table) -> str:
    text = table.text("git", must=True, most=1000)
    if re.fullmatch(SCP, text):
        host, _, path = text.partition(":")
        text = f"ssh://{host}/{path}"
    try:
        parts = urllib.parse.urlsplit(text)
    except ValueError:
        parts = urllib.parse.urlsplit("")
    right = parts.scheme == "file" or (parts.scheme in {"https", "ssh"} and parts.hostname)
    if not right or not parts.path.strip("/") or CONTROL.search(text) or (parts.hostname or "").startswith("-"):
        table.place("git").error(
            f"{table.path}.git: expected https://…, ssh://… or file:///…, the address of a Git repository"
        )
        return ""
    if parts.password or (parts.username and parts.scheme == "https"):
        table.place("git").error(
            f"{table.path}.git: a password does not belong in a file; give git a credential helper or a deploy key"
        )
        return ""
    return text


def _addresses(table: Table) -> tuple[str, ...]:
    found = []
    for text, spot in table.spotted("urls"):
        if not _is_web(text):
            spot.error(
                f"{table.path}.urls: found “{text[:80]}”, expected an address such as https://vendor.example/page"
            )
        elif urllib.parse.urlsplit(text).username is not None:
            spot.error(f"{table.path}.urls: a password does not belong in a file, and such pages are not fetched")
        else:
            found.append(urllib.parse.urldefrag(text).url)
    if len(found) > MOST_ADDRESSES:
        table.place("urls").error(f"{table.path}.urls: has {len(found)} addresses, expected at most {MOST_ADDRESSES}")
    return tuple(dict.fromkeys(found))[:MOST_ADDRESSES]


def _private(table: Table) -> tuple[str, ...]:
    like = "a host's name, an address or a network such as 10.20.0.0/16"
    found = []
    for text, spot in table.spotted("private", pattern=r"[\w.:/-]{1,200}", like=like):
        try:
            if "/" in text:
                ipaddress.ip_network(text, strict=False)
        except ValueError:
            spot.error(f"{table.path}.private: found “{text}”, expected {like}")
            continue
        found.append(text)
    return tuple(found)


def _is_web(text: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(text)
        return (
            parts.scheme in {"https", "http"} and bool(parts.hostname) and not CONTROL.search(text) and parts.port != 0
        )
    except ValueError:
        return False
