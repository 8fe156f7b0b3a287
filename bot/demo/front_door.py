"""The shop's TLS door: a certificate from the host's disk, changed without a restart, seen as a caller sees it."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from bot.demo.authority import NAME, days_left

LOOK_SECONDS = 0.5
PROBE_SECONDS = 2.0


class FrontDoor:
    """``context`` serves what ``tls/current`` points at. ``port`` is where, on loopback.

    Raises ``OSError`` (``ssl.SSLError`` is one) when there is no certificate to begin with.
    """

    def __init__(self, tls: Path, port: int) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.served: x509.Certificate | None = None
        self._tls, self._port = tls, port
        self._loaded = self._load()
        # Whoever asks when a certificate ends must be answered for a bad one too.
        self._asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._asking.check_hostname = False
        self._asking.verify_mode = ssl.CERT_NONE

    async def follow(self, tell: Callable[[str], None]) -> None:
        """Serve the newest certificate and see what is served, until cancelled; tells what was loaded or is wrong."""
        wrong = ""
        while True:
            target = self._target()
            if target and target not in (self._loaded, wrong):
                try:
                    self._loaded = self._load()
                    tell(f"certificate {target[:8]} is served now")
                except OSError as failure:
                    wrong = target
                    tell(f"certificate {target[:8]} cannot be loaded: {failure.strerror or failure}")
            self.served = await self._probe()
            await asyncio.sleep(LOOK_SECONDS)

    def days(self, now: datetime) -> float | None:
        """Days until the served certificate ends, None where none was seen."""
        return days_left(self.served, now) if self.served else None

    def table(self) -> dict[str, object]:
        """What a caller is shown, and which files it is from."""
        now, seen = datetime.now(UTC), self.served
        if seen is None:
            return {"served": False, "file": f"tls/{self._target()}/certificate.pem"}
        return {
            "served": True,
            "subject": seen.subject.rfc4514_string(),
            "issuer": seen.issuer.rfc4514_string(),
            "serial": f"{seen.serial_number:x}",
            "not_before": seen.not_valid_before_utc.isoformat(),
            "not_after": seen.not_valid_after_utc.isoformat(),
            "days_left": round(days_left(seen, now), 1),
            "file": f"tls/{self._target()}/certificate.pem",
        }

    def _load(self) -> str:
        target = self._target()
        folder = self._tls / (target or "current")
        self.context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
        return target

    def _target(self) -> str:
        link = self._tls / "current"
        return link.readlink().name if link.is_symlink() else ""

    async def _probe(self) -> x509.Certificate | None:
        """The certificate as a handshake shows it, None where none succeeds."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                _, writer = await asyncio.open_connection(
                    "127.0.0.1", self._port, ssl=self._asking, server_hostname=NAME
                )
        except (OSError, TimeoutError):
            return None
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(PROBE_SECONDS):
                await writer.wait_closed()
        return x509.load_der_x509_certificate(shown) if shown else None
