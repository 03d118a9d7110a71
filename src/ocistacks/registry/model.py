"""OCI documents as types, with the specification's field names (OCI image spec 1.1).

Foreign documents may hold more fields than these: they are read and kept. What is written is
canonical JSON, so that one value has one digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from ocistacks.canonical_json import canonical_json
from ocistacks.digests import Digest
from ocistacks.errors import TransferError, UnsafeContentError
from ocistacks.platforms import Platform
from ocistacks.registry import media_types

LARGEST_DOCUMENT_BYTES: Final = 4 * 1024 * 1024
"""What registries take at most (distribution spec 1.1, "Pushing Manifests")."""

_FAULTS_SHOWN = 3


_Model = TypeVar("_Model", bound=BaseModel)


def _parse(model: type[_Model], content: bytes, *, where: str) -> _Model:
    bound_document(len(content), where=where)
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(part) for part in fault['loc']) or 'document'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        ]
        raise TransferError(
            "A document is not what it was announced as.",
            where=where,
            found="; ".join(faults[:_FAULTS_SHOWN])[:500],
            expected=f"{model.__name__} (OCI image spec 1.1)",
            hint="check that the reference names an image, a layer or a stack",
        ) from error


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    def canonical(self) -> bytes:
        """Return the document's one byte form; fields without a value are left out."""
        return canonical_json(self.model_dump(mode="json", by_alias=True, exclude_none=True))

    @classmethod
    def read(cls, content: bytes, *, where: str) -> Self:
        """Parse a stranger's document; ``where`` names it to the user.

        Raises:
            TransferError: it is no such document.
            UnsafeContentError: it is larger than any registry takes.
        """
        return _parse(cls, content, where=where)


class PlatformObject(_Document):
    """platform object (image index, "platform")."""

    architecture: str
    os: str
    os_version: str | None = Field(default=None, alias="os.version")
    os_features: tuple[str, ...] | None = Field(default=None, alias="os.features")
    variant: str | None = None

    @classmethod
    def of(cls, platform: Platform) -> PlatformObject:
        """Return how OCI writes ``platform``."""
        return cls(architecture=platform.oci_architecture, os=platform.oci_os)

    def names(self, platform: Platform) -> bool:
        """Whether this is ``platform``; variants of it (``v8``) are."""
        return (self.os, self.architecture) == (platform.oci_os, platform.oci_architecture)

    def platform(self) -> Platform | None:
        """Return the target platform that this is, None where stacks know none."""
        return next((platform for platform in Platform if self.names(platform)), None)


class Descriptor(_Document):
    """descriptor (descriptor.md); ``size`` in bytes."""

    media_type: str = Field(alias="mediaType")
    digest: Digest
    size: NonNegativeInt
    annotations: Mapping[str, str] | None = None
    artifact_type: str | None = Field(default=None, alias="artifactType")
    platform: PlatformObject | None = None

    def annotation(self, key: str) -> str | None:
        """Return the annotation ``key``, None where it is not there."""
        return (self.annotations or {}).get(key)

    @property
    def is_index(self) -> bool:
        """Whether this names a list of manifests."""
        return self.media_type in media_types.INDEXES

    @property
    def is_manifest(self) -> bool:
        """Whether this names an image's or artifact's manifest."""
        return self.media_type in media_types.MANIFESTS


class Manifest(_Document):
    """image manifest (manifest.md)."""

    schema_version: Literal[2] = Field(default=2, alias="schemaVersion")
    media_type: str | None = Field(default=None, alias="mediaType")
    artifact_type: str | None = Field(default=None, alias="artifactType")
    config: Descriptor
    layers: tuple[Descriptor, ...]
    subject: Descriptor | None = None
    annotations: Mapping[str, str] | None = None


