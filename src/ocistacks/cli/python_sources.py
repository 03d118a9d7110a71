"""What `--python-source` means: archives of Python interpreters, one an option."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

PYTHON_SOURCE_FORM = "VERSION:PLATFORM=URL#sha256=HEX"


def python_sources(texts: Iterable[str]) -> dict[str, dict[str, dict[str, str]]]:
    """Return the setting `python_sources` as a file would have it: version, platform, url, sha256.

    What the parts are is checked with the other settings. Raises UsageError where one is missing,
    or where two options are for the same version and platform.
    """
    from ocistacks.spec.faults import shown

    sources: dict[str, dict[str, dict[str, str]]] = {}
    for text in texts:
        key, _, source = text.partition("=")
        version, _, platform = key.partition(":")
        url, _, sha256 = source.rpartition("#sha256=")
        platforms = sources.setdefault(version, {})
        if not (version and platform and url and sha256) or platform in platforms:
            raise UsageError(
                "A setting makes no sense: "
                + ("given twice." if platform in platforms else "not the source of a Python."),
                where="the flag --python-source",
                found=shown(text),
                expected=PYTHON_SOURCE_FORM,
            )
        platforms[platform] = {"url": url, "sha256": sha256}
    return sources
