"""Who and what is in a workspace at the start: people, channels, groups and the app."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml

from bot.errors import ConfigError

# What the stand-in can send; an app gets those that it subscribes to.
ALL_EVENTS = (
    "app_home_opened",
    "app_mention",
    "member_joined_channel",
    "message.channels",
    "message.groups",
    "message.im",
    "reaction_added",
    "reaction_removed",
)


@dataclass(frozen=True, slots=True)
class SeedPerson:
    """A person, or a bot other than the app when ``bot`` is set. ``name`` is the handle typed after ``@``."""

    id: str
    name: str
    real_name: str
    title: str = ""
    tz: str = "UTC"
    colour: str = "#4a6fa5"
    bot: bool = False

    @property
    def token(self) -> str:
        """The token with which another bot posts: ``xoxb-local-deploybot``. It opens nothing but this stand-in."""
        return f"xoxb-local-{self.name}"

    @property
    def bot_id(self) -> str:
        """Another bot's own id."""
        return f"B{self.id[1:]}"

    @property
    def app_id(self) -> str:
        """The id of another bot's app."""
        return f"A{self.id[1:]}"


@dataclass(frozen=True, slots=True)
class SeedChannel:
    """A channel. Without ``members`` everybody is in it, the app included."""

    id: str
    name: str
    topic: str = ""
    purpose: str = ""
    private: bool = False
    members: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class SeedGroup:
    """A user group, mentioned as ``@handle``."""

    id: str
    handle: str
    name: str
    users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SeedCommand:
    """A slash command with its help in the composer."""

    command: str
    description: str = ""
    usage_hint: str = ""


@dataclass(frozen=True, slots=True)
class SeedShortcut:
    """A shortcut: on a message, or on the workspace when ``on`` is ``global``."""

    callback_id: str
    name: str
    description: str = ""
    on: str = "message"


@dataclass(frozen=True, slots=True)
class Launcher:
    """A button in the page's *Try it* panel that types ``text`` as the current person, in ``channel`` if given."""

    label: str
    text: str
    description: str = ""
    channel: str = ""


@dataclass(frozen=True, slots=True)
class SeedApp:
    """The app under test. With ``request_url`` payloads are posted there, signed; otherwise Socket Mode is used."""

    id: str = "A0FETTLE"
    name: str = "Fettle"
    user: str = "U0FETTLE"
    bot_id: str = "B0FETTLE"
    description: str = "Finds the cause of an incident, walks you through the fix, and asks before it changes anything."
    commands: tuple[SeedCommand, ...] = (
        SeedCommand(
            "/fettle",
            "Incidents, causes, fixes and approvals",
            "incidents | show <id> | rca <id> | fix <id> | ack <id> | ask <question> | approvals | audit <id> | "
            "stop | resume",
        ),
    )
    shortcuts: tuple[SeedShortcut, ...] = (
        SeedShortcut("explain", "Explain this", "What this message is about, and what is known of it"),
    )
    events: tuple[str, ...] = ("app_home_opened", "app_mention", "message.channels", "message.groups", "message.im")
    bot_token: str = "xoxb-local-fettle"  # noqa: S105 - a made-up token that opens nothing but this stand-in
    app_token: str = "xapp-1-local-fettle"  # noqa: S105 - as above
    signing_secret: str = "local-signing-secret"  # noqa: S105 - as above
    request_url: str = ""


def _people() -> tuple[SeedPerson, ...]:
    return (
        SeedPerson("U0JUNIOR", "jun", "Jun Park", "Junior engineer", "Europe/Berlin", "#2f7d6d"),
        SeedPerson("U0SENIOR", "sena", "Sena Okafor", "Senior engineer", "Africa/Lagos", "#8a4f9e"),
        SeedPerson("U0APPROVER", "ada", "Ada Lindqvist", "Approver", "Europe/Stockholm", "#b0562b"),
        SeedPerson("U0MANAGER", "max", "Max Moreno", "Manager", "America/New_York", "#3c6ea8"),
        SeedPerson("U0OTHERBOT", "deploybot", "Deploy bot", "Another app", "UTC", "#5d6673", bot=True),
    )


def _channels() -> tuple[SeedChannel, ...]:
    return (
        SeedChannel("C0ALERTS", "alerts", "One living message per incident", "Where alerts become incidents"),
        SeedChannel("C0OPS", "ops", "Day to day", "Changes, handovers, questions"),
    )


def _groups() -> tuple[SeedGroup, ...]:
    return (
        SeedGroup("S0ONCALL", "oncall", "On call", ("U0JUNIOR",)),
        SeedGroup("S0SENIORS", "seniors", "Senior engineers", ("U0SENIOR",)),
        SeedGroup("S0APPROVERS", "approvers", "Approvers", ("U0APPROVER",)),
        SeedGroup("S0MANAGERS", "managers", "Managers", ("U0MANAGER",)),
    )


