"""A base image for application images, made from a root file system's tar, in an image layout.

For machines that reach no registry of base images; everybody else names one.
"""

from __future__ import annotations

import gzip
import shutil
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from ocistacks.blob.model import MEDIA_TYPE_TAR_GZIP, MODIFICATION_TIME_RFC3339
from ocistacks.digests import Digest
from ocistacks.oci.assemble import DEFAULT_PATH
from ocistacks.oci.layout import ImageLayout
from ocistacks.registry import media_types
from ocistacks.registry.model import (
    ContainerConfiguration,
    Descriptor,
    HistoryEntry,
    ImageConfiguration,
    Manifest,
    RootFilesystem,
)

if TYPE_CHECKING:
    from ocistacks.platforms import Platform

_COPY_BYTES = 1 << 20
_LEVEL = 1  # fast: the image is for this machine


def write_base_layout(archive: Path, folder: Path, platform: Platform, tag: str) -> Digest:
    """Write an image layout with one image of one layer, and return the manifest's digest.

    ``archive`` is the tar of a root file system. gzip, so that every engine reads the image.

    Raises:
        TargetError: the folder holds something else, or cannot be written.
    """
    layout = ImageLayout.create(folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as temporary:
        packed = Path(temporary) / "layer.tar.gz"
        with (
            archive.open("rb") as source,
            packed.open("wb") as raw,
            gzip.GzipFile("", "wb", compresslevel=_LEVEL, fileobj=raw, mtime=0) as target,
        ):
            shutil.copyfileobj(source, target, _COPY_BYTES)
        layer = Descriptor(
            media_type=MEDIA_TYPE_TAR_GZIP,
            digest=Digest.of_file(packed),
            size=packed.stat().st_size,
        )
        layout.write_blob_file(layer, packed)
    configuration = ImageConfiguration(
        architecture=platform.oci_architecture,
        os=platform.oci_os,
        created=MODIFICATION_TIME_RFC3339,
        config=ContainerConfiguration(environment=(DEFAULT_PATH,)),
        rootfs=RootFilesystem(diff_ids=(Digest.of_file(archive),)),
        history=(HistoryEntry(created=MODIFICATION_TIME_RFC3339, created_by="mmdebstrap"),),
    ).canonical()
    described = Descriptor(
        media_type=media_types.IMAGE_CONFIGURATION,
        digest=Digest.of_bytes(configuration),
        size=len(configuration),
    )
    layout.write_blob(described, lambda: nullcontext(iter((configuration,))))
    manifest = Manifest(
        media_type=media_types.IMAGE_MANIFEST, config=described, layers=(layer,)
    ).canonical()
    layout.write_manifest(manifest, media_types.IMAGE_MANIFEST, tag)
    return Digest.of_bytes(manifest)
