"""Identifiers in the shapes that Slack gives them."""

import random
import string

_UPPER = string.ascii_uppercase + string.digits
_MIXED = string.ascii_letters + string.digits


class Ids:
    """Gives new identifiers. With a seeded ``rng`` they repeat from run to run."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._last_micros = 0

    def slack(self, prefix: str) -> str:
        """Such as ``C4K2…``: the prefix and ten uppercase letters and digits."""
        return prefix + "".join(self._rng.choices(_UPPER, k=10))

    def block(self) -> str:
        """Five characters, as Slack gives to a block without a ``block_id``."""
        return "".join(self._rng.choices(_MIXED, k=5))

    def secret(self) -> str:
        """32 hexadecimal digits."""
        return f"{self._rng.getrandbits(128):032x}"

    def envelope(self) -> str:
        """A UUID-shaped envelope id."""
        digits = self.secret()
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def trigger(self) -> str:
        """Three parts joined by dots."""
        return f"{self._rng.randrange(10**12, 10**13)}.{self._rng.randrange(10**11, 10**12)}.{self.secret()}"

    def timestamp(self, now: float) -> str:
        """A message's ``ts``: seconds and six digits, later than every one given before."""
        self._last_micros = max(int(now * 1_000_000), self._last_micros + 1)
        return f"{self._last_micros // 1_000_000}.{self._last_micros % 1_000_000:06d}"

    def after(self, ts: str) -> None:
        """Never give a ``ts`` at or before this one (for a workspace that is started again)."""
        seconds, _, micros = ts.partition(".")
        self._last_micros = max(self._last_micros, int(seconds) * 1_000_000 + int(micros or 0))
