import pytest

from knowledge.words import metric_names, pairs, plain, spoken, stem, stems, synonyms


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("KubePodNotReady", ["kube", "pod", "not", "ready", "kubepodnotready"]),
        ("kube_pod_status", ["kube", "pod", "status", "kubepodstatus"]),
        ("etcdGRPCRequestsSlow", ["etcd", "grpc", "request", "slow", "etcdgrpcrequestsslow"]),
        ("PVCs of k8s at p99", ["pvc", "k8s", "p99"]),
        ("the database's pool", ["databas", "pool"]),
        ("Größe_über für", ["größ", "über", "größeüber", "für"]),
        ("x" * 80, []),
    ],
)
def test_identifiers_are_taken_apart_and_kept(text: str, words: list[str]) -> None:
    assert stems(text) == words


def test_compounds_can_be_left_out() -> None:
    assert stems("KubePodNotReady", compounds=False) == ["kube", "pod", "not", "ready"]


@pytest.mark.parametrize(
    "forms",
    [
        ("scrape", "scraped", "scraping", "scrapes"),
        ("fail", "failed", "failing", "fails"),
        ("drop", "dropped", "dropping", "drops"),
        ("compact", "compaction", "compactions"),
        ("query", "queries"),
        ("evaluate", "evaluation", "evaluating"),
        ("process", "processes", "processed"),
        ("log", "logged", "logging", "logs"),
        ("run", "running", "runs"),
    ],
)
def test_inflections_meet(forms: tuple[str, ...]) -> None:
    assert len({stem(form) for form in forms}) == 1


@pytest.mark.parametrize(("one", "other"), [("red", "reed"), ("ring", "r"), ("pod", "pode"), ("node", "nodding")])
def test_different_words_stay_apart(one: str, other: str) -> None:
    assert stem(one) != stem(other)


@pytest.mark.parametrize(
    "forms",
    [
        ("rollback", "roll back", "rolled back", "rolling back", "rolls it back? roll back", "RollBack"),
        ("failover", "fail over", "failed over", "failing over"),
        ("timeout", "timeouts", "timed out", "times out, timing out"),
        ("backoff", "backs off", "backing off"),
        ("logout", "logged out"),
        ("scaledown", "scaling down", "scale-down", "scaled down"),
        ("shutdown", "shutting down"),
    ],
)
def test_a_verb_with_its_particle_meets_the_noun(forms: tuple[str, ...]) -> None:
    assert all(stem(forms[0]) in stems(form) for form in forms)


@pytest.mark.parametrize("text", ["looking at the back", "the pod is back", "fail and over", "turn right, out"])
def test_other_neighbours_are_no_compounds(text: str) -> None:
    assert stems(text) == stems(text, compounds=False)


def test_template_placeholders_are_no_words() -> None:
    assert plain('Pod {{ $labels.pod }} at {{ printf "%.2f" $value }}% of ${LIMIT}') == "Pod at % of"


def test_a_model_reads_identifiers_as_words() -> None:
    assert spoken("KubePodNotReady, kube_pod") == "Kube Pod Not Ready, kube pod"


def test_pairs_are_neighbours() -> None:
    assert pairs(["a", "b", "c"]) == {("a", "b"), ("b", "c")}


def test_the_fields_abbreviations_meet() -> None:
    assert stem("postgresql") in synonyms(stems("pg_stat_activity"))
    assert stem("postgresql") in synonyms(stems("Postgres is slow"))
    assert synonyms(["checkout"]) == set()


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        (
            'sum by (pod) (rate(kube_pod_restarts_total{namespace="my_ns"}[5m])) > 0',
            ["kube_pod_restarts_total"],
        ),
        (
            "# about node_exporter\nnode:cpu_use:rate5m / on (instance) group_left node_cpus",
            ["node:cpu_use:rate5m", "node_cpus"],
        ),
        (
            'histogram_quantile(0.99, a_bucket{le="x_y"}) and ignoring(my_label) b_total offset 5m',
            ["a_bucket", "b_total"],
        ),
        ('absent(up{job="kubelet", metrics_path="/metrics"} == 1)', ["kubelet"]),
        ("vector(1)", []),
        ("", []),
        ("not promql at all {{", []),
    ],
)
def test_metric_names_of_an_expression(expression: str, names: list[str]) -> None:
    assert metric_names(expression) == names
