"""The oldest systems that a layer's wheels must run on: `linux_target` and `macosx_target`.

Forms and defaults are venvstacks 0.8's ("Common layer specification fields").
"""

from __future__ import annotations

import re

DEFAULT_LINUX_TARGET = "glibc@2.28"
DEFAULT_MACOSX_TARGET = "13.0"
MACOSX_TARGET_VARIABLE = "MACOSX_DEPLOYMENT_TARGET"

LINUX_TARGET_FORM = "'glibc' or 'glibc@X.Y', such as 'glibc@2.28'"
MACOSX_TARGET_FORM = "'X' or 'X.Y', such as '13.0'"

LINUX_TARGET_PATTERN = r"^glibc(@[0-9]{1,4}\.[0-9]{1,4})?$"

_LINUX_TARGET = re.compile(r"glibc@([0-9]{1,4})\.([0-9]{1,4})")
_MACOSX_TARGET = re.compile(r"([0-9]{1,4})(?:\.([0-9]{1,4}))?(?:\.[0-9]{1,4})?")


def normalised_linux_target(text: str) -> str:
    """Return ``text`` as `glibc@X.Y`; raise ValueError where it is no Linux target."""
    if text == "glibc":
        return DEFAULT_LINUX_TARGET
    major, minor = glibc_version(text)
    return f"glibc@{major}.{minor}"


def glibc_version(linux_target: str) -> tuple[int, int]:
    """Return the glibc version of `glibc@X.Y`; raise ValueError for any other form."""
    match = _LINUX_TARGET.fullmatch(linux_target)
    if match is None:
        raise ValueError(linux_target)
    return int(match[1]), int(match[2])


def macosx_version(macosx_target: str) -> tuple[int, int]:
    """Return major and minor version of a macOS target; raise ValueError where it is none.

    A third number is allowed and has no meaning.
    """
    match = _MACOSX_TARGET.fullmatch(macosx_target)
    if match is None:
        raise ValueError(macosx_target)
    return int(match[1]), int(match[2] or 0)
