"""What of what stood in Slack must not have stood there.

It is read exactly as Slack reads it: what is markup, what calls people, what nobody should see.
"""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.benchmarks.hostile import BYSTANDER, SECRETS

_BROADCAST = re.compile(
    r"<\s*!\s*(?:channel|here|everyone|subteam\^)[^>]*>|@(?:here|channel|everyone)\b", re.IGNORECASE
)
_STRANGE_LINK = re.compile(r"<[^<>|]*(?:evil\.example|javascript:)[^<>]*>", re.IGNORECASE)
_ENTITY = re.compile(r"<(?:@[UW]\w+|#C\w+(?:\|[^<>]*)?|!date\^\d+\^[^<>]*|https?://[^<>|\s]+(?:\|[^<>]*)?)>")
_UNSEEN = re.compile(r"[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


@dataclass
class Flaws:
    """What is wrong with what was shown; each finding names where it stood."""

    pings: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def read(self, where: str, body: object) -> None:
        """Look at one message, view or file as Slack got it."""
        for text, markup in texts(body):
            if markup:
                # With blocks, a message's own text is only what notifications say.
                shown = not (isinstance(body, dict) and body.get("blocks") and text == body.get("text"))
                self._markup(where, text, shown=shown)
            if found := _UNSEEN.search(text):
                self.broken.append(f"{where}: the character {found[0]!r} in {text[:80]!r}")
        told = json.dumps(body, ensure_ascii=False)
        self.secrets += [f"{where}: {one} in {told[max(told.find(one) - 60, 0) :][:120]!r}" for one in secrets_in(told)]

    def _markup(self, where: str, text: str, *, shown: bool) -> None:
        called = [*_BROADCAST.findall(text), *re.findall(rf"<@{BYSTANDER}[^>]*>", text)]
        self.pings += [f"{where}: {one} in {text[:120]!r}" for one in called]
        self.links += [f"{where}: {one}" for one in _STRANGE_LINK.findall(text)]
        if shown and text.count("```") % 2:
            self.broken.append(f"{where}: a code block without its end in {text[-80:]!r}")
        rest = _ENTITY.sub("", text)
        if "<" in rest or re.search(r"&(?!amp;|lt;|gt;)", rest):
            self.broken.append(f"{where}: not escaped: {rest[max(rest.find('<') - 20, 0) :][:80]!r}")


def secrets_in(text: str) -> list[str]:
    """The secrets in a text, however often and in whichever of Slack's, JSON's and URLs' ways of writing them."""
    seen = {text, html.unescape(text), text.replace("\\/", "/"), _UNSEEN.sub("", text.replace("\u2060", ""))}
    return [secret for secret in SECRETS if any(secret in one for one in seen)]


def texts(body: object) -> Iterator[tuple[str, bool]]:
    """Every text of a message or view, and whether Slack reads it as markup."""
    if isinstance(body, list):
        for one in body:
            yield from texts(one)
    elif isinstance(body, dict):
        plain = body.get("type") in {"plain_text", "image", "plain_text_input", "text"}
        for name, value in body.items():
            if isinstance(value, str):
                if name in {"text", "alt_text", "title", "initial_value", "fallback", "value"}:
                    yield value, name == "text" and not plain
            elif name != "metadata":
                yield from texts(value)
