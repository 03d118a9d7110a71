"""One material from a registry: a blob of the repository that `oci://HOST[:PORT]/REPO` names."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ocistacks.errors import UsageError
from ocistacks.registry.reference import RegistryReference, parse_reference
from ocistacks.registry.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ocistacks.progress import Reporter
    from ocistacks.request.materials import Material
    from ocistacks.store.store import Store

SCHEME = "oci://"


def pull_material(
    store: Store,
    material: Material,
    reference: str,
    *,
    environment: Mapping[str, str],
    reporter: Reporter,
) -> int:
    """Bring a blob into the store by the material's digest, and return the bytes received.

    ``reference`` begins with SCHEME; its tag or digest is for people, who see what they pushed.

    Raises:
        AuthError: the registry wants credentials.
        DigestError: the registry sends other bytes.
        NotFoundError: the repository has no such blob.
        TransferError: the registry does not answer.
        UsageError: the reference is none.
    """
    named = parse_reference(reference.removeprefix(SCHEME))
    if not isinstance(named, RegistryReference):
        raise UsageError(
            f"{material.name} cannot be fetched: that names no registry.",
            found=reference,
            expected=f"{SCHEME}HOST[:PORT]/REPO",
        )

    with Repository(named.host, named.repository, environment=environment) as repository:
        blob = repository.find_blob(material.digest)
        received = 0
        with reporter.task(material.name, total=blob.size) as task:

            @contextmanager
            def opened(have: Path | None) -> Iterator[Iterator[bytes]]:
                task.advance(have.stat().st_size if have is not None else 0)
                rest = repository.open_rest(blob, have) if have else repository.open_blob(blob)
                with rest as chunks:
                    yield counted(chunks)

            def counted(chunks: Iterator[bytes]) -> Iterator[bytes]:
                nonlocal received
                for chunk in chunks:
                    received += len(chunk)
                    task.advance(len(chunk))
                    yield chunk

            what = f"{material.name}, {repository.describe(blob)}"
            store.add_over_runs(material.digest, opened, what=what)
        return received
