"""The faults that can be chosen. Each is real: something on a host is changed, and its playbook undoes it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp

from bot.demo import authority
from bot.demo.deliver import Fettle
from bot.demo.flags import DISCOUNT, OFF, ON, USUAL, read_flags, write_flags
from bot.demo.host import LEAKING, SOUND, Host, release_text
from bot.errors import Refused

FAULTS = {
    "pool-leak": f"deploys payment {LEAKING}, which keeps a connection for every large order",
    "disk-full": "turns debug logging on, which fills payment's disk",
    "slow-dependency": "starts a maintenance job in payment that never ends and holds its ledger's lock",
    "bad-flag": f"switches the shop's flag {DISCOUNT} on, which has no price for some baskets",
    "certificate-expiring": "puts an old certificate back into the shop, which ends in two days",
    "stubborn-leak": f"as pool-leak, but payment {SOUND} leaks on that host too, so that rolling back does not help",
}


ENDING_DAYS, ENDS_SOON_DAYS = 2.0, 14.0


def mislabelled() -> str:
    """An early build of the branch of 2.31 that was laid out under the older number: it looks twice at most orders.

    So its pool is full again two seconds after a rollback, and nobody can take that for a cure.
    """
    found = release_text(LEAKING)
    for there, here in ((f'VERSION = "{LEAKING}"', f'VERSION = "{SOUND}"'), ("100_00", "40_00")):
        found = found.replace(there, here)
    return found


@dataclass(slots=True)
class Faults:
    """Breaks and heals the payment service on its host, and the shop on its own.

    ``restart`` replaces payment's process, ``payment`` is its address, ``page`` the address of the control API;
    ``signer`` is the authority that signs the shop's certificates.
    """

    host: Host
    shop: Host
    signer: authority.Authority
    payment: str
    page: str
    fettle: Fettle
    restart: Callable[[], Awaitable[None]]
    wall: Callable[[], float]
    undelivered: str = ""

    async def on(self) -> tuple[str, ...]:
        """The faults that are on, as the host itself shows it."""
        found = []
        sound = release_text(SOUND)
        if self.host.read_release(SOUND) != sound:
            found.append("stubborn-leak")
        elif self.host.version != SOUND:
            found.append("pool-leak")
        if self.host.log_level == "debug":
            found.append("disk-full")
        if await self._compacting():
            found.append("slow-dependency")
        if read_flags(self.shop.folder).get(DISCOUNT) == ON:
            found.append("bad-flag")
        served = authority.on_disk(self.shop.folder / "tls")
        if served is None or authority.days_left(served, self._now) < ENDS_SOON_DAYS:
            found.append("certificate-expiring")
        return tuple(found)

    async def begin(self, fault: str) -> str:
        """Break it; gives what was done. Raises ``Refused`` for an unknown fault, or for one that is on."""
        if fault not in FAULTS:
            raise Refused(f"There is no fault “{fault[:40]}”. There are: {', '.join(FAULTS)}.")
        on = await self.on()
        leaks = {"pool-leak", "stubborn-leak"}
        if fault in on or (fault in leaks and leaks & set(on)):
            raise Refused(f"{', '.join(on)} is on already. Mend it, or reset the demo first.")
        match fault:
            case "pool-leak":
                return await self._deploy()
            case "stubborn-leak":
                self.host.write_release(SOUND, mislabelled())
                return await self._deploy()
            case "disk-full":
                self.host.write_config("debug")
                return f"Turned debug logging on for payment on {self.host.name}."
            case "bad-flag":
                return await self._switch_flag()
            case "certificate-expiring":
                authority.lay_out(self.shop.folder / "tls", self.signer, self._now, ENDING_DAYS)
                return f"Put a certificate that ends in {ENDING_DAYS:.0f} days back into the shop on {self.shop.name}."
            case _:
                await self._post("/jobs/compaction")
                return f"Started the compaction of the ledger in payment on {self.host.name}."

    async def end(self) -> str:
        """Make everything healthy again; gives what was done."""
        for version in (SOUND, LEAKING):
            self.host.write_release(version, release_text(version))
        self.host.switch(SOUND)
        self.host.write_config("info")
        write_flags(self.shop.folder, USUAL)
        if "certificate-expiring" in await self.on():
            authority.lay_out(self.shop.folder / "tls", self.signer, self._now)
        await self.restart()
        self.host.tidy()
        return (
            f"Payment {SOUND} runs on {self.host.name}, with its disk tidied and nothing stuck; the shop on "
            f"{self.shop.name} has its usual flags and a good certificate."
        )

    async def _deploy(self) -> str:
        before, at = self.host.version, self._now
        self.host.switch(LEAKING)
        await self.restart()
        told = await self._tell(
            at,
            {
                "kind": "deploy",
                "service": self.host.service,
                "version": LEAKING,
                "previous": before,
                "by": "deploy-bot",
                "title": f"Deploy payment {LEAKING}: a second look at large amounts",
                "url": f"{self.page}/releases/{LEAKING}",
            },
        )
        return f"Deployed payment {LEAKING} on {self.host.name}.{told}"

    async def _switch_flag(self) -> str:
        """As a service for feature flags would: the flag first, then the news of it."""
        flags, at = read_flags(self.shop.folder), self._now
        write_flags(self.shop.folder, {**flags, DISCOUNT: ON})
        told = await self._tell(
            at,
            {
                "kind": "flag",
                "service": self.shop.service,
                "version": ON,
                "previous": flags.get(DISCOUNT, OFF),
                "by": "flag-bot",
                "title": f"Flag {DISCOUNT} switched {ON} in the shop",
                "labels": {"flag": DISCOUNT},
                "url": f"{self.page}/flags",
            },
        )
        return f"Switched the flag {DISCOUNT} {ON} in the shop on {self.shop.name}.{told}"

    async def _tell(self, at: datetime, change: Mapping[str, object]) -> str:
        """Report a change; gives words for the case that nobody took it, empty otherwise."""
        when = at.isoformat(timespec="milliseconds")
        self.undelivered = await self.fettle.change({**change, "environment": "production", "at": when})
        return f" The {change['kind']} event was not delivered: {self.undelivered}." if self.undelivered else ""

    @property
    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.wall(), UTC)

    async def _compacting(self) -> bool:
        try:
            async with self._session() as session, session.get(f"{self.payment}/debug/locks") as response:
                body = await response.json()
        except (aiohttp.ClientError, TimeoutError):
            return False
        return bool(body["jobs"]["compaction"]["state"] == "running")

    async def _post(self, path: str) -> None:
        async with self._session() as session, session.post(f"{self.payment}{path}") as response:
            response.raise_for_status()

    @staticmethod
    def _session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5))
