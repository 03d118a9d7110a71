"""`push` and `publish` attach SBOMs and provenance, once, and change nothing else by it."""

import json
import platform
import subprocess
import tempfile
import urllib.request
from datetime import UTC, datetime

import pytest

SBOM = "application/vnd.cyclonedx+json"
PROVENANCE = "application/vnd.in-toto+json"
MODULES = "application/vnd.ocistacks.modules.v1.tar"


def raw(reference):
    command = ["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{reference}"]
    return json.loads(subprocess.check_output(command))


def name_of(reference):
    return reference.rpartition(":")[0]


def attached(reference, digest):
    """What the tag of the subject lists, read by skopeo."""
    return raw(f"{name_of(reference)}:{digest.replace(':', '-')}")["manifests"]


def test_layers_have_both_and_images_an_sbom(attested):
    entries = raw(attested)["manifests"]
    assert len(entries) == 6
    for entry in entries:
        kinds = sorted(each["artifactType"] for each in attached(attested, entry["digest"]))
        is_layer = entry.get("artifactType") == "application/vnd.ocistacks.layer.v1"
        is_application = entry["annotations"]["dev.ocistacks.layer.kind"] == "application"
        modules = [MODULES] if is_layer and is_application else []
        assert kinds == ([SBOM, PROVENANCE, *modules] if is_layer else [SBOM])


def test_an_attestation_is_an_artifact_of_one_document(attested, tmp_path):
    entry = raw(attested)["manifests"][-1]
    (listed,) = [
        each for each in attached(attested, entry["digest"]) if each["artifactType"] == SBOM
    ]
    manifest = raw(f"{name_of(attested)}@{listed['digest']}")
    (document,) = manifest["layers"]
    assert manifest == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": SBOM,
        "config": {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            "size": 2,
        },
        "layers": [
            {
                "mediaType": SBOM,
                "digest": document["digest"],
                "size": document["size"],
                "annotations": {"org.opencontainers.image.title": "app-other.cdx.json"},
            }
        ],
        "subject": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": entry["digest"],
            "size": entry["size"],
        },
    }


def test_a_second_push_sends_no_attestation(command_line, small_stack, attested, base_layout):
    told = command_line.succeed("push", small_stack, attested, "--base-image", base_layout)
    assert "attestations: sent 0, 12 were there" in told
    assert "sent 0 blobs (0 bytes)" in told


def test_another_machine_makes_the_same_ones(
    fresh_command_line, small_stack, attested, base_layout
):
    told = fresh_command_line.succeed(
        "push", small_stack, attested, "--base-image", base_layout, "--no-cache"
    )
    assert "attestations: sent 0, 12 were there" in told


def test_the_stack_is_the_same_without_them(command_line, small_stack, attested, base_layout):
    other = f"{name_of(attested)}-without:latest"
    told = command_line.succeed(
        "push", small_stack, other, "--base-image", base_layout, "--no-attestations"
    )
    assert "attestations" not in told
    assert raw(other) == raw(attested)
    for entry in raw(other)["manifests"]:
        with pytest.raises(subprocess.CalledProcessError):
            attached(other, entry["digest"])
    told = command_line.succeed("push", small_stack, other, "--base-image", base_layout)
    assert "attestations: sent 12, 0 were there" in told


def test_nothing_of_the_machine_is_in_them(attested, test_cache):
    for entry in raw(attested)["manifests"]:
        for listed in attached(attested, entry["digest"]):
            (document,) = raw(f"{name_of(attested)}@{listed['digest']}")["layers"]
            text = blob(attested, document["digest"])
            year = str(datetime.now(UTC).year)
            for told in (str(test_cache), tempfile.gettempdir(), platform.node(), year):
                assert told.encode() not in text
            if document["mediaType"] == PROVENANCE:
                assert json.loads(text)["predicate"]["buildDefinition"]["resolvedDependencies"]


def blob(reference, digest):
    host, _, repository = name_of(reference).partition("/")
    with urllib.request.urlopen(f"http://{host}/v2/{repository}/blobs/{digest}") as answer:
        return answer.read()


def test_a_shared_layer_repository_has_those_of_layers(command_line, small_stack, registry):
    shared, own = f"{registry}/e2e/shared-layers", f"{registry}/e2e/of-a-team:latest"
    command_line.succeed("push", small_stack, own, "--layer-repository", shared)
    entries = raw(own)["manifests"]
    assert len(entries) == 4
    for entry in entries:
        count = 3 if entry["annotations"]["dev.ocistacks.layer.kind"] == "application" else 2
        assert len(attached(f"{shared}:latest", entry["digest"])) == count
        assert len(attached(own, entry["digest"])) == count


def test_a_layout_lists_them_in_its_index(command_line, small_stack, tmp_path):
    command_line.succeed("publish", small_stack, "--output-dir", tmp_path / "published")
    folder = tmp_path / "published" / "oci"
    index = json.loads((folder / "index.json").read_text())
    kinds = [
        entry.get("artifactType") for entry in index["manifests"] if "annotations" not in entry
    ]
    assert sorted(kinds) == [SBOM] * 4 + [PROVENANCE] * 4 + [MODULES] * 2
    before = (folder / "index.json").read_bytes()
    command_line.succeed("publish", small_stack, "--output-dir", tmp_path / "published")
    assert (folder / "index.json").read_bytes() == before

    command_line.succeed(
        "publish", small_stack, "--output-dir", tmp_path / "bare", "--no-attestations"
    )
    index = json.loads((tmp_path / "bare" / "oci" / "index.json").read_text())
    assert all("annotations" in entry for entry in index["manifests"])
