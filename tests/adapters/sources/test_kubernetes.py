from collections.abc import Mapping

import pytest

from bot.domain.evidence import Failed, Found
from bot.sources.kubernetes import KubernetesCluster, Workload
from tests.adapters.sources.stand_in import HOUR, StandIn


@pytest.mark.parametrize(
    ("kind", "name", "owned"),
    [
        ("Deployment", "cart", True),
        ("HorizontalPodAutoscaler", "cart", True),
        ("ReplicaSet", "cart-7c9f8d6b5d", True),
        ("Pod", "cart-7c9f8d6b5d-x2x4z", True),
        ("Pod", "cart-0", True),
        ("Pod", "cart-12", True),
        ("Pod", "cart-x2x4z", True),
        ("Job", "cart-29384720", True),
        ("Pod", "cart-29384720-x2x4z", True),
        ("Pod", "cart-db-7c9f8d6b5d-x2x4z", False),
        ("Pod", "cart-db-0", False),
        ("Pod", "cart-redis", False),
        ("Deployment", "cart-7c9f8d6b5d", False),
        ("Pod", "cartography-0", False),
        ("Pod", "car", False),
    ],
)
def test_what_belongs_to_a_workload(kind: str, name: str, owned: bool) -> None:  # noqa: FBT001  # expected value
    assert Workload("cart", "shop", "cart").owns(kind, name) is owned


def event(name: str, first: str, last: str, count: int) -> Mapping[str, object]:
    return {
        "metadata": {"creationTimestamp": "2026-11-21T01:00:00Z"},
        "involvedObject": {"kind": "Pod", "name": name},
        "reason": "BackOff",
        "message": "again\x00",
        "type": "Warning",
        "firstTimestamp": f"2026-11-21T{first}Z",
        "lastTimestamp": f"2026-11-21T{last}Z",
        "count": count,
    }


async def test_what_goes_on_after_the_window_is_known_to_have_begun_in_it(api: StandIn) -> None:
    api.answers = {
        ".*/events": {
            "items": [event("cart-0", "02:30:00", "03:30:00", 9), event("cart-0", "01:30:00", "03:30:00", 9)]
        },
        ".*/pods": {"items": []},
    }
    answer = await KubernetesCluster(api.url, None, {"cart": "shop/cart"}, 5).happenings(["cart"], HOUR)
    assert isinstance(answer, Found)
    assert [(one.at.strftime("%H:%M"), one.count, one.text) for one in answer.data] == [
        ("02:30", 1, "Pod cart-0: again")
    ]


async def test_each_namespace_is_asked_once_and_workloads_are_told_apart(api: StandIn) -> None:
    events = [event(name, "02:30:00", "02:31:00", 1) for name in ("cart-0", "ledger-0", "other-0")]
    api.answers = {".*/events": {"items": events}, ".*/pods": {"items": []}}
    names = {"cart": "shop/statefulset/cart", "ledger": "shop/ledger", "mail": "post/mail", "web": "not a workload"}
    answer = await KubernetesCluster(api.url, None, names, 5).happenings([*names, "cart"], HOUR)
    assert isinstance(answer, Found)
    assert sorted(one.service for one in answer.data) == ["cart", "ledger"]
    assert sorted(api.paths()) == [
        "/api/v1/namespaces/post/events",
        "/api/v1/namespaces/post/pods",
        "/api/v1/namespaces/shop/events",
        "/api/v1/namespaces/shop/pods",
    ]


async def test_a_container_that_ended_in_both_states_is_told_twice(api: StandIn) -> None:
    ends = {"reason": "OOMKilled", "exitCode": 137, "message": "out\nof memory"}
    container = {
        "name": "cart",
        "restartCount": 1,
        "state": {"terminated": {**ends, "finishedAt": "2026-11-21T02:50:00Z"}},
        "lastState": {"terminated": {**ends, "finishedAt": "2026-11-21T02:40:00Z"}},
    }
    fine = {"name": "init", "state": {"terminated": {"exitCode": 0, "finishedAt": "2026-11-21T02:39:00Z"}}}
    pod = {
        "metadata": {"name": "cart-0"},
        "status": {"initContainerStatuses": [fine], "containerStatuses": [container]},
    }
    api.answers = {".*/events": {"items": []}, ".*/pods": {"items": [pod]}}
    answer = await KubernetesCluster(api.url, None, {"cart": "shop/cart"}, 5).happenings(["cart"], HOUR)
    assert isinstance(answer, Found)
    assert [(one.at.minute, one.reason, one.warning) for one in answer.data] == [
        (39, "Terminated", False),
        (40, "OOMKilled", True),
        (50, "OOMKilled", True),
    ]
    assert answer.data[1].text.endswith("1 restarts so far: out of memory")


async def test_more_objects_than_are_read_are_told(api: StandIn) -> None:
    api.answers = {
        ".*/events": {"metadata": {"continue": "x"}, "items": [event("cart-0", "02:30:00", "02:31:00", 1)]},
        ".*/pods": {"items": []},
    }
    answer = await KubernetesCluster(api.url, None, {"cart": "shop/cart"}, 5).happenings(["cart"], HOUR)
    assert isinstance(answer, Found)
    assert "more than 5000 objects" in answer.asked.query


async def test_without_a_known_workload_nobody_says_that_nothing_happened(api: StandIn) -> None:
    answer = await KubernetesCluster(api.url, None, {}, 5).happenings(["cart"], HOUR)
    assert isinstance(answer, Failed)
    assert "known_as.kubernetes" in answer.reason
