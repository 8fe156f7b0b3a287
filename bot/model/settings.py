"""Which model is asked, and within which bounds."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.domain.money import Budget, Prices


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which model is asked, and within which bounds.

    ``base_url`` is None for OpenAI itself. ``seconds`` bounds a whole question, all of its steps together, and
    ``steps`` how often the model is asked for it. ``answer_tokens`` bounds what it may write at once,
    ``evidence_characters`` what it is shown at once. ``secrets`` are hidden word for word wherever they appear.
    """

    model: str
    api_key: str = field(repr=False)
    base_url: str | None = None
    prices: Prices = field(default_factory=Prices)
    budget: Budget = field(default_factory=Budget)
    seconds: float = 45.0
    steps: int = 6
    answer_tokens: int = 1_200
    evidence_characters: int = 40_000
    remembered: int = 256
    secrets: Sequence[str] = field(default=(), repr=False)
