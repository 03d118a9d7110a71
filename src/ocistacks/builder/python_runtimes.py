"""Finding a runtime's Python archive: in the store, where the spec says, or by making it.

The order is: what was found before; an archive that the spec names; python-build-standalone; a
build from CPython's release tarball, in a builder. What is found is remembered in the store, so
that a machine makes or fetches it once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ocistacks.blob.model import Blob
from ocistacks.builder.python_source.apt_mirrors import installed_mirrors
from ocistacks.builder.python_source.sources import source_release
from ocistacks.builder.standalone import fetch_standalone
from ocistacks.builder.task import Task
from ocistacks.errors import DigestError, LockError, MaterialError
from ocistacks.lock.python_pin import PythonPin
from ocistacks.platforms import Platform
from ocistacks.request.materials import Material
from ocistacks.store.fetch import fetch_materials
from ocistacks.store.records import read_record, write_record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ocistacks.builder.task import BuilderFactory
    from ocistacks.digests import Digest
    from ocistacks.progress import Reporter
    from ocistacks.spec.model import RuntimeSpec
    from ocistacks.spec.settings import Settings
    from ocistacks.store.store import Store

PythonOrigin = Literal["auto", "standalone", "source"]

_SOURCE_MODULE = "ocistacks.builder.python_source.build"
_ARCHIVE = "python.tar.zst"


@dataclass(frozen=True, kw_only=True, slots=True)
class RuntimePythons:
    """A ``PythonResolver`` (see ``ocistacks.lock.python_pin``).

    ``origin`` limits where an archive that the spec does not name may come from: ``auto`` takes
    python-build-standalone, and the release tarball where that cannot be reached.
    """

    store: Store
    settings: Settings
    origin: PythonOrigin
    environment: Mapping[str, str]
    reporter: Reporter
    open_builder: BuilderFactory

    def __call__(self, runtime: RuntimeSpec, platform: Platform) -> PythonPin:
        """Return the pin of an archive that lies in the store; LockError if none can be had."""
        version = runtime.python_version
        if runtime.implementation != "cpython":
            raise LockError(
                "There is no archive of this Python.",
                where=f"layer {runtime.environment_name}, python_implementation",
                found=runtime.python_implementation,
                expected="cpython@X.Y.Z, or an archive in [tool.ocistacks.python_sources]",
            )
        named = self.settings.python_sources.get(version, {}).get(platform)
        if named is not None:
            return self._named(
                version,
                named.url,
                Material(name=f"Python {version}", digest=named.digest, size=None, url=named.url),
            )
        record = self._record(version, platform)
        with self.store.exclusively(record.name):
            pin = read_record(record, PythonPin)
            if pin is None or not self.store.has_blob(pin.digest):
                pin = self._obtain(runtime, platform)
                write_record(record, pin)
        return pin

    def _record(self, version: str, platform: Platform) -> Path:
        return self.store.root / "pythons" / f"cpython-{version}-{platform}-{self.origin}.json"

    def _named(self, version: str, url: str, material: Material) -> PythonPin:
        fetch_materials(
            self.store, [material], environment=self.environment, reporter=self.reporter
        )
        return PythonPin(
            version=version,
            sha256=material.digest.hex,
            size=self.store.blob_path(material.digest).stat().st_size,
            origin="named in the specification",
            url=url,
        )

    def _obtain(self, runtime: RuntimeSpec, platform: Platform) -> PythonPin:
        version = runtime.python_version
        if self.origin != "source":
            try:
                return fetch_standalone(
                    version, platform, store=self.store, environment=self.environment
                )
            except MaterialError as error:
                if self.origin == "standalone":
                    raise
                unreachable = error
                self.reporter.say(
                    f"No prebuilt Python {version} for {platform} can be fetched: "
                    "building it from the release tarball, once."
                )
        else:
            unreachable = None
        if platform != Platform.of_this_machine():
            raise LockError(
                f"No Python {version} can be had for {platform}.",
                where=f"layer {runtime.environment_name}",
                found=str(unreachable) if unreachable else "a build from source was asked for",
                expected="an archive for that platform; from source it can only be built there",
                hint="name one in [tool.ocistacks.python_sources], or leave the platform out",
            ) from unreachable
        return self._build(version)

    def _build(self, version: str) -> PythonPin:
        release = source_release(version, debian_mirrors=installed_mirrors())
        self._fetch_release(release.file_name, release.digest, release.urls)
        task = Task(
            name=f"Python {version}",
            module=_SOURCE_MODULE,
            arguments=lambda materials: (
                *("--source", f"{materials}/{release.digest.hex}", "--sha256", release.digest.hex),
                *("--output", _ARCHIVE, "--work", "build", "--jobs", str(os.cpu_count() or 1)),
            ),
            files={},
            folders=("build",),
            materials=(release.digest,),
            output=_ARCHIVE,
            toolchain="python-source",
        )
        with (
            self.open_builder() as builder,
            self.store.new_blob() as output,
            self.reporter.task(f"compile Python {version}", unit="steps"),
        ):
            builder.prepare(task.toolchain)
            answer = builder.run(task, output=output, on_step=self.reporter.say)
            blob = Blob.model_validate_json(answer)
            self.store.adopt(output, blob.digest)
        return PythonPin(
            version=version,
            sha256=blob.digest.hex,
            size=blob.size,
            origin=f"built from {release.file_name}, {release.digest}",
        )

    def _fetch_release(self, name: str, digest: Digest, urls: tuple[str, ...]) -> None:
        """Fetch the release tarball from the first mirror that has it."""
        failures: list[str] = []
        for url in urls:
            material = Material(name=name, digest=digest, size=None, url=url)
            try:
                fetch_materials(
                    self.store, [material], environment=self.environment, reporter=self.reporter
                )
            except (MaterialError, DigestError) as error:
                failures.append(str(error))
            else:
                return
        raise MaterialError(
            f"{name} cannot be fetched from any mirror.",
            found="\n    ".join(failures),
            expected=digest,
            hint="name an archive in [tool.ocistacks.python_sources]",
        )
