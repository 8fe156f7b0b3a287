"""What a basket costs. Pure."""

from collections.abc import Mapping

from bot.demo.flags import DISCOUNT, ON

# From so many cents, below so many, percent off. The flaw that the flag brings: no rate between 20 and 60 €.
RATES = ((0, 20_00, 0), (60_00, 150_00, 3), (150_00, 10_000_00, 5))


class PriceError(Exception):
    """The basket has no price."""


def price(cents: int, flags: Mapping[str, str]) -> int:
    """What is charged for a basket worth so many cents. Raises ``PriceError`` where no discount rate covers it."""
    if flags.get(DISCOUNT) != ON:
        return cents
    for low, high, percent in RATES:
        if low <= cents < high:
            return cents * (100 - percent) // 100
    raise PriceError(f"{DISCOUNT} has no rate for a basket of {cents / 100:.2f} EUR")
