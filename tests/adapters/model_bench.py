"""A model of Fettle's in front of the stand-in, for tests."""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from bot.domain.model import Arguments, NotTold, Piece, Sentence, Told, Tool
from bot.domain.prompt import Prompt
from bot.errors import FettleError
from bot.model import Ledger, Model, ModelSettings
from bot.sources.breaker import Breaker
from prompts.loader import load
from tests.builders import NOW
from tests.standin_model import StandIn, standing_in

KEY = "sk-fettle-own-key-0123456789"
QUESTION = {"question": "Why is payment slow?", "context": "INC-214"}
EVIDENCE = {
    "E1": "The payment pool is in use 50 of 50 since 14:01. More follows.",
    "runbooks/pool.md#full@1": "Roll back the last deploy of payment. Ask anna@shop.example first.",
}
PLAIN = ModelSettings("small-1", KEY)
TEXT = {"type": "object", "properties": {"query": {"type": "string", "maxLength": 100}}, "required": ["query"]}


@dataclass
class Bench:
    """The model, its stand-in, and what there is to look at afterwards."""

    model: Model
    standin: StandIn
    ledger: Ledger
    prompts: Mapping[str, Prompt]
    noted: list[tuple[str, Told | NotTold]]
    heard: list[Sentence]

    async def hear(self, sentence: Sentence) -> None:
        self.heard.append(sentence)

    async def answer(
        self,
        evidence: Mapping[str, str] = EVIDENCE,
        *,
        prompt: str = "answer",
        values: Mapping[str, str] = QUESTION,
        incident: int | None = 214,
        stream: bool = False,
    ) -> Told | NotTold:
        return await self.model.answer(
            self.prompts[prompt],
            values,
            evidence,
            purpose="test",
            incident=incident,
            on_sentence=self.hear if stream else None,
        )

    async def ask(
        self, *tools: Tool, values: Mapping[str, str] = QUESTION, prompt: str = "ask", stream: bool = False
    ) -> Told | NotTold:
        return await self.model.ask(
            self.prompts[prompt], values, tools, purpose="test", on_sentence=self.hear if stream else None
        )


@asynccontextmanager
async def bench(settings: ModelSettings = PLAIN, steady: Callable[[], float] = time.monotonic) -> AsyncIterator[Bench]:
    """A model in front of a stand-in; an address in ``settings`` leads elsewhere."""
    words = iter(f"f00d{number:012x}" for number in range(1_000))
    noted: list[tuple[str, Told | NotTold]] = []
    async with standing_in() as standin:
        prompts, ledger = load(), Ledger()
        model = Model(
            replace(settings, base_url=settings.base_url or standin.url),
            prompts["rules"],
            ledger,
            Breaker(steady),
            clock=lambda: NOW,
            steady=steady,
            chance=lambda: next(words),
            noted=lambda purpose, told: noted.append((purpose, told)),
        )
        try:
            yield Bench(model, standin, ledger, prompts, noted, [])
        finally:
            await model.close()


def looks_up(
    pieces: Sequence[Piece], name: str = "search", seen: list[Arguments] | None = None, error: FettleError | None = None
) -> Tool:
    """A tool that finds these pieces, or fails, whatever it is asked; ``seen`` collects what that was."""

    async def look(arguments: Arguments) -> Sequence[Piece]:
        if seen is not None:
            seen.append(arguments)
        if error:
            raise error
        return pieces

    return Tool(name, "Looks something up.", TEXT, look)
