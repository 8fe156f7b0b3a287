"""Text from outside, made fit to be kept: no control characters, on one line where it is a name, never too long.

And patterns from the configuration, which are looked for in such text.
"""

import re
import unicodedata

LONGEST_NAME = 200
LONGEST_LINE = 500
LONGEST_TEXT = 4000

# A repeat inside a repeat can look for a match for ever in a text that somebody made for it.
_NESTED = re.compile(r"\((?:[^()\\]|\\.)*(?<!\\)[+*}](?:[^()\\]|\\.)*\)\s*(?:[+*]|\{\d*,)")
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn"}


def clean(value: object, limit: int) -> str:
    """A text from outside: no control, format or broken characters, at most ``limit`` long. Nothing for no text."""
    match value:
        case str():
            text = value[: limit * 4]
        case bool():
            return str(value).lower()
        case int():
            return str(value) if abs(value) < 10**30 else "a very large number"
        case float():
            return f"{value:.15g}"
        case _:
            return ""
    if not text.isprintable():
        text = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in _INVISIBLE)
    kept = text.strip()
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"


def line(value: object, limit: int = LONGEST_LINE) -> str:
    """A text from outside on one line."""
    return " ".join(clean(value, limit).split())


def web_address(value: object) -> str:
    """An http or https address, empty for anything else: it becomes a link that people press."""
    text = line(value, 2000)
    return text if re.fullmatch(r"https?://[^\s<>|\"'`]+", text) else ""


def pattern(text: str, flags: int = 0) -> re.Pattern[str]:
    """The pattern. Raises ``ValueError`` saying why it is none, or that hostile text could keep it busy for ever."""
    try:
        compiled = re.compile(text, flags)
    except re.error as wrong:
        raise ValueError(f"“{text[:60]}” is no pattern: {wrong}") from wrong
    if _NESTED.search(text):
        raise ValueError(f"“{text[:60]}” repeats what repeats itself, which can take for ever: write it without")
    return compiled
