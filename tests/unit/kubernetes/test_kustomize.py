"""The Kustomize components, applied by kubectl, make of a Deployment what the command prints."""

import shutil
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from ocistacks.kubernetes.choices import Kind, Mode
from ocistacks.kubernetes.model import Workload
from ocistacks.platforms import Platform

EXAMPLES = Path(__file__).parents[3] / "examples" / "kubernetes" / "kustomize"
KUBECTL = Path(sys.executable).with_name("kubectl")
OTHER = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "other"},
    "spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {
            "metadata": {"labels": {"a": "b"}},
            "spec": {"containers": [{"name": "application", "image": "x"}]},
        },
    },
}


def kustomize(folder):
    words = [KUBECTL, "kustomize", folder]
    told = subprocess.run(words, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    return {document["metadata"]["name"]: document for document in yaml.safe_load_all(told.stdout)}


def test_the_example_is_valid(restricted_faults):
    (document,) = kustomize(EXAMPLES / "example").values()
    kubernetes_validate.validate(document, "1.25", strict=True)
    assert restricted_faults(document["spec"]["template"]["spec"]) == []


@pytest.mark.parametrize("mode", [Mode.INIT, Mode.NODE])
def test_the_components_do_what_the_command_prints(pod_of, another_application, tmp_path, mode):
    platforms = (Platform.LINUX_X86_64, Platform.LINUX_AARCH64)
    layers = another_application().layers
    application = another_application(platforms=platforms, layers=layers * 2)
    expected = pod_of(mode, Workload(name="x", kind=Kind.DEPLOYMENT), application=application)
    (pull,), (run,) = expected["initContainers"], expected["containers"]

    folder = tmp_path / "kustomize"
    shutil.copytree(EXAMPLES, folder)
    example = folder / "example"
    values = yaml.safe_load((example / "values.yaml").read_text())
    values["data"] = {
        "stack": pull["args"][1],
        "folder": pull["args"][2],
        "application": pull["args"][4],
        "python": run["command"][0],
        "launchModule": run["command"][2],
        "puller": pull["image"],
        "base": run["image"],
    }
    (example / "values.yaml").write_text(yaml.safe_dump(values))
    deployment = yaml.safe_load((example / "deployment.yaml").read_text())
    del deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    (example / "deployment.yaml").write_text(yaml.safe_dump_all([deployment, OTHER]))
    settings = (example / "kustomization.yaml").read_text()
    (example / "kustomization.yaml").write_text(settings.replace("../init", f"../{mode}"))

    documents = kustomize(example)
    # Kubernetes' own default.
    spec = {"restartPolicy": "Always", **documents["clustering"]["spec"]["template"]["spec"]}
    assert spec == expected
    assert documents["other"] == OTHER
