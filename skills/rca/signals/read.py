"""From what logs, traces and the cluster answered to signs. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain import wording as w
from bot.domain.cause import CauseKind
from bot.domain.evidence import Window
from bot.domain.observed import Calls, Happening, Level, LogLine, Work
from skills.rca.signals.blocks import Clockwork, without_the_worst
from skills.rca.signals.counts import NEW_BELOW, Block, Key, Odd, Together, Usual, fresh_and_usual
from skills.rca.signals.durations import WORK_FLOOR, Pace, Slower, Spent, own_times, waits
from skills.rca.signals.scale import Scale
from skills.rca.signals.sign import Sign, Trait
from skills.rca.signals.tally import Read, tallies
from skills.rca.signals.templates import said, template

GRAVE = frozenset({Level.ERROR, Level.WARNING})
LEAST = 0.3  # a surprise below this is not worth keeping
FAILING = frozenset({Trait.SAID, Trait.OPERATION, Trait.ERRORS})
Words = Callable[[Odd], tuple[str, datetime | None]]
KILLED = frozenset({"oomkilled", "evicted"})


@dataclass(frozen=True, slots=True)
class Counted:
    """Which traits a counted thing has: when a name is fresh, when a usual one changes, when a pair breaks."""

    fresh: Trait
    usual: Trait
    pair: Trait | None
    evidence: str
    noun: str


LOGS = Counted(Trait.SAID, Trait.AMOUNT, Trait.ORDER, "log", "log line")
OPERATIONS = Counted(Trait.OPERATION, Trait.SHARE, Trait.PATTERN, "trace", "operation")
CALLED = Counted(Trait.CALLS, Trait.CALLS, None, "trace", "call")


def from_logs(
    lines: Sequence[LogLine],
    queries: Mapping[str, str],
    source: str,
    clock: Clockwork,
    unread: Sequence[tuple[str, Window]] = (),
) -> list[Sign]:
    """What is new, more, less or out of order in logs. ``queries`` are by service.

    ``unread`` are services with times in which their lines could not be read, or not all of them.
    """
    bins: dict[int, dict[Key, float]] = {}
    examples: dict[Key, tuple[datetime, str]] = {}
    known: dict[str, str] = {}
    for line in lines:
        name = known.get(line.text)
        if name is None:
            name = known[line.text] = template(line.text)
        key = Key(line.service, name, line.level in GRAVE)
        _count(bins, clock.bin(line.at), key, 1)
        if key not in examples or (line.at >= clock.begins > examples[key][0]):
            examples[key] = (line.at, line.text)

    def words(odd: Odd) -> tuple[str, datetime | None]:
        at, text = examples[odd.key]
        shown = f"log: “{w.brief(said(text), 110)}” {_times(odd.seen)}"
        if odd.beside:
            return f"{shown} beside {_times(odd.beside_seen)} of a line that it always came with", None
        # Of a line that is usual nobody knows when it became too much.
        new = at >= clock.begins and odd.size > 0 and odd.expected < NEW_BELOW
        return f"{shown}{_usually(odd)}", at if new else None

    return _counted(bins, LOGS, words, queries, source, clock, read=Read(clock, unread))


def from_work(work: Sequence[Work], query: str, source: str, clock: Clockwork) -> list[Sign]:
    """What services did in traces: operations that are new, more, less or out of order, and their own time."""
    bins: dict[int, dict[Key, float]] = {}
    for one in work:
        _count(bins, clock.bin(one.at), Key(one.service, one.operation, "error" in one.operation.lower()), one.count)
        if one.errors:
            _count(bins, clock.bin(one.at), Key(one.service, f"{one.operation} failed", True), one.errors)

    def words(odd: Odd) -> tuple[str, datetime | None]:
        did = f"{odd.key.service}: {w.brief(odd.key.name, 90)} {_times(odd.seen)}"
        if odd.beside:
            return f"{did} beside {w.brief(odd.beside, 60)} {_times(odd.beside_seen)}", None
        return f"{did}{_usually(odd)}", None

    found = _counted(bins, OPERATIONS, words, {}, source, clock, query)
    times = own_times(work, clock)
    return found + _slower(times, dict.fromkeys(times, WORK_FLOOR), Trait.OWN_TIME, query, source, clock)


def from_calls(calls: Sequence[Calls], query: str, source: str, clock: Clockwork) -> list[Sign]:
    """Who calls whom in other proportions, whose calls fail, and where callers wait longer than the callee works."""
    bins: dict[int, dict[Key, float]] = {}
    for one in calls:
        if one.caller and one.counted:
            _count(bins, clock.bin(one.at), Key(one.caller, one.callee), one.count)
    failed: dict[int, dict[Key, float]] = {}
    for one in calls:
        if one.errors:
            _count(failed, clock.bin(one.at), Key(one.callee, "failed", True), one.errors)
        if one.count > one.errors:
            _count(failed, clock.bin(one.at), Key(one.callee, "answered"), one.count - one.errors)

    def mixed(odd: Odd) -> tuple[str, datetime | None]:
        return f"{odd.key.service} called {w.brief(odd.key.name, 80)} {_times(odd.seen)}{_usually(odd)}", None

    def failing(odd: Odd) -> tuple[str, datetime | None]:
        return f"calls of {odd.key.service} failed {_times(odd.seen)}{_usually(odd)}", None

    answered = Counted(Trait.ERRORS, Trait.CALLS, None, "trace", "call")
    errors = [
        sign for sign in _counted(failed, answered, failing, {}, source, clock, query) if sign.trait is Trait.ERRORS
    ]
    slow = _slower(*waits(calls, clock), Trait.WAIT, query, source, clock)
    return _counted(bins, CALLED, mixed, {}, source, clock, query) + errors + slow


def from_cluster(happenings: Iterable[Happening], query: str, source: str, clock: Clockwork) -> list[Sign]:
    """What the cluster did since it began, the gravest of each service and reason."""
    found: dict[tuple[str, str], Sign] = {}
    for one in happenings:
        if one.at < clock.begins or not one.warning:
            continue
        killed = one.reason.lower() in KILLED
        found[one.service, one.reason] = Sign(
            service=one.service,
            trait=Trait.HAPPENED,
            kind=CauseKind.MEMORY if killed else CauseKind.ERRORS,
            surprise=2.5 if killed else 1.5,
            text=f"{w.brief(one.reason, 60)}: {w.brief(one.text, 120)}"
            + (f", {one.count} times" if one.count > 1 else ""),
            query=query,
            source=source,
            evidence="cluster",
            onset=one.at,
        )
    return list(found.values())


def _count(bins: dict[int, dict[Key, float]], number: int, key: Key, count: float) -> None:
    block = bins.setdefault(number, {})
    block[key] = block.get(key, 0.0) + count


def _counted(
    bins: Mapping[int, Block],
    what: Counted,
    words: Words,
    queries: Mapping[str, str],
    source: str,
    clock: Clockwork,
    query: str = "",
    read: Read | None = None,
) -> list[Sign]:
    now, past, _ = clock.cut(bins)
    if not now or not past:
        return []
    seen, blocks = tallies(bins, now, past, read or Read(clock))
    usual = Usual(blocks)
    services = {key.service for block in blocks for key in block}
    scored: list[tuple[Trait, Odd, Scale]] = []
    history = [{service: fresh_and_usual(odds) for service, odds in usual.odd(block).items()} for block in blocks]
    for place, mine in enumerate((what.fresh, what.usual)):
        scores = []
        for block in history:
            ofs = [block[service][place] if service in block else None for service in services]
            scores.append([abs(odd.size) if odd else 0.0 for odd in ofs])
        scale = Scale.of(without_the_worst(scores))
        for odds in usual.odd(seen).values():
            odd = fresh_and_usual(odds)[place]
            scored += [(mine, odd, scale)] if odd else []
    if what.pair is not None:
        together = Together(blocks)
        pairs = [together.odd(block) for block in blocks]
        scale = Scale.of(without_the_worst([[abs(b[s].size) if s in b else 0.0 for s in services] for b in pairs]))
        scored += [(what.pair, odd, scale) for odd in together.odd(seen).values()]
    signs = []
    for mine, odd, scale in scored:
        surprise = scale.surprise(abs(odd.size))
        if surprise >= LEAST:
            text, onset = words(odd)
            asked = queries.get(odd.key.service, query)
            kind = CauseKind.ERRORS if mine in FAILING else CauseKind.BEHAVIOUR
            signs.append(Sign(odd.key.service, mine, kind, surprise, text, asked, source, what.evidence, onset))
    return signs


def _slower(
    spent: Mapping[str, Spent], floors: Mapping[str, float], trait: Trait, query: str, source: str, clock: Clockwork
) -> list[Sign]:
    now, past, calm = clock.cut({number for at in spent.values() for _, number in at})
    if not now or not past:
        return []
    known = [number for block in past for number in block]
    paces = {service: Pace(at, known, floors[service]) for service, at in spent.items()}
    history = [{name: slower.ratio for name, pace in paces.items() if (slower := pace.slower(block))} for block in past]
    everywhere = Scale.of(without_the_worst([before.values() for before in history]))
    signs = []
    for service, pace in paces.items():
        one = pace.slower(now)
        surprise = everywhere.surprise(one.ratio) if one else 0.0
        if one and calm:  # a past of incidents would say that the service is always like this
            here = Scale.of(before[service] for before in history if service in before)
            surprise = min(surprise, here.surprise(one.ratio))
        if one and surprise >= LEAST:
            kind = CauseKind.NETWORK if trait is Trait.WAIT else CauseKind.LATENCY
            text = _slow_words(service, one, trait)
            signs.append(Sign(service, trait, kind, surprise, text, query, source, "trace", clock.at(one.bin)))
    return signs


def _slow_words(service: str, one: Slower, trait: Trait) -> str:
    then, before = w.measure(one.then, "seconds"), w.measure(one.before, "seconds")
    if trait is Trait.WAIT:
        return f"callers of {service} wait {then} longer than it works, {before} before"
    return f"{service} itself takes {then} a request, {before} before"


def _times(count: float) -> str:
    return "once" if round(count) == 1 else f"{round(count)} times"


def _usually(odd: Odd) -> str:
    return ", not before" if odd.expected < NEW_BELOW else f", usually {_times(odd.expected)}"
