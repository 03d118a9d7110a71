"""The provenance of a layer: an in-toto statement (v1) with SLSA's predicate (v1).

It holds the build request, from which the layer can be built again, and where its materials can be
had. Nothing in it tells of the machine or of the time: equal layers get equal statements. The
builder's version is therefore the layer format's: releases of ocistacks that share it promise the
same bytes for a request, and what an earlier one built is not told anew by a later one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

from packageurl import PackageURL
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ocistacks.canonical_json import canonical_json
from ocistacks.digests import Digest
from ocistacks.errors import DigestError, TransferError
from ocistacks.redaction import without_user
from ocistacks.request.materials import Material
from ocistacks.request.model import BuildRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ocistacks.oci.description import LayerDescription

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://slsa.dev/provenance/v1"
BUILD_TYPE: Final = "https://ocistacks.dev/build/layer/v1"
BUILDER_ID: Final = "https://ocistacks.dev/builder/layer-format/{}"

_HINT = "push the stack again"
_ALGORITHM = "sha256"


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """What a statement says of one layer.

    ``input_digest`` is that of the request as it stands there, whatever else it says; ``materials``
    are what the build consumed, with a URL where one is known.
    """

    name: str
    blob: Digest
    lock_hash: Digest
    input_digest: Digest
    request: BuildRequest
    materials: tuple[Material, ...]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Resource(_Model):
    name: str
    digest: dict[str, str]
    download_location: str | None = Field(default=None, alias="downloadLocation")

    @property
    def sha256(self) -> Digest:
        return Digest.from_hex(self.digest.get(_ALGORITHM, ""))


class _Internal(_Model):
    lock_hash: Digest


class _Definition(_Model):
    build_type: str = Field(alias="buildType")
    external: dict[str, Any] = Field(alias="externalParameters")
    internal: _Internal = Field(alias="internalParameters")
    dependencies: tuple[_Resource, ...] = Field(alias="resolvedDependencies")


class _Predicate(_Model):
    definition: _Definition = Field(alias="buildDefinition")


class _Kind(_Model):
    """What tells a statement of ours from other builders'."""

    predicate_type: str = Field(alias="predicateType")
    predicate: dict[str, Any]


class _Statement(_Model):
    type: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: tuple[_Resource, ...] = Field(min_length=1, max_length=1)
    predicate: _Predicate


def provenance_statement(
    description: LayerDescription,
    request: BuildRequest,
    blob: Digest,
    materials: Iterable[Material],
) -> bytes:
    """Return the statement on a layer's blob; ``materials`` tell where they can be had."""
    places = {material.digest: material.url for material in materials}
    return canonical_json(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": description.archive_name, "digest": _digest(blob)}],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "buildDefinition": {
                    "buildType": BUILD_TYPE,
                    "externalParameters": request.model_dump(mode="json"),
                    "internalParameters": {"lock_hash": description.lock_hash},
                    "resolvedDependencies": _dependencies(request, places),
                },
                "runDetails": {"builder": {"id": BUILDER_ID.format(request.layer_format)}},
            },
        }
    )


def read_provenance(content: bytes, *, where: str) -> Provenance | None:
    """Read a statement; None for another builder's, or of another predicate.

    Raises:
        TransferError: it is no statement, or ours and not as it should be.
    """
    try:
        kind = _Kind.model_validate_json(content)
        definition = kind.predicate.get("buildDefinition")
        build_type = definition.get("buildType") if isinstance(definition, dict) else None
        if (kind.predicate_type, build_type) != (PREDICATE_TYPE, BUILD_TYPE):
            return None
        return _provenance(_Statement.model_validate_json(content))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where_in = ".".join(str(part) for part in fault["loc"])
        found = f"{where_in or 'the document'}: {fault['msg']}"[:500]
    except (ValueError, TypeError) as error:  # what has no canonical form
        found = str(error)[:500]
    except DigestError as error:
        found = f"{error.what} {error.found}"
    raise TransferError(
        "A layer's provenance cannot be read.",
        where=where,
        found=found,
        expected="an in-toto statement with a build request of ocistacks",
        hint=_HINT,
    )


def _provenance(statement: _Statement) -> Provenance:
    definition, subject = statement.predicate.definition, statement.subject[0]
    return Provenance(
        name=subject.name,
        blob=subject.sha256,
        lock_hash=definition.internal.lock_hash,
        input_digest=Digest.of_bytes(canonical_json(definition.external)),
        request=BuildRequest.model_validate(definition.external),
        materials=tuple(
            Material(
                name=each.name,
                digest=each.sha256,
                size=None,
                url=_fetchable(each.download_location),
                hint="rebuild on the machine that built the layer, or copy the file from its store",
            )
            for each in definition.dependencies
        ),
    )


def _dependencies(
    request: BuildRequest, places: Mapping[Digest, str | None]
) -> list[dict[str, object]]:
    """Return the materials as resource descriptors (in-toto attestation framework v1)."""
    python, modules = request.python, request.modules
    found: list[tuple[str, str | None, Digest]] = [
        (wheel.filename, _purl("pypi", wheel.name, wheel.version), wheel.digest)
        for wheel in request.wheels
    ]
    if python.digest is not None:
        name = f"{python.implementation}-{python.version}"
        purl = _purl("generic", python.implementation, python.version)
        found.append((name, purl, python.digest))
    if modules is not None:
        found.append(("launch and support modules", None, modules.digest))
    return [
        {
            "name": name,
            **({} if purl is None else {"uri": purl}),
            "digest": _digest(digest),
            **({} if place is None else {"downloadLocation": place}),
        }
        for name, purl, digest in found
        for place in [_fetchable(places.get(digest))]
    ]


def _purl(kind: str, name: str, version: str) -> str:
    return PackageURL(kind, name=name, version=version).to_string()


def _digest(digest: Digest) -> dict[str, str]:
    return {_ALGORITHM: digest.hex}


def _fetchable(url: str | None) -> str | None:
    """Return a URL without credentials, None for a place on a machine or one that needs a secret.

    A query may hold a signature, so a URL with one is left out.
    """
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http", "oci"} or parts.query:
        return None
    return without_user(parts._replace(fragment="").geturl())
