"""How Fettle writes: times, durations, numbers with units, and text from outside made harmless for Slack."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime

from bot.domain.redaction import without_secrets

SECONDS_A_MINUTE, SECONDS_AN_HOUR, SECONDS_A_DAY = 60, 3600, 86400


def quiet(text: str, limit: int = 300) -> str:
    """Text from outside as it may be shown in Slack: no secrets, no control characters, nothing that pings or links.

    It is not longer than ``limit``. What looks like a secret is hidden, whoever wrote it there. Ampersand and angle
    brackets are escaped as Slack asks, so that ``<!channel>`` is shown and pings nobody; bare ``@here`` and the like
    get an invisible joint for clients that would complete them.
    """
    escaped = _kept(text, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"@(?=(here|channel|everyone)\b)", "@\u2060", escaped)


def _kept(text: str, limit: int) -> str:
    # Twice what can be shown is enough to see a secret that begins within it.
    near = text[: 2 * limit + 2_000]
    # Characters that nobody sees go first: they could stand within a secret.
    seen = "".join(c for c in near if c == "\n" or unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn"})
    kept = without_secrets(seen)
    return kept[: max(limit - 1, 0)] + "…" if len(kept) > limit or len(near) < len(text) else kept


def brief(text: str, limit: int = 300) -> str:
    """Text from outside on one line, to be kept: cut and without secrets, but not escaped. Whoever shows it does that.

    To escape what is shown twice would show the escapes.
    """
    return _kept(" ".join(text.split()), limit)


def line(text: str, limit: int = 300) -> str:
    """``quiet`` text on one line, with characters that Slack would read as markup at its edges left alone.

    A code block that begins in it ends in it: nothing that stands behind it becomes code.
    """
    told = quiet(" ".join(text.split()), limit)
    return told.replace("```", "ʼʼʼ") if told.count("```") % 2 else told


def code(text: str, limit: int = 2400) -> str:
    """Text as a code block that it cannot break out of."""
    return "```" + quiet(text, limit).replace("```", "ʼʼʼ").strip("\n") + "```"


def inline(text: str, limit: int = 300) -> str:
    """Text as inline code that it cannot break out of."""
    return "`" + line(text, limit).replace("`", "ʼ") + "`"


def clock(at: datetime) -> str:
    """A time of day in the reader's own zone (Slack fills it in), with UTC for clients that cannot."""
    return f"<!date^{int(at.timestamp())}^{{time}}|{at:%H:%M} UTC>"


def moment(at: datetime) -> str:
    """Date and time in the reader's own zone."""
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{at:%d %b %H:%M} UTC>"


def plain_clock(at: datetime) -> str:
    """A time of day for texts without markup, in UTC."""
    return f"{at:%H:%M} UTC"


def duration(seconds: float) -> str:
    """A duration in the largest unit that reads well: ``0.4 s``, ``42 s``, ``6 min``, ``2 h 5 min``, ``3 d``."""
    seconds = max(seconds, 0.0)
    if seconds < 10:  # noqa: PLR2004  # below ten seconds the tenth matters
        return f"{seconds:.1f} s".replace(".0 s", " s")
    if seconds < 2 * SECONDS_A_MINUTE:
        return f"{seconds:.0f} s"
    if seconds < SECONDS_AN_HOUR:
        return f"{seconds / SECONDS_A_MINUTE:.0f} min"
    if seconds < SECONDS_A_DAY:
        hours, rest = divmod(int(seconds), SECONDS_AN_HOUR)
        minutes = rest // SECONDS_A_MINUTE
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{seconds / SECONDS_A_DAY:.0f} d"


def measure(value: float | None, unit: str) -> str:
    """A value with its unit: ``4.8 %`` for a ratio, ``210 ms``, ``50``, ``1.2 GB``; a dash when there is none."""
    if value is None:
        return "–"
    match unit:
        case "ratio":
            return f"{_short(value * 100)} %"
        case "seconds" | "s":
            return f"{_short(value * 1000)} ms" if abs(value) < 1 else f"{_short(value)} s"
        case "bytes":
            for name in ("B", "kB", "MB", "GB"):
                if abs(value) < 1000:  # noqa: PLR2004  # decimal prefixes
                    return f"{_short(value)} {name}"
                value /= 1000
            return f"{_short(value)} TB"
        case _:
            return f"{_short(value)} {unit}".strip()


def _short(value: float) -> str:
    if value == 0:
        return "0"
    if abs(value) >= 100:  # noqa: PLR2004  # three digits carry no decimals
        return f"{value:.0f}"
    return f"{value:.2g}" if abs(value) < 10 else f"{value:.3g}"  # noqa: PLR2004  # two or three digits


def percent(share: float) -> str:
    """A share of one as whole percent."""
    return f"{share * 100:.0f} %"


def told(text: str, limit: int = 300) -> str:
    """One of Fettle's own sentences on one line: like ``line``, but people in it stay named."""
    return re.sub(r"&lt;(@[UW][A-Z0-9]+)&gt;", r"<\1>", line(text, limit))


def link(url: str | None, words: str) -> str:
    """Words that lead somewhere; just the words where the address could be anything but a plain web address."""
    plain = re.fullmatch(r"https?://[^\s<>|]{1,2000}", url or "")
    return f"<{url}|{words}>" if plain else words


def dot(severity: str) -> str:
    """A severity's coloured dot."""
    return {"critical": ":red_circle:", "warning": ":large_orange_circle:"}.get(severity, ":large_blue_circle:")


def listed(words: Sequence[str], most: int = 4) -> str:
    """Words with commas, the rest counted."""
    shown = ", ".join(words[:most])
    return f"{shown} and {len(words) - most} more" if len(words) > most else shown


def plural(count: int, word: str) -> str:
    """``1 alert``, ``3 alerts``."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
