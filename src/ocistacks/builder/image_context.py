"""The build context of the images: the Containerfile and this very package.

It is laid out as the repository is, so that the same Containerfile builds from a checkout.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import ocistacks
from ocistacks.digests import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONTAINERFILE = "Containerfile.builder"
ImageTarget = Literal["builder", "python-source", "puller"]

# The rooms whose code never runs in a builder: a change there makes no new image.
_NEVER_IN_BUILDERS = {"cli", "deploy", "kubernetes", "oci", "registry"}
_CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def context_digest(target: ImageTarget, base_image: str) -> Digest:
    """Return the digest of all that a target's image is made of, apart from certificates."""
    return Digest.of_chunks(
        chunk
        for name, content in _files(target)
        for chunk in (f"{base_image}\0{name}\0{len(content)}\0".encode(), content)
    )


def context_tar(target: ImageTarget, environment: Mapping[str, str]) -> bytes:
    """Return the context as a tar; it holds the CA bundle that the environment names."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in (*_files(target), *_certificates(environment)):
            header = tarfile.TarInfo(name)
            header.size = len(content)
            header.mode = 0o644
            archive.addfile(header, io.BytesIO(content))
    return buffer.getvalue()


def _files(target: ImageTarget) -> Iterator[tuple[str, bytes]]:
    left_out = {"__pycache__"} | (set() if target == "puller" else _NEVER_IN_BUILDERS)
    package = Path(ocistacks.__file__).parent
    yield CONTAINERFILE, (package / "builder" / "image" / CONTAINERFILE).read_bytes()
    for path in sorted(package.rglob("*")):
        name = path.relative_to(package)
        if path.is_file() and left_out.isdisjoint(name.parts):
            yield f"src/ocistacks/{name.as_posix()}", path.read_bytes()


def _certificates(environment: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    for variable in _CERTIFICATE_VARIABLES:
        path = Path(environment.get(variable, ""))
        if environment.get(variable) and path.is_file():
            yield "ca-bundle.crt", path.read_bytes()
            return
