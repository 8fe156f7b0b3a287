"""Finds the skills at start and refuses a contradictory set, naming both sides."""

import importlib
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import skills
from bot.domain.events import CommandGiven, Event, Pressed, Submitted, Ticked
from bot.domain.policy import May
from bot.errors import ConfigError
from bot.skill import Action, Command, Every, Form, Handler, Skill, Surface

ALWAYS = frozenset({"state", "people", "catalogue"})


def discover() -> tuple[Skill, ...]:
    """Every skill: the ``SKILL`` value of each folder's ``skill.py`` in ``skills/``."""
    names = sorted(module.name for module in pkgutil.iter_modules(skills.__path__) if module.ispkg)
    return tuple(importlib.import_module(f"skills.{name}.skill").SKILL for name in names)


@dataclass(frozen=True, slots=True)
class Bound:
    """A handler with the skill that it belongs to and what it takes to use it."""

    key: str
    skill: Skill
    handler: Handler
    may: May | None = None
    modal: bool = False


class Registry:
    """The skills, by what they answer to.

    ``have`` names the ports that this installation has; a skill that needs another one is refused, unless it is listed
    in ``optional``: then it is left out.
    """

    def __init__(self, found: Iterable[Skill], have: Iterable[str], optional: Sequence[str] = ()) -> None:
        have = frozenset(have) | ALWAYS
        self.skills: list[Skill] = []
        self.commands: dict[str, Command] = {}
        self.surfaces: dict[str, tuple[Skill, Surface]] = {}
        self.schedules: list[Every] = []
        self._bound: dict[str, Bound] = {}
        self._on: dict[type[Event], list[Bound]] = {}
        for skill in found:
            missing = sorted(set(skill.needs) - have)
            if missing and skill.name in optional:
                continue
            if missing:
                raise ConfigError(f"The skill {skill.name} needs {', '.join(missing)}, which nothing here provides.")
            self._add(skill)

    def _add(self, skill: Skill) -> None:
        self.skills.append(skill)
        for command in skill.commands:
            self._bind(f"command:{command.name}", skill, command)
            self.commands[command.name] = command
        for action in skill.actions:
            self._bind(f"action:{action.name}", skill, action)
        for form in skill.forms:
            self._bind(f"form:{form.callback}", skill, form)
        for surface in skill.surfaces:
            if surface.name in self.surfaces:
                other = self.surfaces[surface.name][0]
                raise ConfigError(f"The skills {other.name} and {skill.name} both render {surface.name}.")
            self.surfaces[surface.name] = (skill, surface)
        for on in skill.events:
            bound = Bound(f"on:{on.event.__name__}:{skill.name}", skill, on.handler)
            if bound.key in self._bound:
                raise ConfigError(f"The skill {skill.name} handles {on.event.__name__} twice.")
            self._bound[bound.key] = bound
            self._on.setdefault(on.event, []).append(bound)
        for every in skill.schedules:
            key = f"every:{every.name}"
            if key in self._bound:
                raise ConfigError(f"The skills {self._bound[key].skill.name} and {skill.name} both have {every.name}.")
            self._bound[key] = Bound(key, skill, every.handler)
            self.schedules.append(every)

    def _bind(self, key: str, skill: Skill, part: Command | Action | Form) -> None:
        if key in self._bound:
            raise ConfigError(f"The skills {self._bound[key].skill.name} and {skill.name} both have {key}.")
        self._bound[key] = Bound(key, skill, part.handler, part.may, getattr(part, "modal", False))

    def bound(self, key: str) -> Bound | None:
        """The handler with that key."""
        return self._bound.get(key)

    def takers(self, event: Event) -> list[Bound]:
        """Who handles an event: one for what a person did, any number for what happened."""
        match event:
            case CommandGiven():
                key = f"command:{event.name}"
            case Pressed():
                key = f"action:{event.action}"
            case Submitted():
                key = f"form:{event.callback}"
            case Ticked():
                key = f"every:{event.schedule}"
            case _:
                return self._on.get(type(event), [])
        one = self._bound.get(key)
        return [one] if one else []

    def opens_modal(self, action: str) -> bool:
        """Whether a press opens a modal, so that the trigger must be used at once."""
        one = self._bound.get(f"action:{action}")
        return one is not None and one.modal

    def has_command(self, name: str) -> bool:
        """Whether there is a command of that name."""
        return name in self.commands

    def of_incident(self, command: str) -> bool:
        """Whether a command is about one incident, as its usage says."""
        return command in self.commands and "<incident>" in self.commands[command].usage

    def usage(self) -> Mapping[str, Command]:
        """The commands by name, for help."""
        return dict(sorted(self.commands.items()))
