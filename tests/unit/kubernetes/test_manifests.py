"""Every mode in every kind: valid for Kubernetes' own schemas, and under the restricted profile."""

import copy
import re

import kubernetes_validate
import pytest
import yaml

from ocistacks.kubernetes.choices import Kind, Mode
from ocistacks.kubernetes.model import Amounts, NodeStore, Workload
from ocistacks.kubernetes.workloads import manifest
from ocistacks.kubernetes.yaml_text import yaml_text

# Image volumes are in the API from 1.31 on.
VERSIONS = {
    Mode.INIT: ("1.25", "1.29", "1.33", "1.37"),
    Mode.NODE: ("1.25", "1.29", "1.33", "1.37"),
    Mode.IMAGE: ("1.25", "1.29", "1.33", "1.37"),
    Mode.IMAGE_VOLUME: ("1.31", "1.33", "1.35", "1.37"),
}
FULL = {
    "namespace": "team",
    "resources": (
        ("cpu", Amounts(request="500m", limit="2")),
        ("memory", Amounts(request="1Gi", limit="1Gi")),
    ),
    "pull_secrets": ("first", "second"),
    "environment": (("GREETING", "hello"), ("HOME", "/srv")),
    "arguments": ("--fast", "1e3"),
    "user": 4321,
}


def spec_of(document):
    return document["spec"] if document["kind"] == "Pod" else document["spec"]["template"]["spec"]


def cases():
    return [
        pytest.param(mode, kind, fields, version, id=f"{mode}-{kind}-{name}-{version}")
        for mode in Mode
        for kind in Kind
        for name, fields in (("small", {}), ("full", FULL))
        for version in VERSIONS[mode]
    ]


@pytest.mark.parametrize(("mode", "kind", "fields", "version"), cases())
def test_kubernetes_schemas_take_it(application, pod_of, mode, kind, fields, version):
    workload = Workload(name="demo", kind=kind, **fields)
    document = manifest(application, workload, pod_of(mode, workload))
    text = yaml_text(document)
    assert not {type(token) for token in yaml.scan(text)} & {yaml.AliasToken, yaml.AnchorToken}
    read = yaml.safe_load(text)
    assert read == document
    kubernetes_validate.validate(read, version, strict=True)


def test_the_schemas_refuse_what_is_wrong(application, pod_of):
    workload = Workload(name="demo")
    document = manifest(application, workload, pod_of(Mode.INIT, workload))
    document["spec"]["containers"][0]["imagePulPolicy"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, "1.33", strict=True)
    volumes = manifest(application, workload, pod_of(Mode.IMAGE_VOLUME, workload))
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(volumes, "1.30", strict=True)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("mode", [Mode.INIT, Mode.IMAGE_VOLUME, Mode.IMAGE])
def test_the_restricted_profile_holds(application, pod_of, restricted_faults, mode, kind):
    workload = Workload(name="demo", kind=kind, **FULL)
    document = manifest(application, workload, pod_of(mode, workload))
    assert restricted_faults(spec_of(document)) == []


def test_a_node_s_folder_is_all_that_breaks_the_profile_and_a_claim_does_not(
    pod_of, restricted_faults
):
    assert restricted_faults(pod_of(Mode.NODE)) == ["volume hostPath"]
    assert restricted_faults(pod_of(Mode.NODE, store=NodeStore(claim="ocistacks"))) == []


BREAKS = {
    "hostNetwork": lambda spec: spec.update(hostNetwork=True),
    "volume hostPath": lambda spec: spec["volumes"].append({"name": "x", "hostPath": {}}),
    "service account token": lambda spec: spec.pop("automountServiceAccountToken"),
    "application: allowPrivilegeEscalation": lambda spec: spec["containers"][0][
        "securityContext"
    ].pop("allowPrivilegeEscalation"),
    "application: capabilities": lambda spec: spec["containers"][0]["securityContext"].update(
        capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN"]}
    ),
    "application: privileged": lambda spec: spec["containers"][0]["securityContext"].update(
        privileged=True
    ),
    "pull: readOnlyRootFilesystem": lambda spec: spec["initContainers"][0]["securityContext"].pop(
        "readOnlyRootFilesystem"
    ),
    "pull: runAsNonRoot": lambda spec: spec["initContainers"][0]["securityContext"].update(
        runAsNonRoot=False
    ),
    "pull: runAsUser": lambda spec: spec["initContainers"][0]["securityContext"].update(
        runAsUser=0
    ),
    "pull: seccompProfile": lambda spec: spec["initContainers"][0]["securityContext"].update(
        seccompProfile={"type": "Unconfined"}
    ),
}


@pytest.mark.parametrize("fault", BREAKS)
def test_the_check_of_the_profile_finds_each_fault(pod_of, restricted_faults, fault):
    spec = copy.deepcopy(pod_of(Mode.INIT))
    BREAKS[fault](spec)
    assert restricted_faults(spec) == [fault]


@pytest.mark.parametrize("mode", Mode)
def test_every_image_is_named_by_digest_alone(application, pod_of, mode):
    text = yaml_text(manifest(application, Workload(name="demo"), pod_of(mode)))
    images = re.findall(r"^ *(?:- )?(?:image|reference): (\S+)$", text, flags=re.MULTILINE)
    expected = {Mode.INIT: 2, Mode.NODE: 2, Mode.IMAGE: 1, Mode.IMAGE_VOLUME: 4}
    assert len(images) == expected[mode]
    assert all(re.fullmatch(r"[a-z./-]+@sha256:[0-9a-f]{64}", image) for image in images)


def test_the_kinds_wrap_the_same_pod(application, pod_of):
    documents = {
        kind: manifest(
            application, Workload(name="demo", kind=kind, replicas=3), pod_of(Mode.IMAGE)
        )
        for kind in Kind
    }
    told = {kind: (each["apiVersion"], each["kind"]) for kind, each in documents.items()}
    assert told == {
        Kind.POD: ("v1", "Pod"),
        Kind.DEPLOYMENT: ("apps/v1", "Deployment"),
        Kind.JOB: ("batch/v1", "Job"),
    }
    deployment = documents[Kind.DEPLOYMENT]["spec"]
    assert deployment["replicas"] == 3
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"].items() <= labels.items()
    assert documents[Kind.POD]["metadata"]["annotations"] == {
        "dev.ocistacks.reference": "registry.example.com/team/stack:latest"
    }


@pytest.mark.parametrize(
    ("kind", "policy"),
    [(Kind.POD, "OnFailure"), (Kind.JOB, "OnFailure"), (Kind.DEPLOYMENT, "Always")],
)
def test_a_pull_that_failed_is_tried_again(pod_of, kind, policy):
    assert pod_of(Mode.INIT, Workload(name="demo", kind=kind))["restartPolicy"] == policy
