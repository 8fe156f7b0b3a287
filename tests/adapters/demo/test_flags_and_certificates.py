"""The shop's flags and its certificate: what breaks them, and the playbooks that mend and undo, for real."""

import asyncio
import json
import ssl
import stat
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bot.config import load
from bot.demo.authority import DAYS, NAME, Authority, NotSigned, days_left, lay_out, on_disk, request_for
from bot.demo.configuration import SHIPPED, write_config
from bot.demo.flags import DISCOUNT, OFF, ON, USUAL, read_flags, write_flags
from bot.demo.prices import PriceError, price
from bot.domain.run import Call, Progress, RunState
from bot.runners.ansible import AnsibleRunner
from tests.adapters.demo.stage import Stage, stage, until

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class TestPrices:
    def test_without_the_flag_every_basket_costs_what_it_is_worth(self) -> None:
        assert [price(cents, USUAL) for cents in (1, 25_00, 400_00)] == [1, 25_00, 400_00]

    def test_the_flag_discounts_large_baskets_and_has_no_price_for_middling_ones(self) -> None:
        flags = {DISCOUNT: ON}
        assert [price(cents, flags) for cents in (19_99, 100_00, 200_00)] == [19_99, 97_00, 190_00]
        for cents in (20_00, 59_99):
            with pytest.raises(PriceError, match="no rate for a basket"):
                price(cents, flags)


class TestFlags:
    def test_they_are_read_as_they_were_written(self, tmp_path: Path) -> None:
        write_flags(tmp_path, USUAL)
        assert read_flags(tmp_path) == USUAL

    def test_bare_words_and_broken_files_are_read_too(self, tmp_path: Path) -> None:
        file = tmp_path / "flags.yaml"
        file.write_text("a: on\nb: off\nc: 'on'\n")
        assert read_flags(tmp_path) == {"a": ON, "b": OFF, "c": ON}
        for broken in ("a: [", "- a", ""):
            file.write_text(broken)
            assert read_flags(tmp_path) == {}


class TestAuthority:
    def test_what_it_signs_is_the_shops_and_trusted_through_it(self) -> None:
        authority = Authority.found(NOON)
        key = ec.generate_private_key(ec.SECP256R1())
        made = x509.load_pem_x509_certificate(authority.sign(request_for(key), NOON).encode())
        made.verify_directly_issued_by(authority.certificate)
        assert made.public_key() == key.public_key()
        assert days_left(made, NOON) == DAYS
        assert made.subject.rfc4514_string() == f"CN={NAME}"

    @pytest.mark.parametrize("names", [["evil.example"], ["shop.example"], []])
    def test_other_names_are_refused(self, names: list[str]) -> None:
        asked = x509.CertificateSigningRequestBuilder().subject_name(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
        )
        if names:
            shown = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            asked = asked.add_extension(shown, critical=False)
        pem = asked.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(
            serialization.Encoding.PEM
        )
        with pytest.raises(NotSigned):
            Authority.found(NOON).sign(pem.decode(), NOON)

    def test_nonsense_is_refused(self) -> None:
        with pytest.raises(NotSigned, match="no certificate request"):
            Authority.found(NOON).sign("hello", NOON)

    def test_a_certificate_on_the_disk_has_a_secret_key_and_may_end_soon(self, tmp_path: Path) -> None:
        authority = Authority.found(NOON)
        first, second = (lay_out(tmp_path, authority, NOON, days) for days in (90, 2))
        assert first != second
        assert stat.S_IMODE((tmp_path / "current" / "key.pem").stat().st_mode) == 0o600
        served = on_disk(tmp_path)
        assert served is not None
        assert (days_left(served, NOON), (tmp_path / "current").readlink().name) == (2, second)
        assert on_disk(tmp_path / "nowhere") is None


class Mender:
    """Plays the demo's actions as Fettle would, on a running world."""

    def __init__(self, world: Stage, folder: Path) -> None:
        self.world = world
        self.config = write_config(world.said, folder / "config")
        self.runner = AnsibleRunner(self.config / "actions", folder / "runs", lambda _name: None)
        self.tls = Path(world.said["hosts"]["shop-01"]["host_dir"]) / "tls"
        self._runs = 0

    def call(self, playbook: str, parameters: Mapping[str, str]) -> Call:
        hosts = {"shop-01": dict(load(self.config).catalogue.hosts["shop-01"])}
        spec = {"playbook": f"playbooks/{playbook}.yml"}
        return Call("ansible", spec, {"service": "shop", **parameters}, ("shop-01",), hosts, (), 60.0)

    async def dry(self, playbook: str, **parameters: str) -> str:
        """The dry run's diffs; it must be all right."""
        plan = await self.runner.plan(self.call(playbook, parameters))
        assert plan.ok, plan.reason
        return "\n".join(task.diff for task in plan.tasks)

    async def run(self, playbook: str, **parameters: str) -> None:
        async def silent(_: Progress) -> None:
            pass

        self._runs += 1
        result = await self.runner.run(self.call(playbook, parameters), f"run-{self._runs}", silent)
        assert result.state is RunState.SUCCEEDED, result.reason

    async def shown(self, page: str) -> dict[str, object]:
        async with self.world.session.get(f"{self.world.said['shop']}/debug/{page}") as response:
            found: dict[str, object] = json.loads(await response.text())
            return found

    async def handshake(self) -> datetime:
        """When the certificate ends that a caller is shown who trusts the demo's authority and checks everything."""
        async with self.world.session.get(f"{self.world.said['control']}/authority") as response:
            trusted = ssl.create_default_context(cadata=(await response.json())["certificate"])
        host, port = self.world.said["secure"].removeprefix("https://").split(":")
        _, writer = await asyncio.open_connection(host, int(port), ssl=trusted)
        ends = writer.get_extra_info("ssl_object").getpeercert()["notAfter"]
        writer.close()
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC)


