"""The language model as skills see it: every bound, every fallback, and what it all costs."""

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from bot.domain.model import NotTold, OnSentence, Rest, Spending, Told, Tool, Why
from bot.domain.money import tokens
from bot.domain.prompt import Prompt
from bot.domain.redaction import Redaction
from bot.domain.tool_arguments import checked
from bot.domain.wording import duration
from bot.errors import Stale, Transient
from bot.model.chat import Chat, OnText, Reply, Trouble, Turn
from bot.model.conversation import Conversation
from bot.model.settings import ModelSettings

log = structlog.get_logger(__name__)


class Model:
    """A language model that only words things.

    ``rules`` is the prompt that stands around every other one. ``chance`` gives a word that nobody can guess, a new
    one each time; ``steady`` gives seconds on a clock that never goes back. ``noted`` hears how each question ended.
    """

    def __init__(
        self,
        settings: ModelSettings,
        rules: Prompt,
        spending: Spending,
        rest: Rest,
        *,
        clock: Callable[[], datetime],
        steady: Callable[[], float],
        chance: Callable[[], str],
        noted: Callable[[str, Told | NotTold], None] = lambda _purpose, _told: None,
    ) -> None:
        self._settings, self._rules, self._spending, self._rest = settings, rules, spending, rest
        self._clock, self._steady, self._chance, self._noted = clock, steady, chance, noted
        self._chat = Chat(settings)
        self._known: OrderedDict[str, Told] = OrderedDict()

    async def close(self) -> None:
        """Close the connections to the model's server."""
        await self._chat.close()

    async def answer(
        self,
        prompt: Prompt,
        values: Mapping[str, str],
        evidence: Mapping[str, str],
        *,
        purpose: str,
        incident: int | None = None,
        on_sentence: OnSentence | None = None,
    ) -> Told | NotTold:
        """Put this evidence into words; the same question again is answered from memory."""
        if not evidence:
            return NotTold(Why.UNSUPPORTED, "there is no evidence to put into words")
        key = self._key(prompt, values, evidence)
        if key in self._known:
            self._known.move_to_end(key)
            told = replace(self._known[key], cost=0.0, seconds=0.0, cached=True)
            if on_sentence:
                for sentence in told.sentences:
                    await on_sentence(sentence)
            self._note(prompt, purpose, incident, told)
            return told
        found = await self.ask(
            prompt, values, (), evidence=evidence, purpose=purpose, incident=incident, on_sentence=on_sentence
        )
        if isinstance(found, Told):
            self._known[key] = found
            while len(self._known) > self._settings.remembered:
                self._known.popitem(last=False)
        return found

    async def ask(
        self,
        prompt: Prompt,
        values: Mapping[str, str],
        tools: Sequence[Tool],
        *,
        evidence: Mapping[str, str] | None = None,
        purpose: str,
        incident: int | None = None,
        on_sentence: OnSentence | None = None,
    ) -> Told | NotTold:
        """Answer, with look-ups if there are tools, within the bounds of the settings."""
        began = self._steady()
        bill = _Bill(self._settings, self._spending, incident, self._clock())
        talk = Conversation(
            prompt,
            self._rules,
            tuple(checked(tool) for tool in tools),
            self._chance(),
            Redaction((self._settings.api_key, *self._settings.secrets)),
            lambda turns, offered, on_text: self._exchange(turns, offered, prompt, bill, on_text),
            # Without tools there is nothing to go on with: one answer, and one more try at its form.
            self._settings.steps if tools else 2,
            self._settings.evidence_characters,
            on_sentence,
        )
        resting = self._rest.resting()
        wrong: Trouble | NotTold | None
        if resting:
            wrong = NotTold(Why.RESTING, resting)
        else:
            wrong = await self._within(talk, values, evidence or {})
        seconds = self._steady() - began
        found: Told | NotTold
        if wrong:
            found = NotTold(wrong.why, wrong.reason, talk.dropped, bill.cost, seconds)
        else:
            cited = dict.fromkeys(cite for sentence in talk.sentences for cite in sentence.cites)
            pieces = {piece.id: piece for piece in talk.pieces.values()}
            found = Told(
                tuple(talk.sentences),
                tuple(pieces[one] for one in cited),
                talk.dropped,
                self._settings.model,
                prompt.label,
                bill.cost,
                seconds,
                tuple(talk.consulted),
            )
        self._note(prompt, purpose, incident, found)
        return found

    async def _within(
        self, talk: Conversation, values: Mapping[str, str], evidence: Mapping[str, str]
    ) -> Trouble | NotTold | None:
        await self._chat.ready()
        limit = asyncio.timeout(self._settings.seconds)
        try:
            async with limit:
                wrong = await talk.run(values, evidence)
        except TimeoutError:
            if not limit.expired():
                raise
            wrong = Trouble(Why.SLOW, f"the model had no answer within {duration(self._settings.seconds)}", outage=True)
        if isinstance(wrong, Trouble) and wrong.outage:
            self._rest.failed(wrong.reason)
        elif not isinstance(wrong, NotTold):
            self._rest.worked()
        return wrong

    async def _exchange(
        self, turns: Sequence[Turn], tools: Sequence[Tool], prompt: Prompt, bill: "_Bill", on_text: OnText | None
    ) -> Reply | Trouble | NotTold:
        read = tokens([turn.text + "".join(one.arguments for one in turn.wanted) for turn in turns])
        read += tokens([json.dumps([tool.name, tool.description, dict(tool.parameters)]) for tool in tools])
        over = await bill.reserve(read)
        if over:
            return NotTold(Why.BUDGET, over)
        found = await self._chat.reply(turns, tools, None if tools else _form(prompt), on_text)
        await bill.settle(found)
        return found

    def _key(self, prompt: Prompt, values: Mapping[str, str], evidence: Mapping[str, str]) -> str:
        asked = [
            self._settings.model,
            self._rules.digest,
            prompt.digest,
            sorted(values.items()),
            list(evidence.items()),
        ]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()

    def _note(self, prompt: Prompt, purpose: str, incident: int | None, found: Told | NotTold) -> None:
        log.info(
            "asked the model",
            purpose=purpose,
            incident=incident,
            prompt=prompt.label,
            result=("cached" if found.cached else "told") if isinstance(found, Told) else found.why,
            reason="" if isinstance(found, Told) else found.reason,
            dropped=found.dropped,
            cost=round(found.cost, 6),
            seconds=round(found.seconds, 2),
        )
        self._noted(purpose, found)


