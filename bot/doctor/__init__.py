"""``fettle doctor``: checks every setting, file and connection, and says how to mend what is wrong."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

from bot.config import Config, examine
from bot.doctor import local, prometheus, slack
from bot.doctor.finding import Finding, State, broken, fine, odd
from bot.errors import ConfigError
from bot.settings import Settings

__all__ = ["Finding", "State", "check"]

SECONDS = 30.0

CheckDatabase = Callable[[str], Awaitable[None]]


async def check(settings: Settings, database: CheckDatabase, *, seconds: float = SECONDS) -> list[Finding]:
    """Every finding, in the order in which a person would mend things.

    ``database`` raises ``ConfigError`` unless the database at that address has the tables that are needed. A part that
    takes longer than ``seconds`` is broken.
    """
    config, findings = _configuration(settings.config)
    parts: Mapping[str, Callable[[], Awaitable[list[Finding]]]] = {
        "home": partial(local.home, settings),
        "database": partial(local.tables, settings, database),
        "port": partial(local.port, settings),
        "slack": partial(slack.check, settings, config),
        "prometheus": partial(prometheus.check, settings, config),
        "packages": local.packages,
    }
    answers = await asyncio.gather(*(_in_time(name, part, seconds) for name, part in parts.items()))
    return [*local.variables(settings, config), *findings, *(one for answer in answers for one in answer)]


async def _in_time(name: str, part: Callable[[], Awaitable[list[Finding]]], seconds: float) -> list[Finding]:
    try:
        async with asyncio.timeout(seconds):
            return await part()
    except TimeoutError:
        return [broken(name, f"did not answer within {seconds:g} s", "See whether it is reachable from this machine.")]


def _configuration(folder: Path | None) -> tuple[Config | None, list[Finding]]:
    if folder is None:
        mend = "`fettle init fettle` writes a folder to begin with; FETTLE_CONFIG names another place."
        return None, [broken("configuration", "there is none", mend)]
    try:
        config, problems = examine(folder)
    except ConfigError as wrong:
        return None, [broken("configuration", str(wrong), "")]
    odds = [odd("configuration", warning) for warning in config.warnings]
    if problems.errors:
        wrong_lines = [broken("configuration", str(one), "") for one in sorted(problems.errors)]
        return config, [*wrong_lines, *odds]
    return config, [fine("configuration", f"{folder} is right: {config.summary}"), *odds]
