"""Which system this machine runs: os-release(5)."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_PUBLIC_SUITE: Final = "bookworm"
"""The release that the public base images are of."""


def os_release() -> Mapping[str, str]:
    """Return what this machine says of its system; nothing where it says nothing."""
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def debian_suite() -> str:
    """Return the release of a Debian that is made here: this machine's own.

    So a Python that was compiled on this machine finds its C library there, and one that is
    compiled there is the same as that. Other systems get the release of the public images.
    """
    release = os_release()
    own = release.get("VERSION_CODENAME") if release.get("ID") == "debian" else None
    return own or _PUBLIC_SUITE