class _Bill:
    """What one question costs. The most that a step can cost is set aside before it, and the rest given back after."""

    def __init__(self, settings: ModelSettings, spending: Spending, incident: int | None, now: datetime) -> None:
        self._settings, self._spending = settings, spending
        self._limits = settings.budget.limits(incident, now)
        self._aside = 0.0
        self._read = 0
        self.cost = 0.0

    async def reserve(self, read: int) -> str:
        """Set the price of one step aside; gives why that cannot be, empty when it can."""
        most = self._settings.prices.cost(read, self._settings.answer_tokens)
        for place, (scope, name, limit) in enumerate(self._limits, 1):
            try:
                total = await self._spending.add(scope, most)
            except (Transient, Stale) as error:
                return f"what was spent so far cannot be read: {error}"
            if limit is not None and (total > limit or limit <= 0):
                for back, _, _ in self._limits[:place]:
                    await self._spending.add(back, -most)
                return f"the budget of {name} is used up"
        self._aside, self._read = most, read
        self.cost += most
        return ""

    async def settle(self, found: Reply | Trouble) -> None:
        """Book what the step really cost: as the server counts, else as estimated."""
        prices = self._settings.prices
        if isinstance(found, Reply):
            written = found.written if found.written is not None else tokens([found.text])
            real = prices.cost(found.read if found.read is not None else self._read, written)
        else:
            real = self._aside if found.billed else 0.0
        self.cost += real - self._aside
        for scope, _, _ in self._limits:
            try:
                await self._spending.add(scope, real - self._aside)
            except (Transient, Stale):
                log.warning("what a model cost could not be booked; more than that is set aside", scope=scope)
        self._aside = 0.0


def _form(prompt: Prompt) -> dict[str, object]:
    text = {"type": "string"}
    sentence: dict[str, object] = {"text": text, "cites": {"type": "array", "items": text}}
    if prompt.parts:
        sentence["part"] = {"type": "string", "enum": list(prompt.parts)}
    one = {"type": "object", "properties": sentence, "required": list(sentence), "additionalProperties": False}
    return {
        "name": "sentences",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"sentences": {"type": "array", "items": one}},
            "required": ["sentences"],
            "additionalProperties": False,
        },
    }
