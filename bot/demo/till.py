"""What a release of the payment service works with, and how the release that a host points at is loaded."""

import importlib.util
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from bot.demo.ledger import Ledger
from bot.demo.pool import Pool


@dataclass(frozen=True, slots=True)
class Order:
    """What shall be paid. ``cents`` is in hundredths of a euro."""

    id: str
    cents: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of it: ``paid`` or ``review``."""

    number: int
    state: str


@dataclass(frozen=True, slots=True)
class Tools:
    """What a release may use.

    ``journal`` raises ``OSError`` when the disk is full; ``authorise`` asks the card network.
    """

    pool: Pool
    ledger: Ledger
    journal: Callable[[str, int], None]
    authorise: Callable[[Order], Awaitable[None]]


class Release(Protocol):
    """A release's module."""

    VERSION: str

    async def pay(self, order: Order, tools: Tools) -> Receipt:
        """Take one payment."""
        ...


def load_release(folder: Path) -> Release:
    """Load ``release.py`` from a release's folder. Raises ``ImportError`` naming the file when it is no release."""
    file = folder.resolve() / "release.py"
    spec = importlib.util.spec_from_file_location("release", file)
    if spec is None or spec.loader is None or not file.is_file():
        raise ImportError(f"{file}: there is no such release; `current` must point at a folder with a release.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, "VERSION") or not hasattr(module, "pay"):
        raise ImportError(f"{file}: expected VERSION and pay(order, tools)")
    return cast("Release", module)
