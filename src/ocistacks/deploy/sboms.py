"""Which SBOM of a stack is meant, and reading it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.deploy.select import find_application, listed_layers, select_layers
from ocistacks.errors import NotFoundError, UsageError
from ocistacks.oci import annotations as keys
from ocistacks.oci.attestations import read_attestations
from ocistacks.oci.description import is_layer_artifact
from ocistacks.oci.provenance import Provenance, read_provenance
from ocistacks.oci.read_sbom import read_sbom
from ocistacks.registry import media_types
from ocistacks.registry.model import Index, read_graph_document
from ocistacks.spec.names import LayerKind, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocistacks.deploy.select import ListedLayer
    from ocistacks.oci.attestations import AttestationSource
    from ocistacks.platforms import Platform
    from ocistacks.registry.model import Descriptor

_HINT = "push the stack again, without --no-attestations"


def stack_sbom(
    source: AttestationSource,
    target: str | None,
    platform: Platform,
    *,
    application: str | None,
    layer: str | None,
    where: str,
) -> bytes:
    """Return the SBOM of an application or of a layer for a platform, as JSON.

    Without either, it is that of what ``target`` names, or of a stack's only application. Where an
    application has no image, its SBOM is made of its layers' provenance.

    Raises:
        NotFoundError: there is no such application, layer or SBOM.
        UsageError: it is not clear whose SBOM is meant.
        DigestError, TransferError, UnsafeContentError: a document is not what it should be.
    """
    descriptor = source.resolve(target)
    document = read_graph_document(source.read_manifest(descriptor), descriptor, where=where)
    if not isinstance(document, Index):
        return attached_sbom(source, descriptor)
    images = [
        entry
        for entry in document.manifests
        if entry.platform and entry.platform.names(platform) and not is_layer_artifact(entry)
    ]
    if not any(is_layer_artifact(entry) for entry in document.manifests) and len(images) == 1:
        return attached_sbom(source, images[0])  # the index of one application's images
    layers = listed_layers(document, platform, where=where)
    if layer is not None:
        return attached_sbom(source, _find_layer(layers, layer, where=where).descriptor)
    name = application or _only_application(layers, where=where)
    found = find_application(layers, name, where=where)
    for image in images:
        if image.annotation(keys.LAYER_NAME) == found.description.name:
            return attached_sbom(source, image)
    return _sbom_of_layers(source, select_layers(layers, [name], where=where))


def attached_sbom(source: AttestationSource, subject: Descriptor) -> bytes:
    """Return the SBOM that ocistacks attached to an object; others may have attached theirs.

    Raises:
        NotFoundError: there is none.
        DigestError, TransferError, UnsafeContentError: it is not what it should be.
    """
    where = source.describe(subject)
    documents = [
        content
        for _descriptor, content in read_attestations(source, subject.digest, media_types.SBOM)
        if read_sbom(content, where=where).is_ours
    ]
    if not documents:
        raise NotFoundError("No SBOM is attached to this object.", where=where, hint=_HINT)
    return documents[-1]


def layer_provenance(source: AttestationSource, layer: ListedLayer) -> Provenance:
    """Return the provenance that states how a layer was built.

    Raises:
        NotFoundError: none of that layer's input digest is attached.
        DigestError, TransferError, UnsafeContentError: one is not what it should be.
    """
    where = source.describe(layer.descriptor)
    kind = media_types.PROVENANCE
    for _descriptor, content in read_attestations(source, layer.descriptor.digest, kind):
        provenance = read_provenance(content, where=where)
        if provenance is not None and provenance.input_digest == layer.description.input_digest:
            return provenance
    raise NotFoundError(
        "No provenance is attached that tells what this layer was built from.",
        where=where,
        expected=layer.description.input_digest,
        hint=_HINT,
    )


def _sbom_of_layers(source: AttestationSource, layers: Sequence[ListedLayer]) -> bytes:
    """Return the SBOM of an application that has no image."""
    from ocistacks.oci.sbom import application_sbom  # its library takes 0.2 s to be imported

    ordered = sorted(layers, key=lambda layer: layer.description.kind == LayerKind.APPLICATION)
    requests = [(layer.description, layer_provenance(source, layer).request) for layer in ordered]
    return application_sbom(requests, None)


def _find_layer(layers: Sequence[ListedLayer], name: str, *, where: str) -> ListedLayer:
    by_name = {layer.description.name: layer for layer in layers}
    by_target = {layer.description.install_target: layer for layer in layers}
    found = by_name.get(name) or by_target.get(name)
    if found is None:
        near = nearest(name, by_name)
        raise NotFoundError(
            "The stack has no such layer.",
            where=where,
            found=name,
            expected=", ".join(sorted(by_name)),
            hint=f"did you mean {near}?" if near else None,
        )
    return found


def _only_application(layers: Sequence[ListedLayer], *, where: str) -> str:
    names = [
        layer.description.name.removeprefix(LayerKind.APPLICATION.prefix)
        for layer in layers
        if layer.description.kind == LayerKind.APPLICATION
    ]
    if len(names) != 1:
        raise UsageError(
            "The stack has several SBOMs." if names else "The stack has no application.",
            where=where,
            found=", ".join(sorted(names)) or None,
            hint="name one with --app, or a layer with --layer",
        )
    return names[0]
