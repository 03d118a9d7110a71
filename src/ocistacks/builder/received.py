"""What a task received: no material is used before its digest is seen to be right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.digests import Digest
from ocistacks.errors import DigestError

if TYPE_CHECKING:
    from pathlib import Path


def verify_material(path: Path, expected: Digest) -> None:
    """Raise DigestError if the file at ``path`` is missing or is not what ``expected`` says."""
    found = Digest.of_file(path) if path.is_file() else "no such file"
    if found != expected:
        raise DigestError(
            "A material did not reach the builder whole.",
            found=found,
            expected=expected,
            hint="build again; if it stays so, remove the volume ocistacks-materials",
        )
