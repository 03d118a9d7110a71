"""The SBOMs and the provenance of a built stack: what `push` attaches to its objects.

An application's modules go with its provenance: they are the one material that no index has, and
the layer holds them anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.digests import Digest
from ocistacks.errors import BuildError
from ocistacks.oci import annotations as keys
from ocistacks.oci.assemble_stack import describe_layer
from ocistacks.oci.attestations import LARGEST_ATTESTATION_BYTES, Attestation, attestation
from ocistacks.oci.provenance import provenance_statement
from ocistacks.oci.sbom import application_sbom, layer_sbom
from ocistacks.registry import media_types
from ocistacks.request.modules import modules_tar
from ocistacks.spec.model import ApplicationSpec, lower_layers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ocistacks.builder.build_stack import BuiltLayer
    from ocistacks.oci.assemble import Assembled, BaseImage
    from ocistacks.oci.assemble_stack import StackObjects
    from ocistacks.platforms import Platform


@dataclass(frozen=True, kw_only=True, slots=True)
class StackAttestations:
    """What is told of a stack: of its layer artifacts, and of its application images."""

    of_layers: tuple[Attestation, ...]
    of_images: tuple[Attestation, ...]

    @property
    def all(self) -> tuple[Attestation, ...]:
        """Both."""
        return (*self.of_layers, *self.of_images)


def stack_attestations(
    layers: Sequence[BuiltLayer], objects: StackObjects, bases: Mapping[Platform, BaseImage]
) -> StackAttestations:
    """Return an SBOM and a provenance statement of each layer, and an SBOM of each image.

    Of a layer that was found in a registry there is no statement: it was not built here.

    ``objects`` were assembled of ``layers`` on ``bases``.

    Raises:
        BuildError: an application's modules are not those that it was built of any more.
    """
    by_digest: dict[str, BuiltLayer] = {built.plan.input_digest: built for built in layers}
    by_name = {
        (built.plan.layer.environment_name, built.plan.request.platform): built for built in layers
    }
    return StackAttestations(
        of_layers=tuple(
            each
            for artifact in objects.artifacts
            for each in _of_layer(artifact, by_digest[_input_digest(artifact)])
        ),
        of_images=tuple(
            _of_image(image, by_digest[_input_digest(image)], by_name, bases)
            for image in objects.images
        ),
    )


def _of_layer(artifact: Assembled, built: BuiltLayer) -> Iterator[Attestation]:
    description, request = describe_layer(built).description, built.plan.request
    target = request.install_target
    sbom = layer_sbom(description, request)
    yield attestation(artifact.descriptor, media_types.SBOM, sbom, title=f"{target}.cdx.json")
    if built.origin is not None:
        return  # who built it states what it was built from
    statement = provenance_statement(description, request, built.blob.digest, built.plan.materials)
    yield attestation(
        artifact.descriptor, media_types.PROVENANCE, statement, title=f"{target}.intoto.json"
    )
    modules = _modules(built)
    if modules is not None:
        title = f"{target}.modules.tar"
        yield attestation(artifact.descriptor, media_types.MODULES, modules, title=title)


def _of_image(
    image: Assembled,
    application: BuiltLayer,
    layers: Mapping[tuple[str, Platform], BuiltLayer],
    bases: Mapping[Platform, BaseImage],
) -> Attestation:
    plan = application.plan
    platform = plan.request.platform
    lower = [layers[below.environment_name, platform] for below in lower_layers(plan.layer)]
    sbom = application_sbom(
        [
            (describe_layer(built).description, built.plan.request)
            for built in (*reversed(lower), application)
        ],
        bases[platform],
    )
    title = f"{plan.request.install_target}.image.cdx.json"
    return attestation(image.descriptor, media_types.SBOM, sbom, title=title)


def _modules(built: BuiltLayer) -> bytes | None:
    """Return the tar of an application's modules, None where there is none or a large one."""
    request, layer = built.plan.request, built.plan.layer
    if request.modules is None or not isinstance(layer, ApplicationSpec):
        return None
    gathered = bytearray()
    for chunk in modules_tar(layer):
        gathered += chunk
        if len(gathered) > LARGEST_ATTESTATION_BYTES:
            return None
    content = bytes(gathered)
    found = Digest.of_bytes(content)
    if found != request.modules.digest:
        raise BuildError(
            "The modules of an application were changed while it was built and sent.",
            where=f"layer {request.install_target}",
            found=found,
            expected=request.modules.digest,
            hint="run the command again",
        )
    return content


def _input_digest(assembled: Assembled) -> str:
    """Return what the layer of an artifact, or the application of an image, was built from."""
    return (assembled.descriptor.annotations or {})[keys.LAYER_INPUT_DIGEST]
