"""What kubectl, Kubernetes' own reader and writer of YAML, makes of what is printed and written."""

import base64
import json
import re
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from ocistacks.kubernetes.choices import Kind, Mode
from ocistacks.kubernetes.model import Workload
from ocistacks.kubernetes.workloads import manifest
from ocistacks.kubernetes.yaml_text import yaml_text
from ocistacks.registry.credentials import find_credentials

KUBECTL = Path(sys.executable).with_name("kubectl")
PAGE = Path(__file__).parents[3] / "docs" / "kubernetes.md"
ODD = [
    *("1e3", "0x1F", "0o17", "017", "1_000", "1:30", ".5", "+1", "-.inf", "NaN", "~", "null", ""),
    *("yes", "No", "on", "y", "n", "true", "2026-01-01", "a: b", "# c", "- d", "'", '"', "\\", "%"),
    *("a\nb\n", "\ttab", " space ", "{x}", "[x]", "&a", "*a", "!t", "@a", "`", "|", ">", "ü\u2028"),
]


def kubectl(*words, text=None):
    told = subprocess.run(
        [KUBECTL, *words], input=text, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    return told.stdout


@pytest.mark.parametrize("kind", Kind)
def test_it_reads_every_text_as_that_text(application, pod_of, kind):
    environment = tuple((f"V{number}", text) for number, text in enumerate(ODD))
    workload = Workload(name="demo", kind=kind, environment=environment, arguments=tuple(ODD))
    document = manifest(application, workload, pod_of(Mode.NODE, workload))
    words = ("annotate", "--local", "--filename=-", "--output=json", "added=now")
    read = json.loads(kubectl(*words, text=yaml_text(document)))
    document["metadata"]["annotations"]["added"] = "now"

    def without_defaults(value):
        """Without what kubectl's types add by themselves."""
        if isinstance(value, dict):
            kept = {key: without_defaults(each) for key, each in value.items()}
            added = ("status", "strategy", "creationTimestamp")
            return {key: each for key, each in kept.items() if key not in added}
        return [without_defaults(each) for each in value] if isinstance(value, list) else value

    def without_empty(value):
        """An EnvVar's empty value is left out by them."""
        if isinstance(value, dict):
            return {key: without_empty(each) for key, each in value.items() if each != ""}
        return [without_empty(each) for each in value] if isinstance(value, list) else value

    assert without_empty(without_defaults(read)) == without_empty(document)


def test_the_puller_reads_what_a_secret_of_kubectl_holds(tmp_path):
    written = kubectl(
        *("create", "secret", "docker-registry", "registry-credentials", "--dry-run=client"),
        *("--docker-server=registry.example.com", "--docker-username=reader"),
        *('--docker-password=a:b"c', "--output=json"),
    )
    (content,) = json.loads(written)["data"].values()
    assert list(json.loads(written)["data"]) == [".dockerconfigjson"]
    (tmp_path / "config.json").write_bytes(base64.b64decode(content))
    environment = {"DOCKER_CONFIG": str(tmp_path), "HOME": str(tmp_path)}
    found = find_credentials("registry.example.com", "team/stack", environment)
    assert (found.username, found.password) == ("reader", 'a:b"c')


def test_the_page_s_volume_is_valid():
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    documents = list(yaml.safe_load_all(block))
    assert [each["kind"] for each in documents] == ["PersistentVolume", "PersistentVolumeClaim"]
    for document in documents:
        kubernetes_validate.validate(document, "1.37", strict=True)
