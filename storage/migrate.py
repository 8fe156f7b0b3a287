"""Bringing the tables up to date: by Alembic, once, however many processes start at the same moment."""

import asyncio
import os
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy.exc import DBAPIError

from bot.errors import ConfigError
from storage.database import open_engine, parse

_LOCK = 0x66657474_6C65  # of PostgreSQL's advisory locks: the letters of the name


async def migrate(url: str) -> None:
    """Upgrade the database to what this version of Fettle needs; does nothing when it is there already.

    Raises ``ConfigError`` when the database cannot be reached or opened, or was written by a newer version.
    """
    await asyncio.to_thread(_see_the_place, url)
    await asyncio.to_thread(lambda: asyncio.run(_upgrade(url)))


async def check(url: str) -> None:
    """Raise ``ConfigError`` unless the database has exactly the tables that this version of Fettle needs."""
    await asyncio.to_thread(_see_the_place, url)
    engine = open_engine(url, writes=False)
    try:
        async with engine.connect() as connection:
            found = await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())
    except (DBAPIError, OSError) as error:
        raise _unreachable(url, error) from error
    finally:
        await engine.dispose()
    wanted = ScriptDirectory.from_config(_config()).get_current_head()
    if found != wanted:
        raise ConfigError(
            f"The database is at revision {found or 'none'} and this version of Fettle needs {wanted}. "
            "`fettle migrate` brings it there."
        )


async def _upgrade(url: str) -> None:
    engine = open_engine(url)
    try:
        async with engine.begin() as connection:
            # On SQLite the transaction began with the write lock, so that the second process waits here as well.
            if connection.dialect.name == "postgresql":
                await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            await connection.run_sync(_run)
    except (DBAPIError, OSError) as error:
        raise _unreachable(url, error) from error
    finally:
        await engine.dispose()


def _run(connection: sa.Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise ConfigError(
            f"The database was written by a newer version of Fettle, so this one leaves it alone ({error})."
        ) from error


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _see_the_place(url: str) -> None:
    """Raise ``ConfigError`` when SQLite's file cannot be there: its own message names neither file nor reason."""
    parsed = parse(url)
    if parsed.get_backend_name() != "sqlite":
        return
    file = Path(str(parsed.database)).absolute()
    if not file.parent.is_dir():
        raise ConfigError(
            f"The database {file} cannot be used: there is no folder {file.parent}. Make it, or name another."
        )
    for place in (file.parent, file):  # SQLite writes files beside its own
        if place.exists() and not os.access(place, os.R_OK | os.W_OK):
            raise ConfigError(f"The database {file} cannot be used: this account may not read and write {place}.")
    if file.is_dir():
        raise ConfigError(f"The database {file} cannot be used: it is a folder. Name a file in it.")


def _unreachable(url: str, error: Exception) -> ConfigError:
    shown = parse(url).render_as_string(hide_password=True)
    reason = getattr(error, "orig", error)
    return ConfigError(f"The database {shown} cannot be used: {reason}.")
