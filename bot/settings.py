"""The settings of the environment, read once. This is the only reader of ``os.environ``."""

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import unquote, urlsplit

from bot.errors import ConfigError

T = TypeVar("T")

SLACK_API = "https://slack.com/api/"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
FORMATS = ("auto", "json", "console")
WEBHOOK_PREFIX = "FETTLE_WEBHOOK_"
SECRET_PREFIX = "FETTLE_SECRET_"  # noqa: S105  # the beginning of a variable's name
KNOWN = (
    "FETTLE_CONFIG",
    "FETTLE_HOME",
    "FETTLE_DATABASE_URL",
    "FETTLE_HTTP_HOST",
    "FETTLE_HTTP_PORT",
    "FETTLE_AUDIT_KEY",
    "FETTLE_LOG_LEVEL",
    "FETTLE_LOG_FORMAT",
    "FETTLE_DATA",
    "FETTLE_DEMO_URL",
    "FETTLE_RECORDER",
)
TOKEN_KINDS = {"xoxb": "a bot token", "xapp": "an app-level token", "xoxp": "a user token", "xoxe": "a refresh token"}


class Secret:
    """A text that shows itself to nobody: only ``reveal`` gives it, so that each use of it stands out."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __str__(self) -> str:
        return "…"

    def __format__(self, spec: str) -> str:
        return format("…", spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> str:
        raise TypeError("A secret is not pickled.")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says.

    ``config`` is the folder with the configuration, None where there is none; ``home`` is where data goes;
    ``database_url`` is SQLAlchemy's, with an asynchronous driver; ``slack_api_url`` ends with a slash. ``unknown`` are
    warnings about ``FETTLE_`` variables that nothing reads. ``recorder`` is the database of the embedded recorder,
    asked where there is no Prometheus; ``demo_url`` is the control API of the demo's world.
    """

    home: Path
    database_url: str = field(repr=False)
    config: Path | None = None
    slack_bot_token: Secret | None = None
    slack_app_token: Secret | None = None
    slack_signing_secret: Secret | None = None
    slack_api_url: str = SLACK_API
    http_host: str = "127.0.0.1"
    http_port: int = 8080
    prometheus_url: str | None = field(default=None, repr=False)
    recorder: Path | None = None
    demo_url: str | None = None
    webhook_token: Secret | None = None
    audit_key: Secret | None = None
    openai_api_key: Secret | None = None
    openai_base_url: str | None = None
    openai_model: str | None = None
    log_level: str = "INFO"
    log_format: Literal["auto", "json", "console"] = "auto"
    unknown: tuple[str, ...] = ()
    more_secrets: Mapping[str, Secret] = field(default_factory=dict)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read every setting; empty counts as unset.

        Raises ``ConfigError`` with one line for each variable that is wrong: which, what was found, what is expected.
        """
        given = {name: value.strip() for name, value in (os.environ if environ is None else environ).items()}
        return _Reading({name: value for name, value in given.items() if value}).settings()

    @property
    def socket_mode(self) -> bool:
        """Whether Slack is spoken to over Socket Mode: when there is an app-level token."""
        return self.slack_app_token is not None

    @property
    def slack_is_slack(self) -> bool:
        """False when ``SLACK_API_URL`` names another server that speaks Slack's language."""
        return (urlsplit(self.slack_api_url).hostname or "").endswith("slack.com")

    def webhook_secret(self, variable: str) -> Secret | None:
        """The secret of a webhook source: that variable's, else ``FETTLE_WEBHOOK_TOKEN``'s."""
        return self.more_secrets.get(variable) or self.webhook_token

    def secret(self, name: str) -> Secret | None:
        """A secret that an action asks for by name: ``db_password`` is in ``FETTLE_SECRET_DB_PASSWORD``."""
        return self.more_secrets.get(SECRET_PREFIX + name.upper())

    def secrets(self) -> tuple[Secret, ...]:
        """Every secret among the settings, so that logs can be kept free of them."""
        urls = (urlsplit(url).password for url in (self.database_url, self.prometheus_url or ""))
        named = (
            self.slack_bot_token,
            self.slack_app_token,
            self.slack_signing_secret,
            self.webhook_token,
            self.audit_key,
            self.openai_api_key,
            *self.more_secrets.values(),
            *(Secret(form) for password in urls if password for form in {password, unquote(password)}),
        )
        return tuple(secret for secret in named if secret is not None)


