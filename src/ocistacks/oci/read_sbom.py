"""Reading an SBOM that somebody attached: no more of CycloneDX 1.6 than is asked for."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ocistacks.errors import TransferError

TOOL: Final = "ocistacks"

_SHA256 = "SHA-256"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Hash(_Model):
    algorithm: str = Field(alias="alg")
    content: str


class SbomComponent(_Model):
    """A component: what it is, and its hashes."""

    type: str
    name: str
    version: str | None = None
    hashes: tuple[_Hash, ...] = ()

    @property
    def sha256(self) -> str | None:
        """Its SHA-256 in hexadecimal digits, None where it tells none."""
        return next((each.content for each in self.hashes if each.algorithm == _SHA256), None)


class _Named(_Model):
    name: str = ""


class _Tools(_Model):
    components: tuple[_Named, ...] = ()


class _Metadata(_Model):
    tools: _Tools | list[object] = _Tools()
    """A list until CycloneDX 1.4, which others may still write."""


class Sbom(_Model):
    """A bill of materials."""

    metadata: _Metadata = _Metadata()
    components: tuple[SbomComponent, ...] = ()

    @property
    def is_ours(self) -> bool:
        """Whether it says that ocistacks made it; scanners attach their own."""
        tools = self.metadata.tools
        return isinstance(tools, _Tools) and any(tool.name == TOOL for tool in tools.components)


def read_sbom(content: bytes, *, where: str) -> Sbom:
    """Parse a document; TransferError if it is no SBOM in CycloneDX' JSON form.

    ``where`` names it to the user.
    """
    try:
        return Sbom.model_validate_json(content)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise TransferError(
            "An SBOM cannot be read.",
            where=where,
            found=f"{place or 'the document'}: {fault['msg']}"[:500],
            expected="CycloneDX 1.6 as JSON",
            hint="push the stack again",
        ) from error
