"""A host of the demo as a folder: releases, the link to the current one, configuration, disk and data.

::

    pay-01/
        releases/2.30/release.py    releases/2.31/release.py
        current -> releases/2.30
        config.yaml                 log_level: info
        disk/                       logs and journal, of limited size
        data/                       the ledger
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from random import Random

import yaml

SOUND, LEAKING = "2.30", "2.31"
CONFIG = "# Read again whenever it changes; no restart needed.\nlog_level: {level}\n"
CARD_TABLE = 3_500_000  # bytes of ordinary data on the disk, so that it is not empty on a good day


def release_text(version: str) -> str:
    """The source of a release of the payment service."""
    name = f"v{version.replace('.', '_')}.py"
    return (files("bot.demo.releases") / name).read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Host:
    """One host. ``releases`` are the versions laid out on it, each with its source; none for a host without them."""

    name: str
    service: str
    folder: Path

    def lay_out(self, releases: Mapping[str, str], current: str, chance: Random) -> None:
        """Make everything as on a good day; what was on the disk is gone, the ledger stays."""
        shutil.rmtree(self.folder / "disk", ignore_errors=True)
        (self.folder / "disk").mkdir(parents=True)
        self.write_config("info")
        for version, text in releases.items():
            self.write_release(version, text)
        if releases:
            self.switch(current)
            (self.folder / "disk" / "cards.dat").write_bytes(chance.randbytes(CARD_TABLE))

    def tidy(self) -> None:
        """Remove every log and journal from the disk."""
        for file in (self.folder / "disk").iterdir():
            if file.name != "cards.dat":
                file.unlink(missing_ok=True)

    def write_release(self, version: str, text: str) -> None:
        """Put a release onto the host."""
        folder = self.folder / "releases" / version
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "release.py").write_text(text, encoding="utf-8")

    def read_release(self, version: str) -> str:
        """The source that is on the host; empty where there is none."""
        file = self.folder / "releases" / version / "release.py"
        return file.read_text(encoding="utf-8") if file.is_file() else ""

    def switch(self, version: str) -> None:
        """Point ``current`` at a release, in one step."""
        fresh = self.folder / "current.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(Path("releases") / version)
        fresh.replace(self.folder / "current")

    @property
    def version(self) -> str:
        """The release that ``current`` points at; empty where there is none."""
        link = self.folder / "current"
        return link.resolve().name if link.is_symlink() else ""

    @property
    def log_level(self) -> str:
        """What config.yaml asks for; empty where it cannot be read."""
        try:
            read = yaml.safe_load((self.folder / "config.yaml").read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError):
            return ""
        return str(read.get("log_level", "")) if isinstance(read, dict) else ""

    def write_config(self, level: str) -> None:
        """Write config.yaml."""
        (self.folder / "config.yaml").write_text(CONFIG.format(level=level), encoding="utf-8")
