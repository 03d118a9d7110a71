"""Python archives of the python-build-standalone project, as uv knows and verifies them.

uv's own settings hold: UV_PYTHON_INSTALL_MIRROR, UV_PYTHON_DOWNLOADS_JSON_URL, proxies and
SSL_CERT_FILE.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from uv import find_uv_bin

from ocistacks.digests import Digest
from ocistacks.errors import MaterialError
from ocistacks.lock.python_pin import PythonPin
from ocistacks.platforms import Platform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ocistacks.store.store import Store

_UV_KEYS = {
    Platform.LINUX_X86_64: "linux-x86_64-gnu",
    Platform.LINUX_AARCH64: "linux-aarch64-gnu",
    Platform.MACOSX_ARM64: "macos-aarch64-none",
    Platform.MACOSX_X86_64: "macos-x86_64-none",
    Platform.WIN_AMD64: "windows-x86_64-none",
    Platform.WIN_ARM64: "windows-aarch64-none",
}
_ARCHIVES = ("*.tar.gz", "*.tar.zst")


def fetch_standalone(
    version: str, platform: Platform, *, store: Store, environment: Mapping[str, str]
) -> PythonPin:
    """Bring the archive that uv would install into the store, and return its pin.

    uv downloads it and checks it against the digest in its own list.

    Raises:
        MaterialError: uv knows no such Python, or cannot fetch it.
    """
    key = f"cpython-{version}-{_UV_KEYS[platform]}"
    url = _known_url(key, environment)
    with tempfile.TemporaryDirectory(prefix="ocistacks-python-") as folder:
        cache = Path(folder) / "cache"
        _uv(
            ("python", "install", "--install-dir", f"{folder}/installed", "--no-bin", key),
            {**environment, "UV_PYTHON_CACHE_DIR": str(cache), "UV_HTTP_RETRIES": "1"},
            key,
        )
        archives = [path for pattern in _ARCHIVES for path in cache.rglob(pattern)]
        if len(archives) != 1:
            raise MaterialError(
                "uv installed Python without keeping the archive that it came in.",
                where=key,
                found=f"{len(archives)} archives",
                expected="1 archive",
            )
        digest = Digest.of_file(archives[0])
        size = archives[0].stat().st_size
        store.add_file(digest, archives[0], what=key)
    return PythonPin(
        version=version,
        sha256=digest.hex,
        size=size,
        origin="python-build-standalone",
        url=url,
    )


def _known_url(key: str, environment: Mapping[str, str]) -> str:
    listed = json.loads(
        _uv(
            (
                "python",
                "list",
                "--only-downloads",
                "--all-versions",
                "--output-format",
                "json",
                key,
            ),
            environment,
            key,
        )
        or "[]"
    )
    urls = [entry["url"] for entry in listed if entry.get("url") and entry.get("key") == key]
    if not urls:
        raise MaterialError(
            "python-build-standalone has no such Python, as far as this version of uv knows.",
            where=key,
            hint="choose another version for python_implementation, or name an archive in "
            "[tool.ocistacks.python_sources]",
        )
    return str(urls[0])


def _uv(arguments: tuple[str, ...], environment: Mapping[str, str], key: str) -> str:
    finished = subprocess.run(
        [find_uv_bin(), *arguments, "--no-config", "--color", "never"],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode != 0:
        raise MaterialError(
            "uv cannot fetch Python.",
            where=key,
            found=finished.stderr.strip()[-800:],
            hint="set UV_PYTHON_INSTALL_MIRROR to a mirror that this machine reaches",
        )
    return finished.stdout
