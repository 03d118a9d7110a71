"""`ocistacks verify`: what is sound passes, what is damaged or missing is found."""

import json
import urllib.request
from pathlib import Path

import pytest

from ocistacks.oci.layout import ImageLayout
from ocistacks.registry.model import Index, Manifest

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
LAYERS = ["app-demo", "app-other", "cpython-3.13", "framework-numbers"]


def outcomes(table):
    return {name: set(cells.values()) for name, cells in table.items()}


def test_what_was_pushed_is_what_it_promises(fresh_command_line, rows, attested):
    told = fresh_command_line.succeed("verify", attested)
    table = rows(told)
    assert sorted(table) == sorted([*LAYERS, "image of app-demo", "image of app-other"])
    for name in LAYERS:
        assert table[name] == dict.fromkeys(
            ("MANIFEST", "CONFIG", "BLOB", "CONTENTS", "PROVENANCE", "SBOM"), "ok"
        )
    assert table["image of app-demo"] == {
        **dict.fromkeys(("MANIFEST", "CONFIG", "BLOB", "SBOM"), "ok"),
        "CONTENTS": "-",
        "PROVENANCE": "-",
    }
    assert told.splitlines()[-1].endswith(": 4 layers and 2 images are what they promise")
    blobs = Path(fresh_command_line.environment["OCISTACKS_STORE"]) / "blobs" / "sha256"
    assert list(blobs.iterdir()) == []


def test_a_layout_is_verified_as_well(fresh_command_line, rows, layout):
    told = fresh_command_line.succeed("verify", f"oci:{layout}")
    assert set.union(*outcomes(rows(told)).values()) == {"ok"}


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def parts(attested, name="framework-numbers"):
    """The digests of a layer's manifest, configuration and blob, as the registry has them."""
    host, _, rest = attested.partition("/")
    repository, _, tag = rest.rpartition(":")

    def read(target):
        request = urllib.request.Request(
            f"http://{host}/v2/{repository}/manifests/{target}",
            headers={"Accept": f"{INDEX_TYPE}, {MANIFEST_TYPE}"},
        )
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())

    (entry,) = [
        entry
        for entry in read(tag)["manifests"]
        if entry["annotations"]["dev.ocistacks.layer.name"] == name and "artifactType" in entry
    ]
    manifest = read(entry["digest"])
    return {
        "MANIFEST": entry["digest"],
        "CONFIG": manifest["config"]["digest"],
        "BLOB": manifest["layers"][0]["digest"],
    }


def cut(content):
    return content[:-1]


@pytest.mark.parametrize(
    ("part", "change"),
    [("MANIFEST", flipped), ("CONFIG", flipped), ("CONFIG", cut), ("BLOB", flipped), ("BLOB", cut)],
)
def test_a_changed_byte_in_the_registry_is_found(
    fresh_command_line, rows, attested, damaged, part, change
):
    digest = parts(attested)[part]
    with damaged(digest, change):
        finished = fresh_command_line.run("verify", attested)
    assert finished.returncode == 8, finished.stderr
    assert f"framework-numbers (linux_x86_64), {part.lower()}: " in finished.stderr
    assert digest in finished.stderr
    table = rows(finished.stdout)
    assert table["framework-numbers"][part] == "wrong"
    for name in ("app-demo", "cpython-3.13"):
        assert set(table[name].values()) == {"ok"}


def test_all_faults_are_told_at_once(fresh_command_line, attested, damaged):
    of_framework = parts(attested)
    of_runtime = parts(attested, "cpython-3.13")
    with damaged(of_framework["CONFIG"], flipped), damaged(of_runtime["BLOB"], flipped):
        code, message = fresh_command_line.fail("verify", attested)
    assert code == 8
    assert message.startswith(f"2 checks fail of {attested}.\n")
    assert "framework-numbers (linux_x86_64), config: " in message
    assert "cpython-3.13 (linux_x86_64), blob: " in message


def test_a_damaged_base_of_an_image_is_found(
    fresh_command_line, rows, attested, damaged, base_layout
):
    base = ImageLayout.open(Path(base_layout.removeprefix("oci:")))
    manifest = base.resolve(None)
    while manifest.is_index:
        manifest = Index.read(base.read_manifest(manifest), where="test").manifests[0]
    (layer, *_) = Manifest.read(base.read_manifest(manifest), where="test").layers
    with damaged(layer.digest, flipped):
        finished = fresh_command_line.run("verify", attested)
    assert finished.returncode == 8
    table = rows(finished.stdout)
    assert table["image of app-demo"]["BLOB"] == table["image of app-other"]["BLOB"] == "wrong"
    assert set.union(*(set(table[name].values()) for name in LAYERS)) == {"ok"}


def test_a_stack_without_attestations_says_so(
    command_line, fresh_command_line, rows, small_stack, tmp_path
):
    reference = f"oci:{tmp_path / 'bare'}:latest"
    command_line.succeed("push", small_stack, reference, "--no-attestations")
    finished = fresh_command_line.run("verify", reference)
    assert finished.returncode == 6
    assert rows(finished.stdout)["app-demo"]["PROVENANCE"] == "missing"
    assert "  hint: push the stack again, or leave these checks out with --no-attestations\n" in (
        finished.stderr
    )
    told = fresh_command_line.succeed("verify", reference, "--no-attestations")
    assert set(rows(told)["app-demo"]) == {"MANIFEST", "CONFIG", "BLOB", "CONTENTS"}


def test_what_makes_no_sense_together(fresh_command_line, attested):
    code, message = fresh_command_line.fail("verify", attested, "--rebuild", "--no-attestations")
    assert (code, message.splitlines()[0]) == (2, "A layer is built again from its provenance.")
    code, message = fresh_command_line.fail("verify", attested, "--platform", "linux_aarch64")
    assert (code, message.splitlines()[0]) == (
        6,
        "This reference has no layers for the platform.",
    )
    code, message = fresh_command_line.fail("verify", f"{attested}-demo")
    assert (code, message.splitlines()[0]) == (6, "This reference names no stack.")
