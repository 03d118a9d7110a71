"""What is known of a blob: its digests, sizes, media type and annotations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from ocistacks.digests import Digest

Compression = Literal["zstd", "gzip"]

MEDIA_TYPE_TAR_ZSTD: Final = "application/vnd.oci.image.layer.v1.tar+zstd"
MEDIA_TYPE_TAR_GZIP: Final = "application/vnd.oci.image.layer.v1.tar+gzip"

# 1980-01-01T00:00:00Z, the first instant that a zip file can tell.
MODIFICATION_TIME: Final = 315532800
MODIFICATION_TIME_RFC3339: Final = "1980-01-01T00:00:00Z"

FILE_MODE: Final = 0o644
EXECUTABLE_MODE: Final = 0o755
DIRECTORY_MODE: Final = 0o755
SYMLINK_MODE: Final = 0o777


class Blob(BaseModel):
    """A packed layer tree.

    ``digest`` and ``size`` (bytes) are those of the compressed blob; ``diff_id`` (OCI image
    spec 1.1, config, "rootfs") and ``uncompressed_size`` (bytes) those of the tar stream in it.
    ``annotations`` belong on the layer's descriptor: they tell readers of zstd:chunked where the
    table of contents lies. ``file_count`` counts every entry: files, folders and symbolic links.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    digest: Digest
    size: NonNegativeInt
    diff_id: Digest
    uncompressed_size: NonNegativeInt
    media_type: str
    annotations: Mapping[str, str]
    file_count: NonNegativeInt
