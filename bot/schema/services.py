"""catalogue.yaml: hosts, services and their indicators."""

from collections.abc import Mapping

from bot.domain.catalogue import Catalogue, Indicator, Service
from bot.domain.cause import CauseKind
from bot.schema.table import Table, near

ADDRESS = r"https?://\S+"
KNOWERS = ("loki", "elasticsearch", "github", "argocd", "kubernetes", "traces")


def read_catalogue(table: Table) -> Catalogue:
    """Read the file's top mapping; names that refer to nothing are noted."""
    hosts: dict[str, Mapping[str, str | int]] = {}
    listed = table.table("hosts")
    for name, one in listed.each() if listed else ():
        hosts[name] = one.plain(r"[A-Za-z_]\w{0,99}")
    services: dict[str, Service] = {}
    tables = table.table("services", must=True)
    for name, one in list(tables.each()) if tables else ():
        services[name] = _service(name, one, hosts)
    for name, one in list(tables.each()) if tables else ():
        for called, place in one.spotted("calls"):
            if called not in services:
                place.error(f"{one.path}.calls: there is no service “{called}”{near(called, services)}")
            elif called == name:
                place.warn(f"{one.path}.calls: {name} calls itself")
    table.done()
    return Catalogue(services, hosts)


def _service(name: str, table: Table, hosts: Mapping[str, object]) -> Service:
    service = Service(
        name=name,
        title=table.text("title", name, most=100),
        owner=table.text("owner", most=100),
        environment=table.text("environment", "production", most=60),
        calls=table.texts("calls"),
        hosts=table.texts("hosts"),
        url=table.text("url", pattern=ADDRESS, like="an address such as http://payment.example:8080"),
        indicators=_indicators(table),
        known_as=_known_as(table),
    )
    for host, place in table.spotted("hosts"):
        if host not in hosts:
            place.error(f"{table.path}.hosts: there is no host “{host}” under hosts{near(host, hosts)}")
    table.done()
    return service


def _known_as(table: Table) -> Mapping[str, str]:
    inner = table.table("known_as")
    if inner is None:
        return {}
    names = {name: inner.text(name, most=300) for name in KNOWERS if name in inner}
    inner.done()
    return names


def _indicators(table: Table) -> tuple[Indicator, ...]:
    found: dict[str, Indicator] = {}
    for one in table.tables("indicators"):
        name = one.name("name", must=True)
        if name in found:
            one.place("name").error(f"{one.path}.name: there is an indicator “{name}” above")
        found[name] = Indicator(
            name=name,
            query=one.text("query", must=True),
            kind=one.choice("kind", tuple(CauseKind), CauseKind.ERRORS, must=True),
            role=one.choice("role", ("symptom", "resource"), "symptom"),
            unit=one.text("unit", most=20),
            title=one.text("title", name, most=100),
            limit=one.maybe_number("limit"),
            bad=one.choice("bad", ("high", "low"), "high"),
            floor=one.number("floor", 0.0, least=0),
        )
        one.done()
    return tuple(found.values())
