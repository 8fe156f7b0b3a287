"""A prompt: instructions that are ours, and places for text that is not. Pure.

A prompt's file is Markdown with front matter::

    ---
    name: explain
    version: 2
    variables: [incident, words]
    parts: [cause, next]          # optional: what a sentence may be labelled as
    ---
    # system
    Instructions. No variables here: nothing from outside becomes an instruction.
    # user
    The incident: {{ incident }}

Whatever a variable holds is text from outside. It is put between marks that nobody can guess, as data.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from bot.errors import ConfigError

KEYS = {"name", "version", "variables", "parts"}
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
PLACE = re.compile(r"\{\{\s*(.*?)\s*\}\}")
LONGEST_VALUE = 6_000
_SHAPE = re.compile(r"---\n(?P<front>.*?)\n---\n\s*# system\n(?P<system>.*?)\n# user\n(?P<user>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt that keeps its promises: ``user`` names exactly ``variables``, ``system`` names none."""

    name: str
    version: int
    variables: frozenset[str]
    system: str
    user: str
    parts: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Name and version: ``explain 2``."""
        return f"{self.name} {self.version}"

    @property
    def digest(self) -> str:
        """Changes when anything about the prompt changes, its version forgotten or not."""
        content = repr((self.name, self.version, sorted(self.variables), self.system, self.user, self.parts))
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def fill(self, values: Mapping[str, str], fence: str) -> str:
        """The user's part with each value in its place, as data between marks made of ``fence``.

        Raises ``ConfigError`` when a declared variable is missing or an undeclared one is given.
        """
        missing, more = sorted(self.variables - set(values)), sorted(set(values) - self.variables)
        if missing or more:
            wrong = [f"{name} is missing" for name in missing] + [f"{name} is not declared" for name in more]
            raise ConfigError(f"prompt {self.label}: {', '.join(wrong)}; it declares {_named(self.variables)}")
        return PLACE.sub(lambda place: fenced(place[1], values[place[1]], fence), self.user)


def fenced(name: str, text: str, fence: str, limit: int = LONGEST_VALUE) -> str:
    """Text from outside as data: cut to ``limit``, between marks that it cannot contain."""
    kept = text if len(text) <= limit else text[: limit - 1] + "…"
    return f"<<{fence} {name}\n{kept.replace(fence, '')}\n{fence}>>"


def parse(text: str, where: str) -> Prompt:
    """A prompt's file. Raises ``ConfigError`` that names ``where``, what was found and what is expected."""
    shape = _SHAPE.fullmatch(text.replace("\r\n", "\n"))
    if shape is None:
        raise ConfigError(f"{where}: expected front matter between --- lines, then “# system”, then “# user”")
    try:
        front = yaml.safe_load(shape["front"])
    except yaml.YAMLError as wrong:
        raise ConfigError(f"{where}: the front matter is not YAML: {wrong}") from wrong
    if not isinstance(front, dict) or not {"name", "version", "variables"} <= set(front) <= KEYS:
        found = ", ".join(map(str, front)) if isinstance(front, dict) else "no mapping"
        raise ConfigError(f"{where}: the front matter has {found}; expected name, version, variables, perhaps parts")
    name, version = front["name"], front["version"]
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        raise ConfigError(f"{where}: name is {name!r}, expected small letters, digits and _")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ConfigError(f"{where}: version is {version!r}, expected a whole number from 1")
    variables, parts = _names(front, "variables", where), _names(front, "parts", where)
    system, user = shape["system"].strip(), shape["user"].strip()
    if not system or not user:
        raise ConfigError(f"{where}: the part under “# {'user' if system else 'system'}” is empty")
    if PLACE.search(system):
        raise ConfigError(f"{where}: a variable under “# system”; text from outside must not become an instruction")
    used = set(PLACE.findall(user))
    if used != set(variables):
        raise ConfigError(f"{where}: declares {_named(variables)} and uses {_named(used)}; these must be the same")
    return Prompt(name, version, frozenset(variables), system, user, parts)


def _names(front: Mapping[str, object], key: str, where: str) -> tuple[str, ...]:
    found = front.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, str) and NAME.fullmatch(one) for one in found):
        raise ConfigError(f"{where}: {key} is {found!r}, expected a list of names of small letters, digits and _")
    if len(set(found)) != len(found):
        raise ConfigError(f"{where}: {key} names something twice: {_named(found)}")
    return tuple(found)


def _named(names: "frozenset[str] | set[str] | tuple[str, ...] | list[str]") -> str:
    return ", ".join(sorted(names)) or "none"
