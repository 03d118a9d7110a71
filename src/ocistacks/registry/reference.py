"""References: what a user writes to name a stack, a layer or an image.

    oci:DIR[:TAG]                      an OCI image layout on disk
    HOST[:PORT]/REPO[:TAG][@DIGEST]    a repository of a registry

Grammar of the second form: distribution spec 1.1, "Pulling manifests". A host is always written
out, so that no reference means another registry on another machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ocistacks.digests import Digest
from ocistacks.errors import DigestError, UsageError

DEFAULT_TAG: Final = "latest"

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_HOST = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
    r"|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
)
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_LONGEST_NAME = 255
_FORMS = "oci:DIR[:TAG] or HOST[:PORT]/REPO[:TAG][@DIGEST]"


@dataclass(frozen=True, kw_only=True, slots=True)
class LayoutReference:
    """An image layout on disk; without a written tag, ``latest`` or else the only image in it."""

    folder: Path
    tag: str = DEFAULT_TAG
    is_tag_written: bool = True

    def __str__(self) -> str:
        return f"oci:{self.folder}" + (f":{self.tag}" if self.is_tag_written else "")

    @property
    def target(self) -> str | None:
        """What a source resolves."""
        return self.tag if self.is_tag_written else None


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistryReference:
    """An object in a registry's repository; it has a tag, a digest or both."""

    host: str
    repository: str
    tag: str | None = None
    digest: Digest | None = None

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}" + (f"@{self.digest}" if self.digest else "")

    @property
    def name(self) -> str:
        """Host and repository."""
        return f"{self.host}/{self.repository}"

    @property
    def target(self) -> str | None:
        """What a source resolves: the digest before the tag."""
        return self.digest or self.tag


def parse_reference(text: str) -> RegistryReference | LayoutReference:
    """Parse a reference; raise UsageError that says what is wrong and which forms there are."""
    if text.startswith("oci:"):
        return _parse_layout(text)
    return _parse_registry(text)


def is_tag(text: str) -> bool:
    """Whether ``text`` can be a tag."""
    return _TAG.fullmatch(text) is not None


def _parse_layout(text: str) -> LayoutReference:
    folder, colon, tag = text.removeprefix("oci:").partition(":")
    if not folder or "\0" in folder:
        raise _bad(text, "the folder after oci: is missing")
    if folder.startswith("//"):
        raise _bad(text, "oci:// is no form of a reference; leave it away for a registry")
    if colon and not is_tag(tag):
        raise _bad(text, f"{tag[:200]!r} cannot be a tag (and a folder's name holds no colon here)")
    return LayoutReference(folder=Path(folder), tag=tag or DEFAULT_TAG, is_tag_written=bool(colon))


def _parse_registry(text: str) -> RegistryReference:
    rest, at, digest_text = text.partition("@")
    if "/" in digest_text:  # no digest: what stands before it is somebody's secret
        raise _bad(
            f"...@{text.rpartition('@')[2]}",
            "a reference holds no user name and no password",
            hint="log in with `ocistacks login`, and write HOST/REPO alone",
        )
    host, slash, path = rest.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        raise _bad(text, "the registry's host is missing", hint=_host_hint(rest))
    if not _HOST.fullmatch(host):
        raise _bad(text, f"{host[:200]!r} cannot be a registry's host")
    repository, colon, tag = path.partition(":")
    if not _REPOSITORY.fullmatch(repository) or len(f"{host}/{repository}") > _LONGEST_NAME:
        raise _bad(
            text, f"{repository[:300]!r} cannot be a repository (lower case, a-z 0-9 . _ - /)"
        )
    if colon and not is_tag(tag):
        raise _bad(text, f"{tag[:200]!r} cannot be a tag")
    digest = _parse_digest(text, digest_text) if at else None
    default = None if digest else DEFAULT_TAG
    return RegistryReference(host=host, repository=repository, tag=tag or default, digest=digest)


def _parse_digest(text: str, digest: str) -> Digest:
    try:
        return Digest(digest)
    except DigestError as error:
        raise _bad(text, f"{digest[:200]!r} is not sha256: and 64 hexadecimal digits") from error


def _host_hint(rest: str) -> str | None:
    """Return the hint for what Docker would complete to its own registry."""
    first = rest.partition(":")[0]
    if not _REPOSITORY.fullmatch(first):
        return None
    repository = rest if "/" in rest else f"library/{rest}"
    return f"for Docker Hub write docker.io/{repository}; for a folder write oci:{first}"


def _bad(text: str, problem: str, *, hint: str | None = None) -> UsageError:
    return UsageError(
        f"This is not a reference: {problem}.",
        found=repr(text[:300]),
        expected=_FORMS,
        hint=hint,
    )
