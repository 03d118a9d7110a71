"""The CPython release tarballs that are known, and where each of them can be fetched.

Pure: the mirrors of the machine are an argument. A tarball is the same file on python.org and in
Debian's source archive (there called `.orig.tar.xz`), so one sha256 holds for every address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from packaging.version import InvalidVersion, Version

from ocistacks.digests import Digest
from ocistacks.errors import LockError

if TYPE_CHECKING:
    from collections.abc import Iterable

PYTHON_ORG: Final = "https://www.python.org/ftp/python"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tarball:
    """What a release's `.tar.xz` must be; ``size`` is in bytes."""

    digest: Digest
    size: int


KNOWN_RELEASES: Final = {
    "3.13.5": Tarball(
        digest=Digest.from_hex("93e583f243454e6e9e4588ca2c2662206ad961659863277afcdb96801647d640"),
        size=22_856_016,
    ),
}
"""Each entry was compared with the file itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceRelease:
    """One CPython release tarball: what it must be, and where it may be fetched, in this order.

    ``size`` is in bytes, None where only the spec knows the release.
    """

    version: str
    digest: Digest
    size: int | None
    urls: tuple[str, ...]

    @property
    def file_name(self) -> str:
        """The tarball's name as python.org spells it, `Python-3.13.5.tar.xz`."""
        return f"Python-{self.version}.tar.xz"


def source_release(
    version: str, *, debian_mirrors: Iterable[str] = (), digest: Digest | None = None
) -> SourceRelease:
    """Return the release tarball of CPython ``version`` (`3.13.5`, `3.14.0rc2`).

    ``debian_mirrors`` are archive roots as apt names them (`URIs:`), tried in this order after
    python.org. ``digest`` is the sha256 that the spec gives; it is needed for a version outside
    KNOWN_RELEASES, and must not contradict the table for one inside. Raises LockError otherwise.
    """
    parsed = _full_version(version)
    known = KNOWN_RELEASES.get(str(parsed))
    if known is not None and digest is not None and known.digest != digest:
        raise LockError(
            f"The sha256 given for the release tarball of CPython {parsed} is not the known one.",
            found=digest,
            expected=known.digest,
            hint="leave the sha256 away, or correct it",
        )
    pinned = known.digest if known is not None else digest
    if pinned is None:
        raise LockError(
            f"No sha256 is known for the release tarball of CPython {parsed}.",
            found=str(parsed),
            expected=f"one of {', '.join(KNOWN_RELEASES)}, or a sha256 beside the version",
            hint="name a finished archive in [tool.ocistacks.python_sources]",
        )
    urls = dict.fromkeys([_python_org_url(parsed), *_debian_urls(parsed, debian_mirrors)])
    return SourceRelease(
        version=str(parsed),
        digest=pinned,
        size=known.size if known is not None else None,
        urls=tuple(urls),
    )


def _full_version(version: str) -> Version:
    try:
        parsed = Version(version)
    except InvalidVersion:
        parsed = None
    if (
        parsed is None
        or len(parsed.release) != 3
        or parsed.epoch
        or parsed.local
        or parsed.is_postrelease
        or parsed.is_devrelease
    ):
        raise LockError(
            "This does not name one release of CPython.",
            found=repr(version[:100]),
            expected="a full version, such as 3.13.5 or 3.14.0rc2",
        )
    return parsed


def _python_org_url(version: Version) -> str:
    # Pre-releases lie in the folder of the release that they lead to.
    return f"{PYTHON_ORG}/{version.base_version}/Python-{version}.tar.xz"


def _debian_urls(version: Version, mirrors: Iterable[str]) -> list[str]:
    package = f"python{version.major}.{version.minor}"
    upstream = version.base_version
    if version.pre is not None:
        letter, number = version.pre
        upstream += f"~{letter}{number}"  # a tilde sorts before the release (Debian policy 5.6.12)
    path = f"pool/main/p/{package}/{package}_{upstream}.orig.tar.xz"
    return [f"{mirror.rstrip('/')}/{path}" for mirror in mirrors]
