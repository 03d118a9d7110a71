"""`ocistacks verify` finds what somebody with the right to push has forged, and nothing else."""

import json

import pytest
import zstandard

from ocistacks.blob.toc import (
    SKIPPABLE_HEADER_SIZE,
    Footer,
    Part,
    annotations_of,
    encode_footer,
    parse_footer,
    skippable_frame,
)
from ocistacks.digests import Digest

SBOM = "application/vnd.cyclonedx+json"
PROVENANCE = "application/vnd.in-toto+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
CHANGED_STATEMENTS = {
    "build request": lambda d: d["predicate"]["buildDefinition"]["externalParameters"]["wheels"][
        0
    ].update(version="9"),
    "blob": lambda d: d["subject"][0]["digest"].update(sha256="0" * 64),
    "archive": lambda d: d["subject"][0].update(name="other.tar.zst"),
    "lock": lambda d: d["predicate"]["buildDefinition"]["internalParameters"].update(
        lock_hash=f"sha256:{'0' * 64}"
    ),
    "set of materials": lambda d: d["predicate"]["buildDefinition"]["resolvedDependencies"].pop(),
}


@pytest.mark.parametrize("part", CHANGED_STATEMENTS)
def test_another_provenance_is_found(fresh_command_line, rows, forger, part):
    entry = forger.entry("framework-numbers")
    (statement,) = forger.documents(entry, PROVENANCE)
    forger.detach(entry, PROVENANCE)
    document = json.loads(statement)
    CHANGED_STATEMENTS[part](document)
    forger.attach(entry, PROVENANCE, json.dumps(document).encode())
    finished = fresh_command_line.run("verify", forger.reference)
    assert finished.returncode == 8, finished.stdout
    assert f"A layer's provenance tells of another {part}.\n" in finished.stderr
    assert rows(finished.stdout)["framework-numbers"]["PROVENANCE"] == "wrong"


def test_a_second_provenance_does_not_hide_behind_the_first(fresh_command_line, forger):
    entry = forger.entry("framework-numbers")
    (statement,) = forger.documents(entry, PROVENANCE)
    document = json.loads(statement)
    CHANGED_STATEMENTS["blob"](document)
    forger.attach(entry, PROVENANCE, json.dumps(document).encode())
    code, message = fresh_command_line.fail("verify", forger.reference)
    assert (code, message.splitlines()[0]) == (8, f"1 check fails of {forger.reference}.")


def without_a_package(document):
    document["components"].pop()


def with_another_hash(document):
    document["components"][0]["hashes"][0]["content"] = "0" * 64


@pytest.mark.parametrize("change", [without_a_package, with_another_hash])
def test_another_sbom_is_found(fresh_command_line, rows, forger, change):
    entry = forger.entry("framework-numbers")
    (sbom,) = forger.documents(entry, SBOM)
    forger.detach(entry, SBOM)
    document = json.loads(sbom)
    removed = document["components"][-1 if change is without_a_package else 0]["name"]
    change(document)
    forger.attach(entry, SBOM, json.dumps(document).encode())
    finished = fresh_command_line.run("verify", forger.reference)
    assert finished.returncode == 8
    assert "An SBOM lists other packages than were built in.\n" in finished.stderr
    expected = finished.stderr.partition("expected: ")[2]
    assert expected.startswith(removed)
    assert rows(finished.stdout)["framework-numbers"]["SBOM"] == "wrong"


def test_what_scanners_attach_is_left_alone(fresh_command_line, forger):
    entry = forger.entry("framework-numbers")
    other = {"bomFormat": "CycloneDX", "specVersion": "1.4", "metadata": {"tools": [{"name": "x"}]}}
    forger.attach(entry, SBOM, json.dumps(other).encode())
    foreign = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [],
        "predicateType": "https://example.com/scan/v1",
        "predicate": {},
    }
    forger.attach(entry, PROVENANCE, json.dumps(foreign).encode())
    fresh_command_line.succeed("verify", forger.reference)


def test_an_index_that_says_something_else_than_the_manifest_is_found(fresh_command_line, forger):
    entry = forger.entry("framework-numbers")
    annotations = {**entry.annotations, "dev.ocistacks.layer.lock-version": "7"}
    forger.replace("framework-numbers", forger.manifest(entry), annotations=annotations)
    code, message = fresh_command_line.fail("verify", forger.reference)
    assert code == 11
    assert "A layer's manifest says something else than the stack's index.\n" in message


def test_a_table_of_contents_that_lies_is_found(fresh_command_line, rows, forger, tmp_path):
    (layer,) = forger.manifest(forger.entry("framework-numbers")).layers
    content = forger.layout.blob_path(layer.digest).read_bytes()
    footer = parse_footer(content[-64:])
    part = footer.toc
    text = zstandard.ZstdDecompressor().decompress(
        content[part.offset : part.offset + part.size], max_output_size=part.uncompressed_size
    )
    text = text.replace(b"/counting.py", b"/countinh.py")
    toc = zstandard.ZstdCompressor().compress(text)
    lying = Footer(
        toc=Part(offset=part.offset, size=len(toc), uncompressed_size=len(text)),
        tar_split=footer.tar_split,
    )
    head = content[: part.offset - SKIPPABLE_HEADER_SIZE]
    path = tmp_path / "forged"
    path.write_bytes(head + skippable_frame(toc) + skippable_frame(encode_footer(lying)))

    class Lying:
        annotations = annotations_of(lying, Digest.of_bytes(toc))
        uncompressed_size = layer.annotation("dev.ocistacks.blob.uncompressed-size")
        file_count = layer.annotation("dev.ocistacks.blob.file-count")
        diff_id = json.loads(
            forger.layout.blob_path(
                forger.manifest(forger.entry("framework-numbers")).config.digest
            ).read_bytes()
        )["rootfs"]["diff_ids"][0]

    forger.with_blob("framework-numbers", Lying, tmp_path)
    finished = fresh_command_line.run("verify", forger.reference)
    assert finished.returncode == 11, finished.stderr
    table = rows(finished.stdout)
    assert (table["framework-numbers"]["BLOB"], table["framework-numbers"]["CONTENTS"]) == (
        "ok",
        "wrong",
    )
    assert "A blob's table of contents lists other files than its tar holds.\n" in finished.stderr


def test_an_image_with_another_layer_is_found(
    command_line, fresh_command_line, forger_of, rows, small_stack, base_layout, tmp_path
):
    folder = tmp_path / "images"
    reference = f"oci:{folder}:latest"
    command_line.succeed("push", small_stack, reference, "--base-image", base_layout)
    forger = forger_of(folder)
    images = [
        entry
        for entry in forger.index.manifests
        if not entry.annotation("org.opencontainers.image.title")
    ]
    manifest = forger.manifest(images[0])
    other = forger.manifest(forger.entry("app-other")).layers[0]
    changed = manifest.model_copy(update={"layers": (*manifest.layers[:-1], other)})
    content = changed.canonical()
    forger.layout.write_manifest(content, MANIFEST_TYPE, None)
    new = images[0].model_copy(update={"digest": Digest.of_bytes(content), "size": len(content)})
    entries = tuple(new if each == images[0] else each for each in forger.index.manifests)
    index = forger.index.model_copy(update={"manifests": entries}).canonical()
    forger.layout.write_manifest(index, INDEX_TYPE, "latest")
    finished = fresh_command_line.run("verify", reference, "--no-attestations")
    assert finished.returncode == 8
    assert "An image's layers are not those of the stack.\n" in finished.stderr
    assert rows(finished.stdout)["image of app-demo"]["BLOB"] == "wrong"
