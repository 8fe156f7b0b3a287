"""Feature flags of a host, in its ``flags.yaml``, which the service reads again whenever it changes."""

from collections.abc import Mapping
from pathlib import Path

import yaml

FILE = "flags.yaml"
HEAD = "# Read again whenever it changes; no restart needed.\n"
ON, OFF = "on", "off"
DISCOUNT = "volume-discount"
FLAGS: Mapping[str, str] = {
    DISCOUNT: "a discount that grows with the basket",
    "gift-wrapping": "offers gift wrapping at the checkout",
    "new-receipt": "prints the receipt in the new layout",
}
USUAL: Mapping[str, str] = {DISCOUNT: OFF, "gift-wrapping": ON, "new-receipt": OFF}


def read_flags(folder: Path) -> dict[str, str]:
    """Each flag of the host with ``on`` or ``off``; empty where the file cannot be read just now."""
    try:
        read = yaml.safe_load((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError):
        return {}
    if not isinstance(read, dict):
        return {}
    # A bare on or off is a boolean in YAML.
    return {str(name): (ON if value in (True, ON) else OFF) for name, value in read.items()}


def write_flags(folder: Path, flags: Mapping[str, str]) -> None:
    """Write them, in one step."""
    fresh = folder / f"{FILE}.new"
    fresh.write_text(HEAD + "".join(f'{name}: "{state}"\n' for name, state in flags.items()), encoding="utf-8")
    fresh.replace(folder / FILE)
