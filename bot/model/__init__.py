"""The language model behind its port: redacted, bounded in steps, time and money, and held to the evidence."""

from bot.model.model import Model
from bot.model.settings import ModelSettings
from bot.model.spending import Ledger

__all__ = ["Ledger", "Model", "ModelSettings"]