@dataclass(frozen=True, slots=True)
class Seed:
    """Everything a new workspace starts with. ``Seed()`` is the default one; vary it with ``dataclasses.replace``."""

    team_id: str = "T0LOCAL"
    team_name: str = "Local workspace"
    team_domain: str = "local"
    app: SeedApp = field(default_factory=SeedApp)
    people: tuple[SeedPerson, ...] = field(default_factory=_people)
    channels: tuple[SeedChannel, ...] = field(default_factory=_channels)
    groups: tuple[SeedGroup, ...] = field(default_factory=_groups)
    launchers: tuple[Launcher, ...] = (
        Launcher("What can Fettle do?", "/fettle help", "Lists every command"),
        Launcher("What is open?", "/fettle incidents", "Every open incident, newest first"),
    )

    def __post_init__(self) -> None:
        """Refuse ids that Slack would not give and references to nobody."""
        ids = [self.team_id, self.app.id, self.app.user, self.app.bot_id]
        ids += [thing.id for group in (self.people, self.channels, self.groups) for thing in group]
        for number, one in enumerate(ids):
            if not (one.isascii() and one.isalnum() and one == one.upper()):
                raise ConfigError(f"workspace seed: id {one!r} must be uppercase letters and digits, as Slack's are")
            if one in ids[:number]:
                raise ConfigError(f"workspace seed: id {one!r} is given twice")
        known = {person.id for person in self.people} | {self.app.user}
        for place, users in [(channel.name, channel.members or ()) for channel in self.channels] + [
            (group.handle, group.users) for group in self.groups
        ]:
            if strangers := set(users) - known:
                raise ConfigError(f"workspace seed: {place} names {', '.join(sorted(strangers))}, who is not in people")


_T = TypeVar("_T")


def _one(kind: type[_T], raw: Mapping[str, Any], place: str) -> _T:
    names = {item.name for item in fields(kind)}  # type: ignore[arg-type]  # only this module's dataclasses come here
    if unknown := set(raw) - names:
        raise ConfigError(f"{place}: unknown {', '.join(sorted(unknown))}; known are {', '.join(sorted(names))}")
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise ConfigError(f"{place}: {error}") from error


def _many(kind: type[_T], raw: object, place: str) -> tuple[_T, ...]:
    if not isinstance(raw, list) or not all(isinstance(item, dict) for item in raw):
        raise ConfigError(f"{place}: expected a list of mappings")
    return tuple(_one(kind, item, f"{place}[{number}]") for number, item in enumerate(raw))


def app_from_manifest(path: Path, app: SeedApp | None = None) -> SeedApp:
    """The app as Slack would install it from an app manifest (YAML): commands, shortcuts and subscribed events.

    Ids, tokens and what else a manifest does not say come from ``app``. Raises ConfigError.
    """
    app = app or SeedApp()
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        shown, features = raw["display_information"], raw["features"]
        events = raw.get("settings", {}).get("event_subscriptions", {}).get("bot_events", [])
        return replace(
            app,
            name=shown["name"],
            description=shown.get("description", ""),
            commands=tuple(
                SeedCommand(one["command"], one["description"], one.get("usage_hint", ""))
                for one in features.get("slash_commands", [])
            ),
            shortcuts=tuple(
                SeedShortcut(one["callback_id"], one["name"], one.get("description", ""), one["type"])
                for one in features.get("shortcuts", [])
            ),
            events=tuple(events),
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"app manifest {path}: is not one that can be read: {error!r}") from error


def load_seed(path: Path) -> Seed:
    """The seed in a YAML file; sections left out keep their defaults. Raises ConfigError naming the wrong place."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"workspace seed {path}: cannot be read: {error}") from error
    if raw is None:
        return Seed()
    if not isinstance(raw, dict):
        raise ConfigError(f"workspace seed {path}: expected a mapping at the top")
    raw = dict(raw)
    kinds: dict[str, type[Any]] = {
        "people": SeedPerson,
        "channels": SeedChannel,
        "groups": SeedGroup,
        "launchers": Launcher,
    }
    for key, kind in kinds.items():
        if key in raw:
            raw[key] = _many(kind, raw[key], f"{path}: {key}")
    if "app" in raw:
        app = dict(raw["app"])
        for key, kind in (("commands", SeedCommand), ("shortcuts", SeedShortcut)):
            if key in app:
                app[key] = _many(kind, app[key], f"{path}: app.{key}")
        raw["app"] = _one(SeedApp, app, f"{path}: app")
    return _one(Seed, raw, str(path))
