"""Bringing materials into the store: in parallel, verified while they stream."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ocistacks.errors import DigestError, MaterialError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    import requests

    from ocistacks.progress import Reporter
    from ocistacks.request.materials import Material
    from ocistacks.store.credentials import IndexCredentials
    from ocistacks.store.download import Download
    from ocistacks.store.store import Store

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
        NotFoundError: a local file is missing, or a material has no known place.
        TransferError, AuthError: a server or a registry does not give a file.
    """
    missing = {
        material.digest: material for material in materials if not store.has_blob(material.digest)
    }
    if not missing:
        return 0
    # Not before there is something to fetch: an HTTP client takes its time to be imported.
    from ocistacks.http_session import new_session
    from ocistacks.store.credentials import IndexCredentials

    credentials = IndexCredentials(environment)
    with new_session(environment) as session, ThreadPoolExecutor(_PARALLEL) as pool:
        jobs = [
            pool.submit(_fetch, store, material, session, credentials, environment, reporter)
            for material in missing.values()
        ]
        try:
            return sum(job.result() for job in jobs)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _fetch(
    store: Store,
    material: Material,
    session: requests.Session,
    credentials: IndexCredentials,
    environment: Mapping[str, str],
    reporter: Reporter,
) -> int:
    with store.exclusively(f"material-{material.digest.hex}"):
        if store.has_blob(material.digest):
            return 0
        if material.path is not None:
            return _copy(store, material, material.path)
        if material.url is None:
            raise NotFoundError(
                f"{material.name} is not in the store, and no place to fetch it from is known.",
                where=str(store.root),
                expected=material.digest,
                hint=material.hint,
            )
        if urlsplit(material.url).scheme == "oci":
            from ocistacks.store.pull import pull_material

            return pull_material(
                store, material, material.url, environment=environment, reporter=reporter
            )
        from ocistacks.store.download import Download

        download = Download(
            material=material, url=material.url, session=session, credentials=credentials
        )
        return _download(store, download, reporter)


def _copy(store: Store, material: Material, path: Path) -> int:
    try:
        size = path.stat().st_size
        store.add_file(material.digest, path, what=str(path))
    except FileNotFoundError:
        raise NotFoundError(
            f"The local file of {material.name} is missing.",
            where=str(path),
            expected=material.digest,
            hint="restore the file, or lock the stack again",
        ) from None
    except OSError as error:
        raise MaterialError(
            f"The local file of {material.name} cannot be read.",
            where=str(path),
            found=error.strerror or str(error),
            expected=material.digest,
            hint="check the file's owner and mode",
        ) from error
    except DigestError as error:
        raise DigestError(
            f"The local file of {material.name} is not the one that was locked.",
            where=str(path),
            found=error.found,
            expected=material.digest,
            hint="restore the file, or take the new one with ocistacks lock --upgrade",
        ) from error
    return size


def _download(store: Store, download: Download, reporter: Reporter) -> int:
    material = download.material
    received = 0

    with reporter.task(material.name, total=material.size) as task:

        @contextmanager
        def opened(have: Path | None) -> Iterator[Iterator[bytes]]:
            yield counted(download.chunks(task, start=have.stat().st_size if have else 0))

        def counted(chunks: Iterator[bytes]) -> Iterator[bytes]:
            nonlocal received
            for chunk in chunks:
                received += len(chunk)
                yield chunk

        what = f"{material.name}, {download.where}"
        store.add_over_runs(material.digest, opened, what=what)
    return received
