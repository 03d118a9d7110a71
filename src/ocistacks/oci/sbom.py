"""A software bill of materials of a layer or of an application's image (CycloneDX 1.6, JSON).

It is made from build requests alone, so from what was locked: equal layers get equal bytes, whoever
makes them and whenever. That is why it tells no licences, which only the wheels' metadata knows,
and why its serial number and time are made from its content and from the constant of every file.
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from ocistacks.blob.model import MODIFICATION_TIME
from ocistacks.canonical_json import canonical_json
from ocistacks.oci import annotations as keys
from ocistacks.oci.read_sbom import TOOL
from ocistacks.spec.names import LayerKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ocistacks.digests import Digest
    from ocistacks.oci.assemble import BaseImage
    from ocistacks.oci.description import LayerDescription
    from ocistacks.request.model import BuildRequest, PythonInput, WheelInput

WHEEL_FILENAME: Final = "dev.ocistacks.wheel.filename"
PLATFORM: Final = "dev.ocistacks.platform"

_NAMESPACE = uuid.UUID("8d6f2f0a-52c1-5a5e-9d0b-0f6f0b1c7a11")
_RELEASE = re.compile(r"(\d+\.\d+\.\d+)((?:a|b|rc)\d+)?")
_TYPES = {
    LayerKind.RUNTIME: ComponentType.PLATFORM,
    LayerKind.FRAMEWORK: ComponentType.FRAMEWORK,
    LayerKind.APPLICATION: ComponentType.APPLICATION,
}


def layer_sbom(description: LayerDescription, request: BuildRequest) -> bytes:
    """Return what a layer is made of: its wheels, and the Python of a runtime."""
    subject = _layer_component(description, request)
    return _document(subject, _contents(request))


def application_sbom(
    layers: Sequence[tuple[LayerDescription, BuildRequest]], base: BaseImage | None
) -> bytes:
    """Return what an application's image is made of: the base image, and all layers' contents.

    ``layers`` are lowest first. Packages of the base image are not listed: its own makers do that.
    """
    description, request = layers[-1]
    components = [
        component
        for _description, lower in layers
        for component in _contents(lower, tells_layer=True)
    ]
    if base is not None:
        components.append(_base_component(base))
    subject = _layer_component(description, request)
    subject.type = ComponentType.CONTAINER
    return _document(subject, components)


def _layer_component(description: LayerDescription, request: BuildRequest) -> Component:
    properties = {
        keys.LAYER_INSTALL_TARGET: description.install_target,
        keys.LAYER_INPUT_DIGEST: description.input_digest,
        keys.LAYER_LOCK_HASH: description.lock_hash,
        PLATFORM: description.platform.value,
    }
    return Component(
        type=_TYPES[request.kind],
        name=description.name,
        version=str(description.lock_version),
        bom_ref=description.install_target,
        properties=_properties(properties),
    )


def _contents(request: BuildRequest, *, tells_layer: bool = False) -> list[Component]:
    """Return the components that a layer holds; ``tells_layer`` has each name its layer."""
    inside = {keys.LAYER_INSTALL_TARGET: request.install_target} if tells_layer else {}
    python = request.python
    components = [_wheel_component(wheel, inside) for wheel in request.wheels]
    if request.kind is LayerKind.RUNTIME and python.digest is not None:
        components.append(_python_component(python, python.digest, inside))
    return components


def _wheel_component(wheel: WheelInput, inside: dict[str, str]) -> Component:
    return Component(
        type=ComponentType.LIBRARY,
        name=wheel.name,
        version=wheel.version,
        bom_ref=_reference(wheel.digest, inside),
        purl=PackageURL("pypi", name=wheel.name, version=wheel.version),
        hashes=_hashes(wheel.digest),
        properties=_properties({WHEEL_FILENAME: wheel.filename, **inside}),
    )


def _python_component(python: PythonInput, digest: Digest, inside: dict[str, str]) -> Component:
    return Component(
        type=ComponentType.PLATFORM,
        name=python.implementation,
        version=python.version,
        bom_ref=_reference(digest, inside),
        purl=PackageURL("generic", name=python.implementation, version=python.version),
        cpe=_cpe(python),
        hashes=_hashes(digest),
        properties=_properties(inside),
    )


def _cpe(python: PythonInput) -> str | None:
    """Return the name under which the NVD lists a CPython's vulnerabilities (NISTIR 7695)."""
    release = _RELEASE.fullmatch(python.version)
    if python.implementation != "cpython" or release is None:
        return None
    return f"cpe:2.3:a:python:python:{release[1]}:{release[2] or '*'}:*:*:*:*:*:*"


def _base_component(base: BaseImage) -> Component:
    return Component(
        type=ComponentType.CONTAINER,
        name=base.public_name or "base image",
        bom_ref=base.digest,
        hashes=_hashes(base.digest),
    )


def _reference(digest: Digest, inside: dict[str, str]) -> str:
    """Return the name of a component in its document: two layers may hold one wheel."""
    return "/".join((*inside.values(), digest))


def _hashes(digest: Digest) -> list[HashType]:
    return [HashType(alg=HashAlgorithm.SHA_256, content=digest.hex)]


def _properties(values: dict[str, str]) -> list[Property]:
    return [Property(name=name, value=value) for name, value in values.items()]


def _document(subject: Component, components: Iterable[Component]) -> bytes:
    bom = Bom(
        metadata=BomMetaData(
            component=subject,
            timestamp=datetime.fromtimestamp(MODIFICATION_TIME, UTC),
            tools=ToolRepository(
                components=[Component(type=ComponentType.APPLICATION, name=TOOL, bom_ref=TOOL)]
            ),
        ),
        components=components,
    )
    bom.register_dependency(subject, bom.components)
    text = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string()
    document: dict[str, Any] = json.loads(text)
    del document["serialNumber"]  # the library's is random
    serial = uuid.uuid5(_NAMESPACE, canonical_json(document).decode())
    return canonical_json({**document, "serialNumber": serial.urn})
