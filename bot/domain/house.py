"""How one installation is set up."""

from dataclasses import dataclass, field

from bot.domain.grouping import Grouping
from bot.domain.inhibition import Inhibition
from bot.domain.maintenance import Maintenance
from bot.domain.money import Budget, Prices


@dataclass(frozen=True, slots=True)
class ModelBounds:
    """What a model may cost. ``seconds`` bounds one question, ``steps`` how often the model is asked for it."""

    prices: Prices = field(default_factory=Prices)
    budget: Budget = field(default_factory=lambda: Budget(1.0, 10.0))
    seconds: float = 45.0
    steps: int = 6


@dataclass(frozen=True, slots=True)
class House:
    """How this installation is set up, as far as skills need to know.

    ``alerts_channel`` is where incidents show, ``approvals_channel`` where approvals are asked for; times in seconds.
    """

    alerts_channel: str
    approvals_channel: str
    command: str = "/fettle"
    escalate_after: float = 600.0
    escalate_role: str = "senior"
    approval_expires_after: float = 900.0
    search_window: float = 1800.0
    search_step: float = 15.0
    search_guard: float = 300.0
    mute_seconds: float = 3600.0
    grouping: Grouping = field(default_factory=Grouping)
    zone: str = "UTC"
    model: ModelBounds = field(default_factory=ModelBounds)
    inhibit: tuple[Inhibition, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
