"""What a bot's message says, as the parts that a reader sees: a title, the text below it, a colour, a link. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.domain.received import LONGEST_LINE, LONGEST_TEXT, clean, line, web_address
from bot.slack.payloads import Body, plain

MOST_PARTS = 20
GREENS, REDS = frozenset({"good"}), frozenset({"danger", "warning"})
_BEFORE = re.compile(r"(?:\s|[*_~`]|:[a-z0-9_+-]{1,40}:|[\U0001F000-\U0001FAFF\u2190-\u2BFF\uFE0F])+")
_PAIR = re.compile(r"^[\s•·>-]*(?P<key>[A-Za-z_][\w .-]{0,38}[\w]|[A-Za-z])\s*[=:]\s+(?P<value>\S.*)$")
_GIVEN = re.compile(r"^[\s•·>-]*(?P<key>[A-Za-z_][\w.-]{0,39})=(?P<value>\S.*)$")
_STARS = re.compile(r"[*`]")


@dataclass(frozen=True, slots=True)
class Part:
    """One attachment, or the message itself where it has none. ``colour`` is ``green``, ``red`` or empty."""

    title: str
    text: str
    colour: str = ""
    url: str = ""

    @property
    def pairs(self) -> dict[str, str]:
        """Lines such as ``Severity: critical`` or ``- alertname = DiskFull``, by their keys in small letters."""
        found: dict[str, str] = {}
        for one in self.text.splitlines()[:400]:
            known = pair(one)
            if known and known[0] not in found and len(found) < 40:  # noqa: PLR2004  # more are no labels
                found[known[0]] = known[1]
        return found


def pair(written: str) -> tuple[str, str] | None:
    """The key, in small letters, and the value of such a line."""
    text = _STARS.sub("", written[:LONGEST_LINE]).strip()
    found = _PAIR.match(text) or _GIVEN.match(text)
    return (re.sub(r"\s+", "_", found["key"].lower()), line(found["value"])) if found else None


def parts(message: Body) -> tuple[Part, ...]:
    """The message's parts, in their order; at most twenty."""
    own = _lines(message.get("text"), message.get("blocks"))
    attached = [one for one in _listed(message.get("attachments"))[:MOST_PARTS] if isinstance(one, Mapping)]
    found = [part for part in (_attachment(one) for one in attached) if part.title or part.text]
    if not found:
        return (_part(own, "", "", ""),)
    if len(found) == 1 and not found[0].title:
        return (_part(own + found[0].text.splitlines(), "", found[0].colour, found[0].url),)
    return tuple(found)


def _attachment(one: Mapping[str, Any]) -> Part:
    fields = [
        f"{field.get('title', '')}: {field.get('value', '')}"
        for field in _listed(one.get("fields"))
        if isinstance(field, Mapping)
    ]
    lines = _lines(one.get("text"), one.get("blocks")) + [told(field) for field in fields]
    pretext = _lines(one.get("pretext"), None)
    if not lines and not pretext and not one.get("title"):
        lines = _lines(one.get("fallback"), None)
    title = told(one.get("title"))
    return _part(pretext + lines, title, _colour(one.get("color")), web_address(one.get("title_link")))


def _part(lines: list[str], title: str, colour: str, url: str) -> Part:
    kept = [one for one in lines if one.strip()]
    first = _bare(title) or _bare(next(iter(kept), ""))
    rest = kept if _bare(title) else kept[1:]
    return Part(line(first), clean("\n".join(rest), LONGEST_TEXT), colour, url)


def _lines(text: object, blocks: object) -> list[str]:
    """The lines of a text, and of blocks where they say something else."""
    said = told(text).splitlines()
    known = "\n".join(said)
    for one in _texts(blocks):
        written = told(one)
        if written and written not in known:
            said += written.splitlines()
    return said


def _texts(blocks: object) -> Iterator[str]:
    """The texts of blocks, however deep, what stands in one line of rich text as one."""
    if isinstance(blocks, list):
        for one in blocks:
            yield from _texts(one)
    elif isinstance(blocks, Mapping):
        if blocks.get("type") in ("rich_text_section", "rich_text_preformatted", "rich_text_quote"):
            inner = [one for one in _listed(blocks.get("elements")) if isinstance(one, Mapping)]
            yield "".join(str(one.get("text") or one.get("url") or "") for one in inner)
            return
        if isinstance(blocks.get("text"), str) and blocks.get("type") != "button":
            yield blocks["text"]
        for name in ("text", "fields", "elements", "accessory"):
            if not isinstance(blocks.get(name), str) and blocks.get("type") != "button":
                yield from _texts(blocks.get(name))


def told(text: object) -> str:
    """A text of Slack's as it was typed, cleaned."""
    return clean(plain(clean(text, 2 * LONGEST_TEXT)), LONGEST_TEXT)


def _bare(text: str) -> str:
    """A title without emoji and markup around it."""
    found = _BEFORE.match(text[:LONGEST_LINE])
    return text[found.end() if found else 0 : LONGEST_LINE].rstrip(" *_~`\n\t")


def _colour(value: object) -> str:
    text = line(value, 20).lower()
    if text in GREENS:
        return "green"
    if text in REDS:
        return "red"
    found = re.fullmatch(r"#?([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})", text)
    if found is None:
        return ""
    red, green, blue = (int(one, 16) for one in found.groups())
    if green > 1.2 * red and green > 1.1 * blue:
        return "green"
    return "red" if red > 1.2 * green and red > blue else ""


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
