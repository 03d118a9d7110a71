"""apt with a state of its own: what this machine's sources offer, as if nothing were installed.

The sources, keys, proxies and preferences are the machine's (apt.conf(5)); lists, archives and the
empty database of installed packages lie in one folder. So no root is needed, no lock of the system
is taken, and no hook of the system runs. apt checks the signatures of what it lists.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from ocistacks.builder.python_source.recipe import SYSTEM_PATH
from ocistacks.digests import Digest
from ocistacks.errors import DigestError, EngineError
from ocistacks.redaction import without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_TOOLS: Final = ("apt-config", "apt-get", "dpkg-deb", "tar")
_TOLD_LINES: Final = 6
_LISTED: Final = re.compile(
    r"'(?P<uri>[^']+)' (?P<file>[^/\s]+) (?P<size>\d+) SHA256:(?P<hex>[0-9a-f]{64})"
)
_KEPT: Final = (
    "acquire::",
    "apt::architecture ",
    "apt::authentication::",
    "apt::default-release ",
    "apt::key::",
    "dir::bin",
    "dir::etc",
)
"""How the settings begin, in lower case, that say where packages come from and how."""

_DROPPED: Final = ("acquire::indextargets", "acquire::languages")
"""Which further indexes the machine wants: pictures and translations of descriptions."""

_OWN_SETTINGS: Final = """\
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Log "{folder}/log";
Debug::NoLocking "true";
APT::Sandbox::User "";
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "false";
APT::Get::AllowUnauthenticated "false";
Acquire::ForceHash "SHA256";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """A Debian package as a source offers it; ``size`` is in bytes."""

    uri: str
    file_name: str
    size: int
    digest: Digest


def machine_has_apt() -> bool:
    """Whether this machine has what fetches and opens Debian packages."""
    return all(shutil.which(tool) is not None for tool in _TOOLS)


class PrivateApt:
    """apt whose whole state lies below one folder."""

    def __init__(self, folder: Path) -> None:
        """Set apt up in the existing, empty ``folder``; EngineError if its settings are unread."""
        self._folder = folder
        self._environment = {
            **os.environ,
            "LC_ALL": "C",
            "DEBIAN_FRONTEND": "noninteractive",
            # What apt itself calls, to check signatures, lies in the system's folders.
            "PATH": os.pathsep.join((os.environ.get("PATH", os.defpath), SYSTEM_PATH)),
        }
        for name in ("state/lists/partial", "cache/archives/partial", "log"):
            (folder / name).mkdir(parents=True)
        (folder / "status").touch()
        dumped = self._run("apt-config", "dump")
        if dumped.returncode != 0:
            raise _failed("read the settings of apt", [dumped])
        settings = folder / "apt.conf"
        settings.write_text(own_configuration(dumped.stdout, folder), encoding="utf-8")
        self._environment["APT_CONFIG"] = os.fspath(settings)

    def resolve(self, names: Sequence[str]) -> tuple[Package, ...]:
        """Return the packages ``names`` with all that they depend on, sorted by file name.

        Raises:
            EngineError: no source offers them, or none can be read.
        """
        # A source that fails is told below, and only where what it offers is missed.
        updated = self._run("apt-get", "update", "-qq")
        listed = self._run("apt-get", "install", "-qq", "--print-uris", *names)
        if listed.returncode != 0:
            raise _failed("find the packages of the toolchain", [updated, listed])
        return parse_packages(listed.stdout)

    def download(self, packages: Iterable[Package]) -> tuple[Path, ...]:
        """Fetch what ``resolve`` returned, and return the files, verified, in the same order.

        Raises:
            EngineError: a package cannot be fetched.
            DigestError: a file is not what its source's signed list says.
        """
        wanted = tuple(packages)
        exact = [_exact_version(package.file_name) for package in wanted]
        fetched = self._run("apt-get", "install", "-qq", "--download-only", *exact)
        if fetched.returncode != 0:
            raise _failed("fetch the packages of the toolchain", [fetched])
        return tuple(_verified(self._file(package), package) for package in wanted)

    def _file(self, package: Package) -> Path:
        # apt takes packages of a source on this machine from where they lie.
        if package.uri.startswith("file:"):
            return Path(unquote(package.uri.removeprefix("file:")))
        return self._folder / "cache" / "archives" / package.file_name

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )


def own_configuration(dump: str, folder: Path) -> str:
    """Return an apt.conf(5) with the state in ``folder`` and the sources of the machine.

    ``dump`` is what `apt-config dump` prints. Raises EngineError if it names no architecture.
    """
    kept = [
        line
        for line in dump.splitlines()
        if line.lower().startswith(_KEPT) and not line.lower().startswith(_DROPPED)
    ]
    architecture = re.search(r'^APT::Architecture "([^"]+)";$', dump, re.MULTILINE)
    if architecture is None:
        raise EngineError(
            "The settings of this machine's apt cannot be read.",
            where="apt-config dump",
            found="no APT::Architecture",
        )
    own = _OWN_SETTINGS.format(folder=folder, architecture=architecture[1])
    return "\n".join([*kept, own])


def parse_packages(listed: str) -> tuple[Package, ...]:
    """Read what `apt-get install --print-uris` prints; the packages are sorted by file name.

    Raises EngineError for a line of another form, and so for a source without SHA-256.
    """
    packages = []
    for line in listed.splitlines():
        match = _LISTED.fullmatch(line.strip())
        if match is None:
            raise EngineError(
                "A source of this machine's apt offers a package without a usable digest.",
                found=without_secrets(line.strip())[:300],
                expected="an address, a file name, a size and a SHA-256",
            )
        packages.append(
            Package(
                uri=match["uri"],
                file_name=match["file"],
                size=int(match["size"]),
                digest=Digest.from_hex(match["hex"]),
            )
        )
    return tuple(sorted(packages, key=lambda package: package.file_name))


def _exact_version(file_name: str) -> str:
    """Return NAME=VERSION for `NAME_VERSION_ARCHITECTURE.deb`, where a colon is written %3a."""
    name, version, _architecture = file_name.split("_")
    return f"{name}={unquote(version)}"


def _verified(path: Path, package: Package) -> Path:
    found = Digest.of_file(path) if path.is_file() else "no such file"
    if found != package.digest:
        raise DigestError(
            "A Debian package of the toolchain is not the one that its source lists.",
            where=package.file_name,
            found=found,
            expected=package.digest,
            hint="try again; if it stays so, the mirror or a proxy serves another file",
        )
    return path


def _failed(step: str, runs: Iterable[subprocess.CompletedProcess[str]]) -> EngineError:
    # The first complaints of each run tell most: later ones follow from them.
    lines = [line for run in runs for line in run.stderr.strip().splitlines()[:_TOLD_LINES]]
    return EngineError(
        f"apt cannot {step}.",
        found="\n    ".join(map(without_secrets, lines)) or "no word",
        hint="check that apt-get update works on this machine",
    )
