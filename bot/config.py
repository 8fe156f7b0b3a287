"""The configuration: a folder with fettle.yaml, catalogue.yaml, actions/, guides/, runbooks/ and incidents/.

Every error of the folder is found in one reading, each with its file and line.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from bot.domain.action import Action
from bot.domain.catalogue import Catalogue
from bot.domain.guide import Guide
from bot.domain.house import House
from bot.domain.past import PastIncident
from bot.domain.policy import RoleMembers
from bot.domain.reading import Reading
from bot.domain.source import Source
from bot.domain.watch import Watch
from bot.errors import ConfigError
from bot.schema.actions import read_action
from bot.schema.document import Problems, Spot, parse
from bot.schema.guides import read_guide
from bot.schema.house import HouseFile, read_house
from bot.schema.links import Everything, check_links, check_windows
from bot.schema.past import read_past
from bot.schema.services import read_catalogue
from bot.schema.table import Table

T = TypeVar("T", Action, Guide, PastIncident)
MOST_FILES = 1000


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration, checked.

    ``sources`` always has ``alertmanager`` and ``changes``, and each generic source by its name. ``knowledge`` is
    what is read for the runbooks and the like. ``warnings`` are lines about what is allowed but probably not meant.
    """

    folder: Path
    house: House
    catalogue: Catalogue = field(default_factory=Catalogue)
    actions: Mapping[str, Action] = field(default_factory=dict)
    guides: tuple[Guide, ...] = ()
    roles: Mapping[str, RoleMembers] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    knowledge: tuple[Reading, ...] = ()
    watch: tuple[Watch, ...] = ()
    past: tuple[PastIncident, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """How much of everything there is, in words."""
        counts = {
            "service": len(self.catalogue.services),
            "action": len(self.actions),
            "guide": len(self.guides),
            "past incident": len(self.past),
            "source": len(self.sources),
        }
        return ", ".join(f"{count} {name}{'' if count == 1 else 's'}" for name, count in counts.items())

    @property
    def actions_folder(self) -> Path:
        """Where playbooks' paths begin."""
        return self.folder / "actions"


def load(folder: Path) -> Config:
    """Read the folder. Raises ``ConfigError`` with one line for every error in any of its files."""
    config, problems = examine(folder)
    problems.check()
    return config


def examine(folder: Path) -> tuple[Config, Problems]:
    """Read the folder and say everything that is wrong with it; the configuration holds what could be read."""
    if not folder.is_dir():
        raise ConfigError(f"{folder}: there is no such folder; `fettle init {folder}` makes one to begin with.")
    problems = Problems()
    top = _top(folder, "fettle.yaml", problems)
    file = read_house(top, folder) if top else HouseFile(House("", ""))
    services = _top(folder, "catalogue.yaml", problems)
    catalogue = read_catalogue(services) if services else Catalogue()
    actions = _each(folder, "actions", problems, lambda table, _: read_action(table, folder / "actions"))
    guides = _each(folder, "guides", problems, lambda table, source: read_guide(table, folder, source))
    past = _each(folder, "incidents", problems, read_past)
    named = _by_name(actions, "name", lambda action: action.name)
    _by_name(guides, "name", lambda guide: guide.name)
    _by_name(past, "id", lambda incident: incident.id)
    if top and services:
        check_links(Everything(catalogue, named, guides, past, file.roles))
        check_windows(top, catalogue)
    house = replace(file.house, grouping=replace(file.house.grouping, paths=catalogue.paths()))
    config = Config(
        folder=folder,
        house=house,
        catalogue=catalogue,
        actions={name: action for name, (action, _) in named.items()},
        guides=tuple(guide for guide, _ in guides),
        roles=file.roles,
        sources={name: one.knowing(catalogue.services.values()) for name, one in file.sources.items()},
        knowledge=file.knowledge,
        watch=tuple(one.knowing(catalogue.services.values()) for one in file.watch),
        past=tuple(one for one, _ in past),
        warnings=tuple(str(one) for one in sorted(problems.warnings)),
    )
    return config, problems


def _top(folder: Path, name: str, problems: Problems) -> Table | None:
    path = folder / name
    spot = Spot(problems, name)
    if not path.is_file():
        other = path.with_suffix(".yml")
        also = (
            f"; rename {other.name}" if other.is_file() else f"; `fettle init` shows what belongs into {folder.name}/"
        )
        spot.error(f"is missing{also}")
        return None
    node = parse(path, spot)
    table = Table(node, spot) if node is not None else None
    return table if table and table.right else None


def _each(folder: Path, part: str, problems: Problems, read: Callable[[Table, str], T]) -> list[tuple[T, Table]]:
    """Every file of a part, in the order of their names, with the mapping that it was read from."""
    found: list[tuple[T, Table]] = []
    files = sorted(path for suffix in ("*.yaml", "*.yml") for path in (folder / part).glob(suffix))
    if len(files) > MOST_FILES:
        Spot(problems, f"{part}/").error(f"has {len(files)} files, expected at most {MOST_FILES}")
    for path in files[:MOST_FILES]:
        source = f"{part}/{path.name}"
        table = _top(folder, source, problems)
        if table is not None:
            found.append((read(table, source), table))
    return found


def _by_name(found: list[tuple[T, Table]], key: str, name_of: Callable[[T], str]) -> Mapping[str, tuple[T, Table]]:
    named: dict[str, tuple[T, Table]] = {}
    for thing, table in found:
        name = name_of(thing)
        if name in named:
            table.place(key).error(f"{key}: “{name}” stands in {named[name][1].spot.file} too")
        elif name:
            named[name] = (thing, table)
    return named