class Index(_Document):
    """image index (image-index.md)."""

    schema_version: Literal[2] = Field(default=2, alias="schemaVersion")
    media_type: str | None = Field(default=None, alias="mediaType")
    artifact_type: str | None = Field(default=None, alias="artifactType")
    manifests: tuple[Descriptor, ...]
    subject: Descriptor | None = None
    annotations: Mapping[str, str] | None = None


class RootFilesystem(_Document):
    """root file system (config.md, "rootfs"): digests of the layers' tar streams, lowest first."""

    type: Literal["layers"] = "layers"
    diff_ids: tuple[Digest, ...]


class ContainerConfiguration(BaseModel):
    """How a container runs (config.md, "config"); what this does not know is dropped."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    user: str | None = Field(default=None, alias="User")
    environment: tuple[str, ...] | None = Field(default=None, alias="Env")
    entrypoint: tuple[str, ...] | None = Field(default=None, alias="Entrypoint")
    command: tuple[str, ...] | None = Field(default=None, alias="Cmd")
    working_directory: str | None = Field(default=None, alias="WorkingDir")
    labels: Mapping[str, str] | None = Field(default=None, alias="Labels")
    stop_signal: str | None = Field(default=None, alias="StopSignal")


class HistoryEntry(BaseModel):
    """One step of an image's making (config.md, "history"); what this does not know is dropped."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    created: str | None = None
    created_by: str | None = None
    comment: str | None = None
    empty_layer: bool | None = None


class ImageConfiguration(_Document):
    """image configuration (config.md)."""

    architecture: str
    os: str
    variant: str | None = None
    created: str | None = None
    config: ContainerConfiguration | None = None
    rootfs: RootFilesystem
    history: tuple[HistoryEntry, ...] | None = None


class _Kind(BaseModel):
    """The keys that say what a document is, and those by which it could pass for another."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    media_type: str | None = Field(default=None, alias="mediaType")
    artifact_type: str | None = Field(default=None, alias="artifactType")
    manifests: object = None
    layers: object = None
    config: object = None


def read_kind(content: bytes, *, where: str) -> tuple[str | None, str | None]:
    """Return the media type and the artifact type that a document gives itself."""
    kind = _parse(_Kind, content, where=where)
    return kind.media_type, kind.artifact_type


def read_graph_document(content: bytes, descriptor: Descriptor, *, where: str) -> Manifest | Index:
    """Parse a verified manifest or index as what its descriptor says that it is.

    Raises:
        TransferError: it is no such document.
        UnsafeContentError: it could be read in two ways (image spec 1.1, "mediaType"), is too
            large, or is of a type that is not followed.
    """
    model: type[Manifest | Index] = Index if descriptor.is_index else Manifest
    if not (descriptor.is_index or descriptor.is_manifest):
        raise UnsafeContentError(
            "An object of this type cannot be followed.",
            where=where,
            found=descriptor.media_type,
            expected=media_types.ACCEPTED,
        )
    document = model.read(content, where=where)
    kind = _Kind.model_validate_json(content)
    foreign = (kind.layers or kind.config) if descriptor.is_index else kind.manifests
    if foreign is not None:
        raise _ambiguous(descriptor, where, found="both a list of manifests and an image")
    if kind.media_type not in {None, descriptor.media_type}:
        raise _ambiguous(descriptor, where, found=str(kind.media_type)[:200])
    return document


def _ambiguous(descriptor: Descriptor, where: str, *, found: str) -> UnsafeContentError:
    return UnsafeContentError(
        "A document says of itself that it is something else than it was announced as.",
        where=where,
        found=found,
        expected=descriptor.media_type,
    )


def bound_document(size: int, *, where: str) -> None:
    """Raise UnsafeContentError for a document of more bytes than any registry takes."""
    if size > LARGEST_DOCUMENT_BYTES:
        raise UnsafeContentError(
            "A document is larger than a manifest may be.",
            where=where,
            found=f"{size} bytes",
            expected=f"at most {LARGEST_DOCUMENT_BYTES} bytes",
        )
