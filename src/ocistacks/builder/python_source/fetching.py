"""Bringing a release tarball into the store, from the first mirror that has the right file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.errors import DigestError, MaterialError
from ocistacks.redaction import without_secrets
from ocistacks.request.materials import Material
from ocistacks.store.fetch import fetch_materials

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ocistacks.builder.python_source.sources import SourceRelease
    from ocistacks.progress import Reporter
    from ocistacks.store.store import Store


def fetch_release(
    release: SourceRelease,
    store: Store,
    *,
    environment: Mapping[str, str],
    reporter: Reporter,
) -> Path:
    """Return the path of the verified tarball in ``store``; fetch it where it is missing.

    A mirror that does not answer, has no such file or serves another one is passed over, and the
    reporter is told so. Raises MaterialError that names them all where none is left.
    """
    refusals: list[str] = []
    for url in release.urls:
        material = Material(
            name=release.file_name, digest=release.digest, size=release.size, url=url
        )
        try:
            fetch_materials(store, [material], environment=environment, reporter=reporter)
        except (MaterialError, DigestError) as error:
            refusals.append(f"{without_secrets(url)}: {error.found or error.what}")
            reporter.say(f"No {release.file_name} from {refusals[-1]}")
        else:
            return store.blob_path(release.digest)
    raise MaterialError(
        f"{release.file_name} cannot be fetched from any mirror.",
        found="".join(f"\n    {refusal}" for refusal in refusals),
        expected=release.digest,
        hint="check the network and proxy settings, or name a finished archive in "
        "[tool.ocistacks.python_sources]",
    )
