"""Verifying a stack: every layer and image, what is attached to them, and all faults at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ocistacks.builder.rebuild import Rebuild, rebuild_layers
from ocistacks.deploy.select import ListedLayer, listed_layers
from ocistacks.deploy.verify_attestations import verify_provenance, verify_sbom
from ocistacks.deploy.verify_image import verify_image
from ocistacks.deploy.verify_layer import ArtifactParts, mismatch, verify_artifact
from ocistacks.deploy.verify_report import Check, Report
from ocistacks.errors import DigestError, NotFoundError, OcistacksError
from ocistacks.oci import annotations as keys
from ocistacks.oci.attestations import read_attestations
from ocistacks.oci.description import is_layer_artifact
from ocistacks.registry import media_types
from ocistacks.registry.model import Index, read_graph_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocistacks.builder.rebuild import RebuildOptions
    from ocistacks.builder.task import BuilderFactory
    from ocistacks.digests import Digest
    from ocistacks.oci.attestations import AttestationSource
    from ocistacks.oci.provenance import Provenance
    from ocistacks.platforms import Platform
    from ocistacks.progress import Reporter
    from ocistacks.registry.model import Descriptor
    from ocistacks.store.store import Store

_PARALLEL = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifiedStack:
    """What a reference names, and what was found of each layer and image of it."""

    digest: Digest
    layers: tuple[VerifiedLayer, ...]
    images: tuple[Report, ...]

    @property
    def reports(self) -> tuple[Report, ...]:
        """The reports of layers and images."""
        return (*(layer.report for layer in self.layers), *self.images)


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifiedLayer:
    """A layer's report; ``parts`` and ``provenance`` are None where they cannot be used."""

    listed: ListedLayer
    report: Report
    parts: ArtifactParts | None
    provenance: Provenance | None


def verify_stack(
    source: AttestationSource,
    target: str | None,
    *,
    platform: Platform | None,
    attestations: bool,
    where: str,
    reporter: Reporter,
) -> VerifiedStack:
    """Read all that a reference names, for one platform or for all, and compare it.

    Without ``attestations``, what is attached is not looked at.

    Raises:
        NotFoundError: there is no such reference, it names no stack, or none for the platform.
        AuthError: the registry lets nobody look.
        DigestError, TransferError, UnsafeContentError: the index itself cannot be used. All other
            faults are in the reports.
    """
    descriptor = source.resolve(target)
    index = read_graph_document(source.read_manifest(descriptor), descriptor, where=where)
    if not isinstance(index, Index):
        raise NotFoundError(
            "This reference names a single image or artifact, not a stack.",
            where=where,
            found=index.artifact_type or index.config.media_type,
            expected="the index that `ocistacks push` writes",
        )
    platforms = (platform,) if platform is not None else _platforms(index, where)
    listed = [layer for each in platforms for layer in listed_layers(index, each, where=where)]

    def verify(layer: ListedLayer) -> VerifiedLayer:
        return _verify_layer(source, layer, reporter, attestations=attestations)

    with ThreadPoolExecutor(_PARALLEL) as pool:
        try:
            layers = tuple(pool.map(verify, listed))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    images = [entry for entry in index.manifests if not is_layer_artifact(entry)]
    return VerifiedStack(
        digest=descriptor.digest,
        layers=layers,
        images=tuple(
            _verify_image(source, image, of_platform, layers, attestations=attestations)
            for image in images
            for of_platform in platforms
            if image.platform is not None and image.platform.names(of_platform)
        ),
    )


