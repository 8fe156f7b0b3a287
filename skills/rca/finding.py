"""What every cause search needs: which services to look at, how far, and where to ask."""

from collections.abc import Iterable, Sequence

from bot.domain.catalogue import Catalogue, Service
from bot.domain.cause import CauseReport, Search
from bot.domain.house import House
from bot.domain.incident import Incident
from bot.domain.signal import Signal
from bot.errors import NotFound, Refused
from bot.skill import Context
from skills.rca.gathering import Reach, Sources

BIN_STEPS, SHORTEST_BIN = 4, 10.0


def around(names: Iterable[str], catalogue: Catalogue) -> list[Service]:
    """Those services, everything that they call, and who calls them; only what the catalogue knows."""
    asked = list(names)
    found = dict.fromkeys(asked)
    for name in asked:
        found.update(dict.fromkeys(sorted(catalogue.callees(name))))
        found.update(dict.fromkeys(catalogue.callers(name)))
    return [catalogue.services[name] for name in found if name in catalogue.services]


def reach(house: House) -> Reach:
    """How far and how finely this house looks."""
    step = house.search_step
    return Reach(house.search_window, house.search_guard, step, max(BIN_STEPS * step, SHORTEST_BIN))


def sources(ctx: Context) -> Sources:
    """Where to ask."""
    return Sources(ctx.metrics, ctx.logs, ctx.traces, ctx.cluster, ctx.deploys)


def merged(told: Sequence[Signal], asked: Sequence[Signal]) -> tuple[Signal, ...]:
    """Changes that were reported and those that were asked for, the same one once."""
    known = {(one.service, one.facts.get("version") or one.facts.get("commit")) for one in told}
    return (
        *told,
        *(one for one in asked if (one.service, one.facts.get("version") or one.facts.get("commit")) not in known),
    )


async def search_of(incident: int, ctx: Context) -> Search | None:
    """The incident's newest cause search, None when there has been none."""
    try:
        return await ctx.state.get(Search, incident)
    except NotFound:
        return None


async def report_of(incident: Incident, ctx: Context) -> tuple[Search, CauseReport]:
    """The newest search with its report. Raises ``Refused`` while there is none."""
    found = await search_of(incident.id, ctx)
    if found is None or found.report is None:
        raise Refused(f"The cause of {incident.name} has not been searched for yet.")
    return found, found.report
