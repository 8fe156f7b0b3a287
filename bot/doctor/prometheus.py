"""Whether Prometheus answers, and whether every indicator of the catalogue measures something."""

import asyncio

import httpx

from bot.config import Config
from bot.doctor.finding import Finding, broken, fine, odd
from bot.domain.catalogue import Indicator
from bot.settings import Settings

AT_ONCE = 8
SECONDS = 10.0


async def check(settings: Settings, config: Config | None) -> list[Finding]:
    """Ask each indicator's query once."""
    if settings.prometheus_url is None:
        mend = "Set PROMETHEUS_URL to the address of Prometheus, such as http://localhost:9090."
        return [odd("prometheus", "PROMETHEUS_URL is not set, so causes are searched for without metrics", mend)]
    wanted = [
        (name, one)
        for name, service in (config.catalogue.services if config else {}).items()
        for one in service.indicators
    ]
    turn = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(base_url=settings.prometheus_url.rstrip("/") + "/", timeout=SECONDS) as client:
        try:
            reachable = await client.get("api/v1/query", params={"query": "up"})
        except httpx.HTTPError as failure:
            mend = "Set PROMETHEUS_URL to an address that this machine reaches."
            return [broken("prometheus", f"does not answer: {type(failure).__name__} {failure}".rstrip(), mend)]
        if reachable.status_code in (401, 403):
            mend = "Put user and password into PROMETHEUS_URL, or let this machine through."
            return [broken("prometheus", f"refuses with {reachable.status_code}", mend)]
        if not _answered(reachable):
            mend = "PROMETHEUS_URL is the address without /api/v1."
            return [broken("prometheus", f"answers, but not as Prometheus does (status {reachable.status_code})", mend)]
        asked = await asyncio.gather(*(_ask(client, turn, service, one) for service, one in wanted))
    wrong = [one for one in asked if one is not None]
    right = len(asked) - len(wrong)
    return [fine("prometheus", f"answers; {right} of {len(asked)} indicators measure something"), *wrong]


def _answered(answer: httpx.Response) -> bool:
    try:
        body = answer.json()
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("status") in ("success", "error")


async def _ask(
    client: httpx.AsyncClient, turn: asyncio.Semaphore, service: str, indicator: Indicator
) -> Finding | None:
    about = f"indicator {service}/{indicator.name}"
    mend = f"Try it in Prometheus: {indicator.query}"
    try:
        async with turn:
            answer = await client.get("api/v1/query", params={"query": indicator.query})
        body = answer.json()
        if body.get("status") != "success":
            return broken(about, f"is refused: {body.get('error', answer.status_code)}", mend)
        return None if body["data"]["result"] else odd(about, "measures nothing now", mend)
    except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as failure:
        return broken(about, f"does not answer: {type(failure).__name__}", mend)