def rebuild_stack(
    verified: VerifiedStack,
    source: AttestationSource,
    *,
    store: Store,
    open_builder: BuilderFactory,
    options: RebuildOptions,
    reporter: Reporter,
) -> None:
    """Build each layer again whose provenance is good, and add to its report what came of it.

    Raises:
        EngineError: there is no builder.
    """
    good = [
        (layer.provenance, layer.parts, layer)
        for layer in verified.layers
        if layer.provenance is not None and layer.parts is not None
    ]
    for provenance, _parts, layer in good:
        subject = layer.listed.descriptor.digest
        layer.report.run(Check.REBUILD, partial(_fetch_modules, source, subject, provenance, store))
    wanted = {
        provenance.input_digest: Rebuild(request=provenance.request, materials=provenance.materials)
        for provenance, _parts, _layer in good
    }
    built = rebuild_layers(
        tuple(wanted.values()),
        store=store,
        open_builder=open_builder,
        options=options,
        reporter=reporter,
    )
    for provenance, parts, layer in good:
        outcome = built[provenance.input_digest]
        layer.report.run(Check.REBUILD, partial(_require, outcome, parts.blob.digest))


def _platforms(index: Index, where: str) -> tuple[Platform, ...]:
    """Return the platforms that an index has layers for, in its order."""
    found = {
        platform: None
        for entry in index.manifests
        if is_layer_artifact(entry) and entry.platform is not None
        for platform in [entry.platform.platform()]
        if platform is not None
    }
    if not found:
        raise NotFoundError(
            "This reference names no stack.",
            where=where,
            found="no layer artifacts",
            expected="the index that `ocistacks push` writes",
        )
    return tuple(found)


def _verify_layer(
    source: AttestationSource, listed: ListedLayer, reporter: Reporter, *, attestations: bool
) -> VerifiedLayer:
    description = listed.description
    report = Report(name=description.install_target, platform=description.platform)
    parts = verify_artifact(source, listed, report, reporter)
    provenance = None
    if attestations and parts is not None:
        provenance = verify_provenance(source, listed, parts.blob.digest, report)
        if provenance is not None:
            verify_sbom(source, listed.descriptor, [provenance.request], report)
    return VerifiedLayer(listed=listed, report=report, parts=parts, provenance=provenance)


def _verify_image(
    source: AttestationSource,
    image: Descriptor,
    platform: Platform,
    layers: Sequence[VerifiedLayer],
    *,
    attestations: bool,
) -> Report:
    name = image.annotation(keys.LAYER_NAME)
    report = Report(name=f"image of {name or image.digest.short}", platform=platform)
    here = {
        layer.listed.description.install_target: layer
        for layer in layers
        if layer.listed.description.platform is platform
    }
    application = next(
        (each.listed.description for each in here.values() if each.listed.description.name == name),
        None,
    )
    if application is None:
        report.add(Check.MANIFEST, _no_application(source.describe(image), name))
        return report
    artifacts = {target: each.parts for target, each in here.items() if each.parts is not None}
    verify_image(source, image, application, artifacts, report)
    targets = (*application.requires, application.install_target)
    requests = [
        each.provenance.request
        for target, each in here.items()
        if target in targets and each.provenance is not None
    ]
    if attestations and len(requests) == len(targets):
        verify_sbom(source, image, requests, report)
    return report


def _no_application(where: str, name: str | None) -> OcistacksError:
    return mismatch(
        "An image is of no application of the stack.",
        where,
        name or "no name",
        "an application whose layer is in the stack",
    )


def _fetch_modules(
    source: AttestationSource, subject: Digest, provenance: Provenance, store: Store
) -> None:
    """Bring an application's modules into the store, if they are attached to its artifact."""
    modules = provenance.request.modules
    if modules is None or store.has_blob(modules.digest):
        return
    for document, content in read_attestations(source, subject, media_types.MODULES):
        if document.digest == modules.digest:
            store.add_blob(modules.digest, (content,), what="launch and support modules")


def _require(outcome: Digest | OcistacksError, expected: Digest) -> None:
    """Raise what a rebuild failed with, or DigestError where it gave another blob."""
    if isinstance(outcome, OcistacksError):
        raise outcome
    if outcome != expected:
        raise DigestError(
            "A layer is not what its build request gives.",
            found=expected,
            expected=outcome,
            hint="its blob was not built from that request, or a builder gives other bytes here",
        )
