"""The settings of `[tool.ocistacks]`: their names, types, defaults and rules, in one place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, model_validator
from pydantic_core import PydanticCustomError

from ocistacks.digests import Digest
from ocistacks.platforms import Platform

ENVIRONMENT_PREFIX = "OCISTACKS_"
NO_BASE_IMAGE = "none"
HIGHEST_GZIP_LEVEL = 9

_REPOSITORY = re.compile(
    r"(?:[A-Za-z0-9.-]+(?::[0-9]{1,5})?/)?"  # the registry's host and port
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
)
_SOURCE_SCHEMES = ("https", "http", "file", "oci")


def _repository(text: str) -> str:
    if not _REPOSITORY.fullmatch(text):
        raise PydanticCustomError(
            "repository",
            "not a repository name",
            {"expected": "HOST[:PORT]/NAME in lower case, without scheme, tag, digest or user"},
        )
    return text


def _base_image(text: str) -> str:
    if not text or re.search(r"\s", text) or "://" in text or text == "oci:":
        raise PydanticCustomError(
            "base_image",
            "not an image",
            {"expected": "an image reference, 'oci:FOLDER' or 'oci:FOLDER:TAG', or 'none'"},
        )
    return text


def _source_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        has_user = parts.username is not None
    except ValueError:
        parts, has_user = urlsplit(""), False
    if parts.scheme not in _SOURCE_SCHEMES or not (parts.netloc or parts.path):
        raise PydanticCustomError(
            "source_url",
            "not a URL that an archive can come from",
            {"expected": ", ".join(f"{scheme}://" for scheme in _SOURCE_SCHEMES)},
        )
    if has_user:
        raise PydanticCustomError(
            "source_credentials",
            "a URL with a user name or password",
            {"expected": "a URL without credentials", "secret": True},
        )
    return text


def _sha256(text: str) -> str:
    hexadecimal = text.removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{64}", hexadecimal):
        raise PydanticCustomError(
            "sha256", "not a SHA-256 digest", {"expected": "64 lower-case hexadecimal digits"}
        )
    return hexadecimal


def _python_version(text: str) -> str:
    if not re.fullmatch(r"3\.[0-9]{1,3}\.[0-9]{1,3}(?:(?:a|b|rc)[0-9]{1,3})?", text):
        raise PydanticCustomError(
            "python_version", "not a Python version", {"expected": "X.Y.Z, such as '3.13.5'"}
        )
    return text


class PythonSource(BaseModel):
    """One archive of a Python interpreter; ``sha256`` is bare hexadecimal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[str, AfterValidator(_source_url)] = Field(
        description="Where the archive is: https://, http://, file:// or oci://."
    )
    sha256: Annotated[str, AfterValidator(_sha256)] = Field(
        description="The SHA-256 digest of the archive, hexadecimal."
    )

    @property
    def digest(self) -> Digest:
        """The digest that the archive must have."""
        return Digest.from_hex(self.sha256)


class Settings(BaseModel):
    """The settings of one stack, each from a flag, the environment, the file or its default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repository: Annotated[str, AfterValidator(_repository)] | None = Field(
        default=None, description="The repository that the stack is pushed to: HOST[:PORT]/NAME."
    )
    layer_repository: Annotated[str, AfterValidator(_repository)] | None = Field(
        default=None,
        description="A repository shared by several stacks, whose blobs are mounted, not sent.",
    )
    base_image: Annotated[str, AfterValidator(_base_image)] = Field(
        default="gcr.io/distroless/base-debian12",
        description="What application images stand on: a reference, oci:FOLDER[:TAG], or none for "
        "no application images.",
    )
    compression: Literal["zstd", "gzip"] = Field(
        default="zstd", description="How layers are compressed; gzip for engines without zstd."
    )
    compression_level: int = Field(
        default=3, ge=1, le=22, strict=True, description="1 to 22 with zstd, 1 to 9 with gzip."
    )
    bytecode: StrictBool = Field(
        default=True, description="Whether layers hold compiled bytecode, for a fast start."
    )
    python_sources: Mapping[
        Annotated[str, AfterValidator(_python_version)], Mapping[Platform, PythonSource]
    ] = Field(
        default_factory=dict,
        description="Archives of Python interpreters: version, then platform, then url and sha256.",
    )
    platforms: tuple[Platform, ...] | None = Field(
        default=None,
        description="The platforms to build where a command names none; without it, the machine's.",
    )
    builder: Literal["auto", "docker", "podman", "local"] = Field(
        default="auto", description="Where layers are built; auto takes the first that answers."
    )

    @model_validator(mode="after")
    def _level_fits_compression(self) -> Self:
        if self.compression == "gzip" and self.compression_level > HIGHEST_GZIP_LEVEL:
            raise PydanticCustomError(
                "gzip_level",
                "compression_level is too high for gzip",
                {"expected": f"1 to {HIGHEST_GZIP_LEVEL}", "actual": str(self.compression_level)},
            )
        return self