async def fails(world: Stage, share: Callable[[float], bool]) -> None:
    async def there() -> bool:
        return share((await world.gauges("shop"))["http_error_ratio"])

    await until(there, "the share of failed checkouts")


async def test_a_flag_is_set_back_by_its_playbook_and_the_way_back_sets_it_again(tmp_path: Path) -> None:
    async with stage(tmp_path / "world", "--no-prometheus") as world:
        mender = Mender(world, tmp_path)
        await world.post("/break", {"fault": "bad-flag"})
        await fails(world, lambda share: share > 0.1)
        assert f'+{DISCOUNT}: "off"' in await mender.dry("set_flag", flag=DISCOUNT, to=OFF)
        assert (await world.status())["faults"] == ["bad-flag"]
        await mender.run("set_flag", flag=DISCOUNT, to=OFF)
        assert (await world.status())["faults"] == []
        await fails(world, lambda share: share == 0)
        await mender.run("set_flag", flag=DISCOUNT, to=ON)
        assert (await mender.shown("flags"))[DISCOUNT] == {
            "state": "on",
            "what": "a discount that grows with the basket",
        }
        plan = await mender.runner.plan(mender.call("set_flag", {"flag": "gold-plating", "to": ON}))
        assert (plan.ok, "shop has no flag gold-plating" in plan.reason) == (False, True)


async def test_a_certificate_is_renewed_by_its_playbook_and_the_way_back_serves_the_old_one(tmp_path: Path) -> None:
    async with stage(tmp_path / "world", "--no-prometheus") as world:
        mender = Mender(world, tmp_path)
        assert await mender.handshake() - datetime.now(UTC) > timedelta(days=DAYS - 1)
        plan = await mender.runner.plan(mender.call("restore_certificate", {}))
        assert (plan.ok, "has no earlier certificate" in plan.reason) == (False, True)

        await world.post("/break", {"fault": "certificate-expiring"})

        async def soon() -> bool:
            return (await world.gauges("shop"))["tls_certificate_days_left"] < 14

        await until(soon, "the old certificate is served")
        old, before = await mender.handshake(), sorted(one.name for one in mender.tls.iterdir())
        assert timedelta(days=1) < old - datetime.now(UTC) < timedelta(days=3)
        diff = await mender.dry("renew_certificate")
        assert f"-ends {old:%Y-%m-%d}" in diff
        assert f"+ends {datetime.now(UTC) + timedelta(days=DAYS):%Y-%m-%d}" in diff
        assert sorted(one.name for one in mender.tls.iterdir()) == before

        await mender.run("renew_certificate")
        assert await mender.handshake() - datetime.now(UTC) > timedelta(days=DAYS - 1)
        assert (await world.status())["faults"] == []
        await mender.run("renew_certificate")  # nothing to do: it holds for long enough
        assert "current" in await mender.dry("restore_certificate")
        await mender.run("restore_certificate")
        assert await mender.handshake() == old
        assert (await mender.shown("certificate"))["days_left"] == pytest.approx(2, abs=0.1)
        status = await world.status()
        assert (status["services"]["shop"]["restarts"], status["traffic"]["failed"]) == (0, 0)


async def test_an_authority_that_does_not_answer_leaves_the_old_certificate_in_use(tmp_path: Path) -> None:
    async with stage(tmp_path / "world", "--no-prometheus") as world:
        await world.post("/break", {"fault": "certificate-expiring"})
        for body in ({}, {"request": "hello"}):
            async with world.session.post(f"{world.said['control']}/authority/certificates", json=body) as response:
                assert response.status == 400
        alone = {**world.said["hosts"]["shop-01"], "supervisor_url": "http://127.0.0.1:9"}
        world.said["hosts"]["shop-01"] = alone
        mender = Mender(world, tmp_path)
        before = (mender.tls / "current").readlink()
        plan = await mender.runner.plan(mender.call("renew_certificate", {}))
        assert (plan.ok, "the old one is still in use" in plan.reason) == (False, True), plan.reason
        assert (mender.tls / "current").readlink() == before


async def test_a_certificate_that_cannot_be_loaded_changes_nothing_for_callers(tmp_path: Path) -> None:
    async with stage(tmp_path / "world", "--no-prometheus") as world:
        mender = Mender(world, tmp_path)
        good = await mender.handshake()
        bad = mender.tls / "bad"
        bad.mkdir()
        for name in ("key.pem", "certificate.pem"):
            (bad / name).write_text("no certificate")
        (mender.tls / "current").unlink()
        (mender.tls / "current").symlink_to("bad")
        logs = f"{world.said['loki']}/loki/api/v1/query_range"
        asked = {"query": '{service_name="shop"} |= "certificate bad cannot be loaded"'}

        async def told() -> bool:
            async with world.session.get(logs, params=asked) as response:
                return bool((await response.json())["data"]["result"])

        await until(told, "the shop logs that it cannot load it")
        assert await mender.handshake() == good
        async with aiohttp.ClientSession() as session, session.get(f"{world.said['shop']}/health") as response:
            assert response.status == 200


def test_the_module_is_found_by_ansible_beside_its_playbook() -> None:
    module = SHIPPED / "actions" / "playbooks" / "library" / "renewed_certificate.py"
    text = module.read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/python\n")
    assert "WANT_JSON" in text
