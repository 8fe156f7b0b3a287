"""The world's control API, on loopback: break, reset, status, and the supervisor's part for the playbooks.

::

    GET  /faults                     {"pool-leak": "deploys …", …}
    POST /break {"fault": "…"}       {"fault": "…", "did": "…"}      400 unknown, 409 on already
    POST /reset                      {"did": "…"}
    GET  /status                     faults that are on, services, traffic, alerts, seconds since the start
    POST /host/{service}/restart     {"service": "…", "version": "…", "seconds": …}    503 when it does not come up
    GET  /releases/{version}         the release's source
    GET  /rules                      the alert rules
    GET  /flags                      the shop's feature flags
    POST /outage {"source": "loki", "on": true}    {"out": ["loki"]}      prometheus, loki, jaeger; 400 unknown
    GET  /authority                  what the certificate authority signs
    POST /authority/certificates {"request": PEM}   {"certificate": PEM}   400 what it does not sign
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from aiohttp import web

from bot.demo.authority import DAYS, NAME, NotSigned
from bot.demo.faults import FAULTS, Faults
from bot.demo.flags import FLAGS, read_flags
from bot.demo.rules import RULES
from bot.demo.serving import shown
from bot.demo.sources import Sources
from bot.demo.supervisor import StartFailed
from bot.errors import Refused

HERE = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?")


@dataclass(slots=True)
class Control:
    """What the control API is joined to. ``restart`` gives what came up."""

    faults: Faults
    sources: Sources
    restart: Callable[[str], Awaitable[Mapping[str, object]]]
    status: Callable[[], Awaitable[Mapping[str, object]]]

    def app(self) -> web.Application:
        """The API."""
        app = web.Application(middlewares=[_only_here])
        app.add_routes(
            [
                web.get("/faults", self._list),
                web.post("/break", self._break),
                web.post("/reset", self._reset),
                web.get("/status", self._status),
                web.post("/host/{service}/restart", self._restart),
                web.get("/releases/{version}", self._release),
                web.get("/rules", self._rules),
                web.get("/flags", self._flags),
                web.post("/outage", self._outage),
                web.get("/authority", self._authority),
                web.post("/authority/certificates", self._certificate),
            ]
        )
        return app

    async def _list(self, _: web.Request) -> web.Response:
        return shown(FAULTS)

    async def _break(self, request: web.Request) -> web.Response:
        try:
            body = await request.json()
            fault = body["fault"]
        except (ValueError, KeyError, TypeError):
            fault = None
        if not isinstance(fault, str) or fault not in FAULTS:
            return web.json_response({"error": f"expected fault: one of {', '.join(FAULTS)}"}, status=400)
        try:
            return shown({"fault": fault, "did": await self.faults.begin(fault)})
        except Refused as refusal:
            return web.json_response({"error": str(refusal)}, status=409)
        except StartFailed as failure:
            return web.json_response({"error": str(failure)}, status=503)

    async def _reset(self, _: web.Request) -> web.Response:
        try:
            return shown({"did": await self.faults.end()})
        except StartFailed as failure:
            return web.json_response({"error": str(failure)}, status=503)

    async def _status(self, _: web.Request) -> web.Response:
        return shown(await self.status())

    async def _restart(self, request: web.Request) -> web.Response:
        service = request.match_info["service"]
        try:
            return shown(await self.restart(service))
        except KeyError:
            return web.json_response({"error": f"there is no service {service[:40]}"}, status=404)
        except StartFailed as failure:
            return web.json_response({"error": str(failure)}, status=503)

    async def _release(self, request: web.Request) -> web.Response:
        version = request.match_info["version"]
        text = self.faults.host.read_release(version) if re.fullmatch(r"\d+\.\d+", version) else ""
        return web.Response(text=text or "there is no such release", status=200 if text else 404)

    async def _rules(self, _: web.Request) -> web.Response:
        return shown([{**asdict(rule), "expression": rule.expression} for rule in RULES])

    async def _flags(self, _: web.Request) -> web.Response:
        flags = read_flags(self.faults.shop.folder)
        return shown({name: {"state": state, "what": FLAGS.get(name, "")} for name, state in flags.items()})

    async def _outage(self, request: web.Request) -> web.Response:
        try:
            body = await request.json()
            source, on = body["source"], body["on"]
        except (ValueError, KeyError, TypeError):
            source = on = None
        if not isinstance(source, str) or not isinstance(on, bool):
            return web.json_response({"error": "expected source and on, which is true or false"}, status=400)
        try:
            self.sources.outage(source, on=on)
        except Refused as refusal:
            return web.json_response({"error": str(refusal)}, status=400)
        return shown({"out": sorted(self.sources.out)})

    async def _authority(self, _: web.Request) -> web.Response:
        names = [NAME, "127.0.0.1"]
        return shown({"names": names, "days": DAYS, "certificate": self.faults.signer.pem})

    async def _certificate(self, request: web.Request) -> web.Response:
        try:
            asked = str((await request.json())["request"])
            signed = self.faults.signer.sign(asked, datetime.now(UTC))
        except (ValueError, KeyError, TypeError) as failure:
            reason = (
                str(failure) if isinstance(failure, NotSigned) else "expected request, a certificate request in PEM"
            )
            return web.json_response({"error": reason}, status=400)
        return shown({"certificate": signed})


@web.middleware
async def _only_here(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Keeps out other machines' names for this one, and other sites that drive a browser on it."""
    if not HERE.fullmatch(request.host) or (request.method != "GET" and "Origin" in request.headers):
        raise web.HTTPForbidden(text="The demo's control API answers programs on this machine only.")
    return await handler(request)
