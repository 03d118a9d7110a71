"""What an inspection tells of a stack, a layer artifact or an image; sizes in bytes.

The keys of ``to_json`` are a contract (docs/sharing.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ocistacks.oci import annotations as keys

if TYPE_CHECKING:
    from ocistacks.digests import Digest
    from ocistacks.oci.description import LayerDescription
    from ocistacks.registry.model import Descriptor

InspectedKind = Literal["stack", "layer", "image", "index"]
_LONGEST_NUMBER = 15


@dataclass(frozen=True, kw_only=True, slots=True)
class BlobReport:
    """A blob as its descriptor tells of it; sizes in bytes, None where nothing is told."""

    name: str | None
    digest: Digest
    media_type: str
    size: int
    uncompressed_size: int | None
    file_count: int | None

    @classmethod
    def of(cls, blob: Descriptor) -> BlobReport:
        """Return what a layer's descriptor tells."""
        return cls(
            name=blob.annotation(keys.TITLE),
            digest=blob.digest,
            media_type=blob.media_type,
            size=blob.size,
            uncompressed_size=_number(blob.annotation(keys.BLOB_UNCOMPRESSED_SIZE)),
            file_count=_number(blob.annotation(keys.BLOB_FILE_COUNT)),
        )

    def to_json(self) -> dict[str, object]:
        """Return the blob as JSON has it."""
        return {
            "name": self.name,
            "digest": self.digest,
            "media_type": self.media_type,
            "bytes": self.size,
            "uncompressed_bytes": self.uncompressed_size,
            "files": self.file_count,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerReport:
    """A layer artifact; ``applications`` are those of its platform that stand on it, or are it."""

    digest: Digest
    description: LayerDescription
    blob: BlobReport
    applications: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Return the layer as JSON has it."""
        description = self.description
        return {
            "name": description.name,
            "kind": description.kind,
            "install_target": description.install_target,
            "platform": description.platform,
            "lock_version": description.lock_version,
            "lock_hash": description.lock_hash,
            "input_digest": description.input_digest,
            "requires": list(description.requires),
            "launch_module": description.launch_module,
            "digest": self.digest,
            "blob": self.blob.to_json(),
            "applications": list(self.applications),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageReport:
    """An image; ``application`` and ``launch_module`` are None where no application is told."""

    digest: Digest
    application: str | None
    launch_module: str | None
    platform: str | None
    base_name: str | None
    base_digest: str | None
    blobs: tuple[BlobReport, ...]

    def to_json(self) -> dict[str, object]:
        """Return the image as JSON has it."""
        return {
            "digest": self.digest,
            "application": self.application,
            "launch_module": self.launch_module,
            "platform": self.platform,
            "base": None
            if self.base_digest is None
            else {"name": self.base_name, "digest": self.base_digest},
            "blobs": [blob.to_json() for blob in self.blobs],
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplicationReport:
    """An application; ``image_tag`` is the tag of its image, if the stack has one and a tag."""

    name: str
    launch_module: str | None
    image_tag: str | None
    platforms: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Return the application as JSON has it."""
        return {
            "name": self.name,
            "launch_module": self.launch_module,
            "image_tag": self.image_tag,
            "platforms": list(self.platforms),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Inspection:
    """What a reference names. Sizes count layers, not the base images'.

    ``size`` are the bytes of all layers, each blob once; ``size_without_sharing`` what it would be
    if each application had layers of its own.
    """

    kind: InspectedKind
    digest: Digest
    applications: tuple[ApplicationReport, ...]
    layers: tuple[LayerReport, ...]
    images: tuple[ImageReport, ...]
    size: int
    size_without_sharing: int

    def to_json(self) -> dict[str, object]:
        """Return it as JSON has it."""
        return {
            "kind": self.kind,
            "digest": self.digest,
            "applications": [application.to_json() for application in self.applications],
            "layers": [layer.to_json() for layer in self.layers],
            "images": [image.to_json() for image in self.images],
            "sharing": {
                "bytes": self.size,
                "bytes_without_sharing": self.size_without_sharing,
            },
        }


def _number(text: str | None) -> int | None:
    is_number = text is not None and text.isdecimal() and len(text) <= _LONGEST_NUMBER
    return int(text) if text is not None and is_number else None
