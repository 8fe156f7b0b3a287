"""One question to a model, from its first turn to sentences that stand, or to the reason why there are none."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.domain.claims import ClaimReader
from bot.domain.grounding import Hostile, weigh
from bot.domain.model import NotTold, OnSentence, Piece, Sentence, Tool, Why
from bot.domain.prompt import Prompt, fenced
from bot.domain.redaction import Redaction, visible
from bot.domain.tool_arguments import fit
from bot.errors import FettleError
from bot.model.chat import OnText, Reply, Trouble, Turn, Wanted

LONGEST_PIECE = 4_000
LONGEST_READ = 12_000  # what is looked at for secrets before a text is cut further
MOST_SENTENCES = 24
CALLS_AT_ONCE = 4
STRIKES = 3
OWN_ID = re.compile(r"[A-Z]{1,3}\d{1,5}")

Exchange = Callable[[Sequence[Turn], Sequence[Tool], OnText | None], Awaitable[Reply | Trouble | NotTold]]


@dataclass
class Conversation:
    """One question, asked step by step through ``exchange``.

    What the model sees is redacted and fenced with ``fence``. Evidence has a short id towards the model; towards
    everybody else it keeps its own.
    """

    prompt: Prompt
    rules: Prompt
    tools: Sequence[Tool]
    fence: str
    redaction: Redaction
    exchange: Exchange
    steps: int
    room: int
    on_sentence: OnSentence | None = None
    sentences: list[Sentence] = field(default_factory=list)
    dropped: int = 0
    consulted: list[str] = field(default_factory=list)
    pieces: dict[str, Piece] = field(default_factory=dict)
    _raw: list[Sentence] = field(default_factory=list)
    _seen: dict[str, str] = field(default_factory=dict)
    _question: str = ""
    _hostile: str = ""
    _reader: ClaimReader = field(default_factory=ClaimReader)
    _looked: dict[tuple[str, str], str] = field(default_factory=dict)
    _strikes: int = 0

    async def run(self, values: Mapping[str, str], evidence: Mapping[str, str]) -> Trouble | NotTold | None:
        """Ask until ``sentences`` has the answer and give None, else the reason why there is no answer."""
        turns = self._opening(values, evidence)
        again = False
        for step in range(1, self.steps + 1):
            last = step == self.steps
            self._reader = ClaimReader()
            found = await self.exchange(turns, () if last else self.tools, self._hear if self.on_sentence else None)
            if isinstance(found, Trouble | NotTold):
                return found
            if not self.on_sentence:
                await self._hear(found.text)
            self._reader.end()
            wrong = self._judge(found)
            if wrong:
                return wrong
            if found.wanted:
                if last:
                    break
                turns += [Turn("model", found.text, found.wanted), *await self._look(found.wanted)]
                if self._strikes >= STRIKES:
                    return Trouble(Why.MALFORMED, "the model cannot use the tools: its arguments do not fit")
                continue
            if self.sentences:
                self.dropped += self._reader.broken
                return None
            wrong = self._nothing(found)
            if wrong or again or last:
                return wrong or Trouble(Why.MALFORMED, "what the model wrote is not in the form that was asked for")
            again = True
            turns += [Turn("model", found.text), Turn("user", self.rules.user)]
        return Trouble(Why.STEPS, f"the model found no answer within {self.steps} steps")

    def _opening(self, values: Mapping[str, str], evidence: Mapping[str, str]) -> list[Turn]:
        hidden = {name: self._hide(text) for name, text in values.items()}
        self._question = "\n".join(hidden.values())
        asked = self.prompt.fill(hidden, self.fence)
        given = self._take([Piece(id_, text) for id_, text in evidence.items()])
        system = f"{self.rules.system}\n\n{self.prompt.system}\n\nThe random word of this conversation is {self.fence}."
        if self.prompt.parts:
            system += f'\nEach sentence also has "part", one of: {", ".join(self.prompt.parts)}.'
        user = "\n\n".join(part for part in (asked, given, self.rules.user) if part)
        return [Turn("system", system), Turn("user", user)]

    def _hide(self, text: str) -> str:
        if len(text) > LONGEST_READ:  # half a secret would not be known for one: cut where a word ends
            text = text[: max(text.rfind(space, 0, LONGEST_READ) for space in " \n\t") + 1]
        return self.redaction.hide(text)

    def _take(self, pieces: Sequence[Piece]) -> str:
        """Take evidence in; gives it as the model shall see it. What there is no room for cannot be named either."""
        shown = []
        for piece in pieces:
            if self.room <= 0:
                shown.append("(There is more, and no room for it.)")
                break
            known = next((one for one, old in self.pieces.items() if old == piece), "")
            alias = known or self._alias(piece.id)
            text = self._seen.get(alias) or self._hide(piece.text)[: min(LONGEST_PIECE, self.room)]
            self.room -= len(text)
            self.pieces[alias], self._seen[alias] = piece, text
            shown.append(fenced(alias, text, self.fence))
        return "\n".join(shown)

    def _alias(self, own: str) -> str:
        if OWN_ID.fullmatch(own) and own not in self.pieces:
            return own
        return next(name for n in range(1, len(self.pieces) + 2) if (name := f"Q{n}") not in self.pieces)

    async def _hear(self, text: str) -> None:
        for claim in self._reader.feed(text):
            if self._hostile or len(self.sentences) >= MOST_SENTENCES:
                return
            # A server that sees our key can write it into an answer.
            claim = replace(claim, text=self.redaction.conceal(visible(claim.text)))  # noqa: PLW2901  # the same claim
            found = weigh(claim, self._seen, self._question, self.prompt.parts)
            if isinstance(found, Hostile):
                self._hostile = found.reason
            elif not isinstance(found, Sentence):
                self.dropped += 1
            elif all(found.text != one.text for one in self._raw):
                self._raw.append(found)
                cites = tuple(dict.fromkeys(self.pieces[alias].id for alias in found.cites))
                sentence = Sentence(self.redaction.show(found.text), cites, found.part)
                self.sentences.append(sentence)
                if self.on_sentence:
                    await self.on_sentence(sentence)

    def _judge(self, reply: Reply) -> Trouble | None:
        if reply.refusal:
            return Trouble(Why.REFUSED, "the model refused to answer")
        if self._hostile:
            return Trouble(Why.HOSTILE, f"the model did not keep to its task: {self._hostile}")
        known = {tool.name for tool in self.tools}
        if any(one.name not in known for one in reply.wanted):
            return Trouble(
                Why.HOSTILE, "the model did not keep to its task: it wanted to use a tool that it was not given"
            )
        return None

    def _nothing(self, reply: Reply) -> Trouble | None:
        """Why a reply without a sentence is the end of it, None where it may be mended by asking for the form again."""
        if self._reader.none:
            return Trouble(Why.UNSUPPORTED, "the model found no answer in the evidence")
        if self.dropped:
            return Trouble(Why.UNSUPPORTED, "nothing that the model wrote rests on the evidence")
        if not reply.text.strip():
            return Trouble(Why.REFUSED, "the model wrote nothing")
        if reply.cut:
            return Trouble(Why.MALFORMED, "the model wrote until its limit of tokens and was cut off")
        return None

    async def _look(self, wanted: Sequence[Wanted]) -> list[Turn]:
        looked = await asyncio.gather(*(self._look_up(one) for one in wanted[:CALLS_AT_ONCE]))
        refused = [f"Not done: at most {CALLS_AT_ONCE} look-ups at once."] * len(wanted[CALLS_AT_ONCE:])
        return [Turn("tool", text, of=one.id) for one, text in zip(wanted, [*looked, *refused], strict=True)]

    async def _look_up(self, wanted: Wanted) -> str:
        tool = next(one for one in self.tools if one.name == wanted.name)
        arguments = fit(tool, wanted.arguments)
        if isinstance(arguments, str):
            self._strikes += 1
            return f"Not done: {arguments}."
        key = (tool.name, repr(sorted(arguments.items())))
        if key in self._looked:
            return self._looked[key]
        self.consulted.append(
            f"{tool.name} {', '.join(f'{name}: {value}' for name, value in arguments.items())}".strip()
        )
        try:
            pieces = await tool.look(arguments)
        except FettleError as error:
            return fenced("failed", self._hide(str(error)), self.fence)
        self._looked[key] = self._take(pieces) if pieces else "Nothing was found."
        return self._looked[key]
