"""The Helm chart, rendered by Helm itself, says what the command prints."""

from pathlib import Path

import helm_python
import kubernetes_validate
import pytest
import yaml

from ocistacks.kubernetes.choices import Kind, Mode
from ocistacks.kubernetes.model import Amounts, NodeStore, Workload
from ocistacks.kubernetes.modes import pod
from ocistacks.kubernetes.values import chart_values
from ocistacks.kubernetes.workloads import manifest
from ocistacks.kubernetes.yaml_text import yaml_text

CHART = Path(__file__).parents[3] / "examples" / "kubernetes" / "helm" / "ocistacks-application"
FULL = {
    "resources": (
        ("cpu", Amounts(request="500m", limit="2")),
        ("memory", Amounts(request="1Gi", limit="1e9")),
    ),
    "pull_secrets": ("first", "second"),
    "environment": (("GREETING", "1e3"), ("HOME", "$(X)"), ("ZULU", "a: b #c\nd")),
    "arguments": ("--fast", "$(HOME)", "no"),
    "user": 4321,
}
WORKLOADS = {"small": {}, "full": FULL}


@pytest.fixture(scope="module")
def chart():
    with helm_python.Chart.load(str(CHART)) as loaded:
        yield loaded


def render(chart, values):
    rendered = chart.render(values, name="release", namespace="default")
    return yaml.safe_load(rendered["ocistacks-application/templates/workload.yaml"])


@pytest.mark.parametrize("store", [NodeStore(), NodeStore(claim="shared")], ids=["path", "claim"])
@pytest.mark.parametrize("fields", WORKLOADS)
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("mode", Mode)
def test_the_chart_renders_what_the_command_prints(
    chart, application, images_for, mode, kind, fields, store
):
    workload = Workload(name="demo", kind=kind, replicas=2, **WORKLOADS[fields])
    images = images_for(mode)
    values = chart_values(mode, application, workload, images, store)
    rendered = render(chart, yaml.safe_load(yaml_text(values)))
    expected = manifest(application, workload, pod(mode, application, workload, images, store))
    labels = expected["metadata"]["labels"]
    labels["app.kubernetes.io/managed-by"] = "Helm"
    assert rendered == expected
    kubernetes_validate.validate(rendered, "1.37", strict=True)


def test_the_release_names_what_values_do_not(chart, application, images_for):
    workload = Workload(name="demo")
    values = chart_values(Mode.IMAGE, application, workload, images_for(Mode.IMAGE), NodeStore())
    del values["name"]
    assert render(chart, values)["metadata"]["name"] == "release"


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "magic"},
        {"stack": "registry.example.com/team/stack:latest"},
        {"images": {"application": "registry.example.com/x:latest"}},
        {"env": {"A": 1}},
        {"replica": 2},
    ],
)
def test_wrong_values_are_refused(chart, application, images_for, wrong):
    workload = Workload(name="demo")
    values = chart_values(Mode.IMAGE, application, workload, images_for(Mode.IMAGE), NodeStore())
    chart.validate_schema(values)
    with pytest.raises(helm_python.HelmError):
        chart.validate_schema({**values, **wrong})


def test_an_image_that_the_mode_needs_is_asked_for(chart, application, images_for):
    workload = Workload(name="demo")
    values = chart_values(Mode.INIT, application, workload, images_for(Mode.INIT), NodeStore())
    del values["images"]["puller"]
    with pytest.raises(helm_python.HelmError, match=r"images\.puller is needed in this mode"):
        render(chart, values)
