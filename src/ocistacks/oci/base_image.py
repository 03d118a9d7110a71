"""Reading what application images stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ocistacks.errors import (
    AuthError,
    NotFoundError,
    OcistacksError,
    TransferError,
    UnsafeContentError,
)
from ocistacks.oci.assemble import BaseImage
from ocistacks.registry import media_types
from ocistacks.registry.model import (
    Descriptor,
    ImageConfiguration,
    Index,
    Manifest,
    bound_document,
    read_graph_document,
)
from ocistacks.registry.source import read_blob

if TYPE_CHECKING:
    from ocistacks.platforms import Platform
    from ocistacks.registry.reference import LayoutReference, RegistryReference
    from ocistacks.registry.source import ObjectSource

SETTING_HINT: Final = (
    "name another image with base_image in [tool.ocistacks], --base-image or "
    'OCISTACKS_BASE_IMAGE; "none" makes no application images'
)

# A docker image's blobs are those of an OCI image under other names.
_LAYER_TYPES = {
    media_types.LAYER_TAR: media_types.LAYER_TAR,
    media_types.LAYER_TAR_GZIP: media_types.LAYER_TAR_GZIP,
    media_types.LAYER_TAR_ZSTD: media_types.LAYER_TAR_ZSTD,
    media_types.DOCKER_LAYER_TAR: media_types.LAYER_TAR,
    media_types.DOCKER_LAYER_TAR_GZIP: media_types.LAYER_TAR_GZIP,
}
_CONFIGURATION_TYPES = {media_types.IMAGE_CONFIGURATION, media_types.DOCKER_CONFIGURATION}


def read_base_image(
    source: ObjectSource,
    reference: LayoutReference | RegistryReference,
    platform: Platform,
) -> BaseImage:
    """Return the image that ``reference`` names in ``source``, for ``platform``.

    Raises:
        AuthError, DigestError, NotFoundError, TransferError, UnsafeContentError: there is no such
            image, or it cannot be used; the hint names the setting.
    """
    name = str(reference)
    try:
        root = source.resolve(reference.target)
        descriptor, manifest = _for_platform(source, root, platform, name)
        return BaseImage(
            name=name,
            digest=descriptor.digest,
            layers=tuple(_layer(layer, name) for layer in manifest.layers),
            configuration=_configuration(source, manifest, platform, name),
        )
    except (AuthError, NotFoundError, TransferError) as error:
        raise unusable(error, name) from error


def _for_platform(
    source: ObjectSource, descriptor: Descriptor, platform: Platform, name: str
) -> tuple[Descriptor, Manifest]:
    """Return the manifest for a platform, behind an index or not."""
    document = read_graph_document(source.read_manifest(descriptor), descriptor, where=name)
    if isinstance(document, Manifest):
        return descriptor, document
    chosen = _chosen(document, platform, name)
    document = read_graph_document(source.read_manifest(chosen), chosen, where=name)
    if isinstance(document, Manifest):
        return chosen, document
    raise UnsafeContentError(
        "The base image is an index within an index.", where=name, hint=SETTING_HINT
    )


def _chosen(index: Index, platform: Platform, name: str) -> Descriptor:
    for entry in index.manifests:
        if entry.platform is not None and entry.platform.names(platform):
            return entry
    offered = sorted(
        {
            f"{entry.platform.os}/{entry.platform.architecture}"
            for entry in index.manifests
            if entry.platform is not None
        }
    )
    raise NotFoundError(
        f"The base image is not made for {platform}.",
        where=name,
        found=", ".join(offered[:10]) or "no platform",
        expected=f"{platform.oci_os}/{platform.oci_architecture}",
    )


def _layer(layer: Descriptor, name: str) -> Descriptor:
    media_type = _LAYER_TYPES.get(layer.media_type)
    if media_type is None:
        raise UnsafeContentError(
            "The base image has a layer of a type that an application image cannot take over.",
            where=name,
            found=layer.media_type,
            expected=", ".join(sorted(_LAYER_TYPES)),
            hint=SETTING_HINT,
        )
    return Descriptor(
        media_type=media_type,
        digest=layer.digest,
        size=layer.size,
        annotations=layer.annotations,
    )


def _configuration(
    source: ObjectSource, manifest: Manifest, platform: Platform, name: str
) -> ImageConfiguration:
    if manifest.config.media_type not in _CONFIGURATION_TYPES:
        raise UnsafeContentError(
            "The base image is no container image.",
            where=name,
            found=manifest.config.media_type,
            expected=" or ".join(sorted(_CONFIGURATION_TYPES)),
            hint=SETTING_HINT,
        )
    bound_document(manifest.config.size, where=f"the configuration of {name}")
    content = read_blob(source, manifest.config)
    configuration = ImageConfiguration.read(content, where=f"the configuration of {name}")
    found = f"{configuration.os}/{configuration.architecture}"
    expected = f"{platform.oci_os}/{platform.oci_architecture}"
    if found != expected:
        raise NotFoundError(
            f"The base image is not made for {platform}.",
            where=name,
            found=found,
            expected=expected,
        )
    if len(configuration.rootfs.diff_ids) != len(manifest.layers):
        raise UnsafeContentError(
            "The base image's configuration does not fit its layers.",
            where=name,
            found=f"{len(configuration.rootfs.diff_ids)} diff_ids",
            expected=f"{len(manifest.layers)}, one a layer",
            hint=SETTING_HINT,
        )
    return configuration


def unusable(error: OcistacksError, name: str) -> OcistacksError:
    """Return ``error`` as one of the base image ``name``, whose setting its hint names."""
    hint = SETTING_HINT if error.hint is None else f"{error.hint}; or {SETTING_HINT}"
    return type(error)(
        f"The base image {name} cannot be used. {error.what}",
        where=error.where,
        found=error.found,
        expected=error.expected,
        hint=hint,
    )
