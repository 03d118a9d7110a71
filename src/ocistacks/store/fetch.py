"""Bringing materials into the store: in parallel, verified while they stream."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import requests

from ocistacks.errors import MaterialError, NotFoundError
from ocistacks.http_session import new_session, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ocistacks.progress import Reporter
    from ocistacks.request.materials import Material
    from ocistacks.store.store import Store

_CHUNK_BYTES = 1 << 18
_PARALLEL = 8


def fetch_materials(
    store: Store,
    materials: Iterable[Material],
    *,
    environment: Mapping[str, str],
    reporter: Reporter,
) -> int:
    """Bring every material that is missing into the store, and return the bytes received.

    Raises:
        DigestError: a file is not what its digest says.
        MaterialError: a server does not give a file.
        NotFoundError: a local file is missing, or a material has no known place.
    """
    missing = {
        material.digest: material for material in materials if not store.has_blob(material.digest)
    }
    if not missing:
        return 0
    with new_session(environment) as session, ThreadPoolExecutor(_PARALLEL) as pool:
        jobs = [
            pool.submit(_fetch, store, material, session, reporter) for material in missing.values()
        ]
        try:
            return sum(job.result() for job in jobs)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _fetch(store: Store, material: Material, session: requests.Session, reporter: Reporter) -> int:
    with store.exclusively(f"material-{material.digest.hex}"):
        if store.has_blob(material.digest):
            return 0
        if material.path is not None:
            return _copy(store, material)
        if material.url is None:
            raise NotFoundError(
                f"{material.name} is not in the store, and no place to fetch it from is known.",
                where=str(store.root),
                expected=material.digest,
                hint=material.hint,
            )
        return _download(store, material, material.url, session, reporter)


def _copy(store: Store, material: Material) -> int:
    path = material.path
    if path is None or not path.is_file():
        raise NotFoundError(
            f"The local file of {material.name} is missing.",
            where=str(path),
            expected=material.digest,
            hint="restore the file, or lock the stack again",
        )
    store.add_file(material.digest, path, what=str(path))
    return path.stat().st_size


def _download(
    store: Store, material: Material, url: str, session: requests.Session, reporter: Reporter
) -> int:
    where = f"GET {without_secrets(url)}"
    try:
        with session.get(url, stream=True) as response:
            if response.status_code != requests.codes.ok:
                raise MaterialError(
                    f"{material.name} cannot be fetched.",
                    where=where,
                    found=f"HTTP {response.status_code} {response.reason}",
                    expected="HTTP 200",
                    hint="check the index and its credentials, then run the command again",
                )
            length = response.headers.get("Content-Length")
            total = material.size or (int(length) if length and length.isdigit() else None)
            with reporter.task(material.name, total=total) as task:
                received = 0

                def chunks() -> Iterator[bytes]:
                    nonlocal received
                    for chunk in response.iter_content(_CHUNK_BYTES):
                        received += len(chunk)
                        _bound(received, material, where)
                        task.advance(len(chunk))
                        yield chunk

                store.add_blob(material.digest, chunks(), what=f"{material.name}, {where}")
                return received
    except requests.RequestException as error:
        raise MaterialError(
            f"{material.name} cannot be fetched.",
            where=where,
            found=f"{type(error).__name__}: {without_secrets(str(error))}",
            hint="check the network and proxy settings, then run the command again",
        ) from error


def _bound(received: int, material: Material, where: str) -> None:
    if material.size is not None and received > material.size:
        raise MaterialError(
            f"{material.name} is larger than its lock says; nothing of it was kept.",
            where=where,
            found=f"more than {material.size} bytes",
            expected=f"{material.size} bytes",
        )
