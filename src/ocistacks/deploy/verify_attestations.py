"""Verifying what is attached to an object against the object, and one against the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.deploy.verify_report import Check, Report
from ocistacks.errors import DigestError, NotFoundError
from ocistacks.oci.attestations import read_attestations
from ocistacks.oci.provenance import Provenance, read_provenance
from ocistacks.oci.read_sbom import Sbom, read_sbom
from ocistacks.registry import media_types
from ocistacks.spec.names import LayerKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ocistacks.deploy.select import ListedLayer
    from ocistacks.digests import Digest
    from ocistacks.oci.attestations import AttestationSource
    from ocistacks.oci.description import LayerDescription
    from ocistacks.registry.model import Descriptor
    from ocistacks.request.model import BuildRequest

_HINT = "push the stack again, or leave these checks out with --no-attestations"
_SHOWN = 5

Package = tuple[str, str | None, str | None]
"""Name, version and SHA-256 of what was installed."""


def verify_provenance(
    source: AttestationSource, listed: ListedLayer, blob: Digest, report: Report
) -> Provenance | None:
    """Compare a layer's statements with its artifact; return one that says the same."""
    where = source.describe(listed.descriptor)
    stated = report.run(
        Check.PROVENANCE, lambda: _statements(source, listed.descriptor.digest, where)
    )
    good = None
    for provenance in stated or ():
        faults = [
            DigestError(
                f"A layer's provenance tells of another {what}.",
                where=where,
                found=found,
                expected=expected,
            )
            for what, found, expected in _told(provenance, listed.description, blob)
            if found != expected
        ]
        for fault in faults:
            report.add(Check.PROVENANCE, fault)
        good = good if faults else provenance
    return good


def verify_sbom(
    source: AttestationSource,
    subject: Descriptor,
    requests: Iterable[BuildRequest],
    report: Report,
) -> None:
    """Compare the SBOMs of an object with what the requests of its layers install."""
    where = source.describe(subject)
    expected = {package for request in requests for package in _packages(request)}
    for sbom in report.run(Check.SBOM, lambda: _sboms(source, subject.digest, where)) or ():
        found: set[Package] = {
            (component.name, component.version, component.sha256)
            for component in sbom.components
            if component.type != "container"  # the base image is no layer of ours
        }
        if found != expected:
            fault = DigestError(
                "An SBOM lists other packages than were built in.",
                where=where,
                found=_listed(found - expected),
                expected=_listed(expected - found),
            )
            report.add(Check.SBOM, fault)


def _statements(source: AttestationSource, subject: Digest, where: str) -> list[Provenance]:
    documents = read_attestations(source, subject, media_types.PROVENANCE)
    read = (read_provenance(content, where=where) for _descriptor, content in documents)
    ours = [provenance for provenance in read if provenance is not None]
    if not ours:
        raise NotFoundError("No provenance is attached to a layer.", where=where, hint=_HINT)
    return ours


def _sboms(source: AttestationSource, subject: Digest, where: str) -> list[Sbom]:
    documents = read_attestations(source, subject, media_types.SBOM)
    read = (read_sbom(content, where=where) for _descriptor, content in documents)
    ours = [sbom for sbom in read if sbom.is_ours]
    if not ours:
        raise NotFoundError("No SBOM is attached to an object.", where=where, hint=_HINT)
    return ours


def _told(
    provenance: Provenance, description: LayerDescription, blob: Digest
) -> Iterator[tuple[str, str, str]]:
    """Yield what a statement says and what the artifact says of the same."""
    request = provenance.request
    launch_module = request.modules.launch_module if request.modules is not None else None
    yield "blob", provenance.blob, blob
    yield "build request", provenance.input_digest, description.input_digest
    yield "lock", provenance.lock_hash, description.lock_hash
    yield "archive", provenance.name, description.archive_name
    yield "kind of layer", request.kind, description.kind
    yield "install target", request.install_target, description.install_target
    yield "platform", request.platform, description.platform
    yield "set of layers below", ", ".join(request.lower_targets), ", ".join(description.requires)
    yield "launch module", launch_module or "none", description.launch_module or "none"
    digests = sorted({material.digest for material in provenance.materials})
    yield "set of materials", ", ".join(digests), ", ".join(sorted(request.material_digests))


def _packages(request: BuildRequest) -> Iterator[Package]:
    for wheel in request.wheels:
        yield wheel.name, wheel.version, wheel.digest.hex
    python = request.python
    if request.kind is LayerKind.RUNTIME and python.digest is not None:
        yield python.implementation, python.version, python.digest.hex


def _listed(packages: Iterable[Package]) -> str:
    """Return packages as people read them, not more than a few."""
    names = sorted(
        f"{name} {version or ''} sha256:{sha256 or '?'}" for name, version, sha256 in packages
    )
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(names[:_SHOWN]) + more) or "nothing else"
