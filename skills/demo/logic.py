"""Which fault is meant. Pure."""

from collections.abc import Mapping
from difflib import get_close_matches

from bot.errors import Refused


def fault(word: str, faults: Mapping[str, str]) -> str:
    """The fault's name. Raises ``Refused`` with the nearest names for an unknown one."""
    if word in faults:
        return word
    near = get_close_matches(word, faults, n=2)
    guess = f" Did you mean {' or '.join(near)}?" if near else ""
    raise Refused(f"There is no fault “{word[:40]}”.{guess} There are: {', '.join(faults)}.")
