"""Reads sentences with their evidence out of what a model writes, while it is still writing. Pure.

A sentence is a JSON object, ``{"text": "…", "cites": ["E1"]}``; one a line, in a list, or inside another object, all
read the same. What stands around the objects is not an answer and is left out.
"""

import json
from dataclasses import dataclass

LONGEST_OBJECT = 8_000


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence as the model wrote it, with the ids that it names. Nothing about it has been checked."""

    text: str
    cites: tuple[str, ...]
    part: str = ""


class ClaimReader:
    """Takes what a model writes in pieces of any size.

    ``broken`` counts objects that were no sentence. ``none`` tells that it said, in the form, that there is no answer.
    """

    def __init__(self) -> None:
        self._object = ""
        self._inside = False
        self._quoted = False
        self._escaped = False
        self.broken = 0
        self.none = False

    def feed(self, text: str) -> list[Claim]:
        """The sentences that are complete with this piece, in their order."""
        found = []
        for one in text:
            if self._quoted:
                self._object += one
                self._quoted = self._escaped or one != '"'
                self._escaped = not self._escaped and one == "\\"
            elif one == "{":  # an object that holds others is not a sentence: begin again with the inner one
                self._inside, self._object = True, one
            elif self._inside:
                self._object += one
                self._quoted = one == '"'
                if one == "}":
                    found += self._take()
            if len(self._object) > LONGEST_OBJECT:
                self.broken += 1
                self._reset()
        return found

    def end(self) -> None:
        """Nothing follows: an object that is still open is broken."""
        self.broken += bool(self._object.strip("{ \n"))
        self._reset()

    def _take(self) -> list[Claim]:
        text = self._object
        self._reset()
        try:
            found = json.loads(text, strict=False)
        except (ValueError, RecursionError):
            self.broken += 1
            return []
        if found == {"sentences": []}:
            self.none = True
            return []
        claim = _claim(found)
        self.broken += claim is None
        return [claim] if claim else []

    def _reset(self) -> None:
        self._object, self._inside, self._quoted, self._escaped = "", False, False, False


def _claim(found: object) -> Claim | None:
    if not isinstance(found, dict) or not isinstance(found.get("text"), str) or not found["text"].strip():
        return None
    cites = found.get("cites", [])
    cites = [cites] if isinstance(cites, str) else cites
    if not isinstance(cites, list) or not all(isinstance(one, str) for one in cites):
        return None
    part = found.get("part", "")
    return Claim(found["text"], tuple(one.strip().strip("[]") for one in cites), part if isinstance(part, str) else "")
