"""Making OCI documents from layers: pure, deterministic, no engine.

The forms are those of docs/oci-objects.md. Nothing here knows the time: what the specification
calls ``created`` is the constant of every file's time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.blob.model import MODIFICATION_TIME_RFC3339
from ocistacks.digests import Digest
from ocistacks.errors import UsageError
from ocistacks.oci import annotations as keys
from ocistacks.registry import media_types
from ocistacks.registry.model import (
    ContainerConfiguration,
    Descriptor,
    HistoryEntry,
    ImageConfiguration,
    Index,
    Manifest,
    PlatformObject,
    RootFilesystem,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ocistacks.blob.model import Blob
    from ocistacks.oci.description import Layer, LayerDescription
    from ocistacks.platforms import Platform

DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseImage:
    """What an application image stands on; ``layers`` lowest first, of OCI media types."""

    name: str
    digest: Digest
    layers: tuple[Descriptor, ...]
    configuration: ImageConfiguration

    @property
    def public_name(self) -> str | None:
        """The name, None for a folder's: it says nothing elsewhere, and would change digests."""
        return None if self.name.startswith("oci:") else self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class Assembled:
    """A manifest and its configuration, as bytes, and the descriptor that an index lists."""

    manifest: bytes
    configuration: bytes
    configuration_descriptor: Descriptor
    descriptor: Descriptor
    layers: tuple[Descriptor, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class AssembledIndex:
    """An index, as bytes, and its descriptor."""

    index: bytes
    descriptor: Descriptor


def layer_artifact(description: LayerDescription, blob: Blob) -> Assembled:
    """Return the artifact of one layer."""
    configuration = _configuration(
        description.platform,
        diff_ids=(blob.diff_id,),
        history=(_history(description),),
    )
    return _assembled(
        configuration,
        layers=(_layer_descriptor(description, blob),),
        platform=description.platform,
        annotations=description.annotations(),
        artifact_type=media_types.LAYER_ARTIFACT,
    )


def application_image(
    base: BaseImage | None, layers: Sequence[Layer], launch_module: str
) -> Assembled:
    """Return an image that runs an application.

    ``layers`` are the runtime's, the frameworks' and the application's, lowest first; they lie
    at the image's root. Environment, user and labels are the base's.

    Raises:
        UsageError: images are for Linux, and the layers are for another system.
    """
    application = layers[-1].description
    platform = application.platform
    if not platform.is_linux:
        raise UsageError(
            "An application image can be made for Linux alone.",
            where=application.name,
            found=platform,
            hint="leave this platform's images away with --base-image none",
        )
    below = base.configuration.config if base is not None else None
    configuration = _configuration(
        platform,
        diff_ids=(
            *(base.configuration.rootfs.diff_ids if base is not None else ()),
            *(layer.blob.diff_id for layer in layers),
        ),
        history=(*_base_history(base), *(_history(layer.description) for layer in layers)),
        run=ContainerConfiguration(
            user=below.user if below else None,
            environment=_environment(below),
            entrypoint=(f"/{application.install_target}/bin/python", "-m", launch_module),
            working_directory=(below.working_directory if below else None) or "/",
            labels=below.labels if below else None,
            stop_signal=below.stop_signal if below else None,
        ),
    )
    annotations = application.annotations()
    del annotations[keys.TITLE]  # an image is no archive
    if base is not None:
        annotations[keys.BASE_DIGEST] = base.digest
        if base.public_name is not None:
            annotations[keys.BASE_NAME] = base.public_name
    return _assembled(
        configuration,
        layers=(
            *(base.layers if base is not None else ()),
            *(_layer_descriptor(layer.description, layer.blob) for layer in layers),
        ),
        platform=platform,
        annotations=annotations,
    )


def stack_index(
    artifacts: Sequence[Descriptor],
    images: Sequence[Descriptor] = (),
    *,
    annotations: Mapping[str, str] | None = None,
) -> AssembledIndex:
    """Return the index of a stack's layer artifacts and application images.

    The images come first: an engine takes the first entry of its platform (image spec 1.1,
    image index, "manifests"), so that running the index runs the first application.
    """
    return _index((*images, *artifacts), annotations, media_types.STACK_ARTIFACT)


def image_index(images: Sequence[Descriptor]) -> AssembledIndex:
    """Return an ordinary index of one image for several platforms."""
    return _index(images, None, None)


def input_digest_tag(input_digest: Digest) -> str:
    """Return the tag that finds a layer artifact by what it was built from.

    ``sha256-HEX`` would be the tag of another object's referrers (distribution spec 1.1).
    """
    return f"input-{input_digest.hex}"


def _index(
    entries: Sequence[Descriptor],
    annotations: Mapping[str, str] | None,
    artifact_type: str | None,
) -> AssembledIndex:
    content = Index(
        media_type=media_types.IMAGE_INDEX,
        artifact_type=artifact_type,
        manifests=tuple(entries),
        annotations=annotations,
    ).canonical()
    return AssembledIndex(
        index=content,
        descriptor=_descriptor(content, media_types.IMAGE_INDEX, artifact_type=artifact_type),
    )


def _assembled(
    configuration: ImageConfiguration,
    *,
    layers: tuple[Descriptor, ...],
    platform: Platform,
    annotations: Mapping[str, str],
    artifact_type: str | None = None,
) -> Assembled:
    configuration_bytes = configuration.canonical()
    configuration_descriptor = _descriptor(configuration_bytes, media_types.IMAGE_CONFIGURATION)
    manifest = Manifest(
        media_type=media_types.IMAGE_MANIFEST,
        artifact_type=artifact_type,
        config=configuration_descriptor,
        layers=layers,
        annotations=annotations,
    ).canonical()
    return Assembled(
        manifest=manifest,
        configuration=configuration_bytes,
        configuration_descriptor=configuration_descriptor,
        descriptor=_descriptor(
            manifest,
            media_types.IMAGE_MANIFEST,
            artifact_type=artifact_type,
            annotations=annotations,
            platform=PlatformObject.of(platform),
        ),
        layers=layers,
    )


def _descriptor(
    content: bytes,
    media_type: str,
    *,
    artifact_type: str | None = None,
    annotations: Mapping[str, str] | None = None,
    platform: PlatformObject | None = None,
) -> Descriptor:
    return Descriptor(
        media_type=media_type,
        digest=Digest.of_bytes(content),
        size=len(content),
        artifact_type=artifact_type,
        annotations=annotations,
        platform=platform,
    )


def _layer_descriptor(description: LayerDescription, blob: Blob) -> Descriptor:
    return Descriptor(
        media_type=blob.media_type,
        digest=blob.digest,
        size=blob.size,
        annotations={
            **blob.annotations,
            keys.TITLE: description.archive_name,
            keys.BLOB_UNCOMPRESSED_SIZE: str(blob.uncompressed_size),
            keys.BLOB_FILE_COUNT: str(blob.file_count),
        },
    )


def _configuration(
    platform: Platform,
    *,
    diff_ids: tuple[Digest, ...],
    history: tuple[HistoryEntry, ...],
    run: ContainerConfiguration | None = None,
) -> ImageConfiguration:
    return ImageConfiguration(
        architecture=platform.oci_architecture,
        os=platform.oci_os,
        created=MODIFICATION_TIME_RFC3339,
        config=run,
        rootfs=RootFilesystem(diff_ids=diff_ids),
        history=history,
    )


def _environment(below: ContainerConfiguration | None) -> tuple[str, ...]:
    kept = (below.environment if below else None) or ()
    has_path = any(entry.startswith("PATH=") for entry in kept)
    return kept if has_path else (DEFAULT_PATH, *kept)


def _history(description: LayerDescription) -> HistoryEntry:
    return HistoryEntry(
        created=MODIFICATION_TIME_RFC3339,
        created_by=f"ocistacks {description.kind} {description.install_target}",
    )


def _base_history(base: BaseImage | None) -> tuple[HistoryEntry, ...]:
    """Return the base's history, made up where it does not fit the base's layers.

    Engines refuse an image whose history has more or fewer steps with a layer than layers.
    """
    if base is None:
        return ()
    history = base.configuration.history or ()
    if sum(not entry.empty_layer for entry in history) == len(base.layers):
        return history
    name = base.public_name or base.digest
    made_up = HistoryEntry(created=MODIFICATION_TIME_RFC3339, created_by=f"base {name}")
    return (made_up,) * len(base.layers)
