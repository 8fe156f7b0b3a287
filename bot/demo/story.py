"""The story without a person: the same presses that a junior and an approver would make, each stage with its time."""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.demo.stage import Stage
from bot.errors import FettleError
from bot.workspace.person import Person
from bot.workspace.seen import SeenMessage

JUNIOR, APPROVER = "U0JUNIOR", "U0APPROVER"
ALERT_SECONDS, CAUSE_SECONDS, STEP_SECONDS, FIX_SECONDS, CALM_SECONDS = 60.0, 45.0, 45.0, 90.0, 60.0
BASELINE_SECONDS = 60.0
CAUSES = {
    "pool-leak": re.compile(r"payment.*2\.31", re.IGNORECASE),
    "disk-full": re.compile(r"payment.*disk|disk.*payment", re.IGNORECASE),
    "slow-dependency": re.compile(r"^(?!.*\bdeploy\b).*payment", re.IGNORECASE),
    "bad-flag": re.compile(r"shop.*volume-discount|volume-discount.*shop", re.IGNORECASE),
    "certificate-expiring": re.compile(r"shop.*certificate|certificate.*shop", re.IGNORECASE),
    "stubborn-leak": re.compile(r"payment.*2\.31", re.IGNORECASE),
}

Tell = Callable[[str, float, str], None]


@dataclass
class Told:
    """How a story went. ``seconds`` since the service was broken, by stage."""

    fault: str
    resolved: bool = False
    cause_correct: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    why: str = ""


class Story:
    """Plays one fault on a stage that is up. ``tell`` gets each stage's name, its seconds and what was seen."""

    def __init__(self, stage: Stage, fault: str, tell: Tell) -> None:
        self._stage, self._fault, self._tell = stage, fault, tell
        self._told = Told(fault)
        self._began = 0.0

    async def play(self) -> Told:
        """From the first sign of trouble to a resolved incident, or as far as it goes."""
        async with Person(self._stage.url, JUNIOR) as junior, Person(self._stage.url, APPROVER) as approver:
            try:
                await self._play(junior, approver)
            except FettleError as trouble:
                self._told.why = str(trouble)
        return self._told

    async def _play(self, junior: Person, approver: Person) -> None:
        await self._baseline()
        known = {message.ts for message in await junior.messages()}
        self._began = time.monotonic()
        await junior.command(f"/fettle demo break {self._fault}")
        await self._alert()
        message = await junior.wait_for(
            lambda m: m.ts not in known and "INC-" in m.all_text and not m.thread_ts, timeout=ALERT_SECONDS
        )
        self._stage_done("message", message.text)
        message = await self._cause(junior, message)
        await junior.press(message, "Acknowledge")
        await junior.press(message, "Start guided fix")
        await self._fix(junior, approver, message)
        await self._calm()

    async def _baseline(self) -> None:
        until = time.monotonic() + BASELINE_SECONDS
        while time.monotonic() < until:
            status = await self._stage.status()
            if status["baseline"] and not status["alerts"] and not status["faults"]:
                return
            await asyncio.sleep(0.5)
        raise FettleError("The demo's service did not become calm, so nothing was broken.")

    async def _alert(self) -> None:
        until = time.monotonic() + ALERT_SECONDS
        while time.monotonic() < until:
            alerts = (await self._stage.status())["alerts"]
            if alerts:
                self._stage_done("alert", ", ".join(alerts))
                return
            await asyncio.sleep(0.25)
        raise FettleError(f"No alert fired within {ALERT_SECONDS:.0f} s.")

    async def _cause(self, junior: Person, message: SeenMessage) -> SeenMessage:
        message = await self._until(
            junior, message, lambda m: "Likely cause" in m.all_text or "No likely cause" in m.all_text, CAUSE_SECONDS
        )
        line = next((one for one in message.all_text.splitlines() if "ikely cause" in one), "")
        after = message.all_text.partition(line)[2].strip().partition("\n")[0] if line.strip() == "Likely cause" else ""
        self._told.cause_correct = "Likely cause" in line and bool(CAUSES[self._fault].search(line + after))
        self._stage_done("cause", (line + after).strip())
        return message

    async def _fix(self, junior: Person, approver: Person, message: SeenMessage) -> None:
        """Press what a person would press next, until the incident is over or nothing more is offered."""
        pressed: set[tuple[str, str, str]] = set()
        approved = False
        until = time.monotonic() + FIX_SECONDS
        while time.monotonic() < until:
            now = await junior.reload(message)
            if "resolved" in now.text.lower():
                self._told.resolved = "Fixed by" in now.all_text
                self._stage_done("resolved", now.text)
                return
            thread = await junior.thread(message)
            over = next((m for m in thread if "needs you" in m.all_text), None)
            if over is not None:
                raise FettleError(over.all_text.strip())
            if not approved:
                approved = await self._approve(approver)
            if "fixed" not in self._told.seconds and any("Watching for" in m.all_text for m in thread):
                self._stage_done("fixed", "the run ended; watching whether it helps")
            for one in thread:
                label = next(
                    (x for x in ("Run", "Run with approval", "Ask for approval", "Go on") if x in one.buttons), ""
                )
                mark = (one.ts, label, one.all_text[:200])
                if label and mark not in pressed:
                    pressed.add(mark)
                    self._tell("step", time.monotonic() - self._began, f"{label}: {one.text}")
                    await junior.press(one, label)
            await asyncio.sleep(0.2)
        raise FettleError(f"The incident was not over {FIX_SECONDS:.0f} s after the fix began.")

    async def _approve(self, approver: Person) -> bool:
        for channel in ("#ops", "#alerts"):
            for one in await approver.messages(channel):
                if "Approve" in one.buttons:
                    await approver.press(one, "Approve")
                    self._stage_done("approved", one.text)
                    return True
        return False

    async def _calm(self) -> None:
        """The service itself says whether it is well again: no alert fires any more."""
        until = time.monotonic() + CALM_SECONDS
        while time.monotonic() < until:
            if not (await self._stage.status())["alerts"]:
                self._stage_done("calm", "no alert fires any more")
                return
            await asyncio.sleep(0.5)
        self._told.resolved = False
        raise FettleError("The incident was called resolved, but its alert still fires.")

    async def _until(
        self, person: Person, message: SeenMessage, fits: Callable[[SeenMessage], bool], seconds: float
    ) -> SeenMessage:
        return await person.wait_for(lambda m: m.ts == message.ts and fits(m), timeout=seconds)

    def _stage_done(self, name: str, words: str) -> None:
        self._told.seconds[name] = round(time.monotonic() - self._began, 2)
        self._tell(name, self._told.seconds[name], words)
