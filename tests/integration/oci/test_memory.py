"""Push and pull hold no blob in memory: each in a process of its own, whose peak is measured."""

from __future__ import annotations

import json
import os
import sys

from ocistacks.blob.model import MEDIA_TYPE_TAR_ZSTD, Blob
from ocistacks.digests import Digest
from ocistacks.oci.assemble import layer_artifact
from ocistacks.oci.description import LayerDescription
from ocistacks.oci.layout import ImageLayout
from ocistacks.platforms import Platform

GIGABYTE = 1_000_000_000
LARGEST_PEAK_BYTES = 200_000_000
COPY = r"""
import json, re, sys
from ocistacks.oci.open import open_sink, open_source
from ocistacks.registry.reference import parse_reference
from ocistacks.oci.transfer import copy_objects
from ocistacks.progress import SilentReporter
here, there = map(parse_reference, sys.argv[1:])
with open_source(here, environment={}) as source, open_sink(there, environment={}) as sink:
    root = source.resolve(here.target)
    summary = copy_objects(source, sink, root, tag=there.tag, reporter=SilentReporter())
# Not getrusage: its peak begins with that of the process that this one was forked from.
with open("/proc/self/status") as status:
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1]) * 1024
print(json.dumps({"peak": peak, "sent": summary.sent_bytes}))
"""


def make_layout(folder):
    """A layout with one layer of a gigabyte that does not compress."""
    layout = ImageLayout.create(folder)
    block = os.urandom(1_000_000)
    temporary = folder.parent / "blob"
    with temporary.open("wb") as stream:
        for number in range(GIGABYTE // len(block)):
            stream.write(number.to_bytes(8, "big") + block[8:])
    digest = Digest.of_file(temporary)
    temporary.rename(layout.blob_path(digest))
    description = LayerDescription(
        name="large",
        kind="runtime",
        install_target="large",
        lock_hash=digest,
        input_digest=digest,
        lock_version=1,
        requires=(),
        platform=Platform.LINUX_X86_64,
        archive_name="large.tar.zst",
    )
    blob = Blob(
        digest=digest,
        size=GIGABYTE,
        diff_id=digest,
        uncompressed_size=GIGABYTE,
        media_type=MEDIA_TYPE_TAR_ZSTD,
        annotations={},
        file_count=1,
    )
    artifact = layer_artifact(description, blob)
    configuration = layout.blob_path(artifact.configuration_descriptor.digest)
    configuration.write_bytes(artifact.configuration)
    layout.write_manifest(artifact.manifest, artifact.descriptor.media_type, "latest")
    return digest


def test_a_gigabyte_is_pushed_and_pulled_in_little_memory(registry, repository_name, run, tmp_path):
    digest = make_layout(tmp_path / "here")
    name = f"{registry}/{repository_name}:latest"
    push = json.loads(run(sys.executable, "-c", COPY, f"oci:{tmp_path / 'here'}", name))
    (tmp_path / "here" / "blobs" / "sha256" / digest.hex).unlink()
    pull = json.loads(run(sys.executable, "-c", COPY, name, f"oci:{tmp_path / 'there'}"))
    assert push["sent"] == pull["sent"] > GIGABYTE
    assert push["peak"] < LARGEST_PEAK_BYTES
    assert pull["peak"] < LARGEST_PEAK_BYTES
    pulled = tmp_path / "there" / "blobs" / "sha256" / digest.hex
    assert Digest.of_file(pulled) == digest
    pulled.unlink()