class _Reading:
    """One reading of the environment, with everything that is wrong in it."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self._wrong: list[str] = []

    def settings(self) -> Settings:
        home = self._value("FETTLE_HOME", self._folder_to_be, Path(".fettle"))
        api = self._value("SLACK_API_URL", self._web_address, SLACK_API)
        settings = Settings(
            home=home,
            database_url=self._value(
                "FETTLE_DATABASE_URL", self._database, f"sqlite+aiosqlite:///{home.absolute() / 'fettle.db'}"
            ),
            config=self._value("FETTLE_CONFIG", self._folder, Path("fettle") if Path("fettle").is_dir() else None),
            slack_bot_token=self._token("SLACK_BOT_TOKEN", "xoxb", api),
            slack_app_token=self._token("SLACK_APP_TOKEN", "xapp", api),
            slack_signing_secret=self._secret("SLACK_SIGNING_SECRET"),
            slack_api_url=api.rstrip("/") + "/",
            http_host=self._given.get("FETTLE_HTTP_HOST", "127.0.0.1"),
            http_port=self._value("FETTLE_HTTP_PORT", self._port, 8080),
            prometheus_url=self._value("PROMETHEUS_URL", self._web_address, None),
            recorder=self._value("FETTLE_RECORDER", self._file, None),
            demo_url=self._value("FETTLE_DEMO_URL", self._web_address, None),
            webhook_token=self._secret("FETTLE_WEBHOOK_TOKEN"),
            audit_key=self._secret("FETTLE_AUDIT_KEY"),
            openai_api_key=self._secret("OPENAI_API_KEY"),
            openai_base_url=self._value("OPENAI_BASE_URL", self._web_address, None),
            openai_model=self._given.get("OPENAI_MODEL"),
            log_level=self._value("FETTLE_LOG_LEVEL", lambda text: self._one_of(text.upper(), LEVELS), "INFO"),
            log_format=self._value("FETTLE_LOG_FORMAT", self._format, "auto"),
            unknown=self._unknown(),
            more_secrets={
                name: Secret(value)
                for name, value in self._given.items()
                if name.startswith((WEBHOOK_PREFIX + "SECRET_", SECRET_PREFIX))
            },
        )
        if self._wrong:
            raise ConfigError("\n".join(self._wrong))
        return settings

    def _value(self, name: str, parse: Callable[[str], T], default: T) -> T:
        text = self._given.get(name)
        if text is None:
            return default
        try:
            return parse(text)
        except ValueError as wrong:
            self._wrong.append(f"{name}: {wrong}")
            return default

    def _secret(self, name: str) -> Secret | None:
        return Secret(self._given[name]) if name in self._given else None

    def _token(self, name: str, kind: str, api: str) -> Secret | None:
        secret = self._secret(name)
        hostname = urlsplit(api).hostname or ""
        if secret is None or not hostname.endswith("slack.com") or secret.reveal().startswith(f"{kind}-"):
            return secret
        found = TOKEN_KINDS.get(secret.reveal()[:4], "something else")
        self._wrong.append(f"{name}: found {found}, expected {TOKEN_KINDS[kind]}, which begins with {kind}-")
        return secret

    def _unknown(self) -> tuple[str, ...]:
        names = sorted(
            name
            for name in self._given
            if name.startswith("FETTLE_")
            and name not in KNOWN
            and name != WEBHOOK_PREFIX + "TOKEN"
            and not name.startswith((WEBHOOK_PREFIX + "SECRET_", SECRET_PREFIX))
        )
        near = {name: difflib.get_close_matches(name, (*KNOWN, WEBHOOK_PREFIX + "TOKEN"), 1) for name in names}
        return tuple(
            f"{name} is set, but nothing reads it" + (f"; did you mean {near[name][0]}?" if near[name] else "")
            for name in names
        )

    @staticmethod
    def _folder_to_be(text: str) -> Path:
        path = Path(text).expanduser()
        if path.exists() and not path.is_dir():
            raise ValueError(f"{text} is a file, expected a folder for Fettle's data")
        return path

    @staticmethod
    def _folder(text: str) -> Path:
        path = Path(text).expanduser()
        if not path.is_dir():
            raise ValueError(f"there is no folder {text}; `fettle init {text}` makes one to begin with")
        return path

    @staticmethod
    def _file(text: str) -> Path:
        path = Path(text).expanduser()
        if not path.is_file():
            raise ValueError(f"there is no file {text}; the recorder writes it while it runs")
        return path

    @staticmethod
    def _port(text: str) -> int:
        if not text.isdecimal() or int(text) > 65535:  # noqa: PLR2004  # the largest port there is
            raise ValueError(f"found “{text}”, expected a port from 0 (any free one) to 65535")
        return int(text)

    @staticmethod
    def _web_address(text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            shown = f"{parts.scheme}:…" if parts.scheme else "no scheme"
            raise ValueError(f"expected an address such as https://example.org, found {shown}")
        return text

    @staticmethod
    def _database(text: str) -> str:
        scheme, separator, rest = text.partition("://")
        drivers = {
            "sqlite": "sqlite+aiosqlite",
            "sqlite+aiosqlite": "sqlite+aiosqlite",
            "postgres": "postgresql+asyncpg",
            "postgresql": "postgresql+asyncpg",
            "postgresql+asyncpg": "postgresql+asyncpg",
        }
        if not separator or scheme not in drivers:
            raise ValueError(
                f"found {f'{scheme}://…' if separator else 'no address'}, expected sqlite+aiosqlite:///file "
                "or postgresql+asyncpg://user:password@host/name"
            )
        return f"{drivers[scheme]}://{rest}"

    @staticmethod
    def _one_of(text: str, choices: tuple[str, ...]) -> str:
        if text not in choices:
            raise ValueError(f"found “{text}”, expected one of {', '.join(choices)}")
        return text

    @classmethod
    def _format(cls, text: str) -> Literal["auto", "json", "console"]:
        match cls._one_of(text.lower(), FORMATS):
            case "json":
                return "json"
            case "console":
                return "console"
            case _:
                return "auto"
