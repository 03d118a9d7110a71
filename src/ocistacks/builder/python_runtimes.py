"""Finding a runtime's Python archive: in the store, where the spec says, or by making it.

The order is: what was found before; an archive that the spec names; python-build-standalone; a
build from CPython's release tarball, in a builder. What is found is remembered in the store, so
that a machine makes or fetches it once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ocistacks.builder.answers import adopt_answer
from ocistacks.builder.python_source.apt_mirrors import installed_mirrors
from ocistacks.builder.python_source.fetching import fetch_release
from ocistacks.builder.python_source.sources import source_release
from ocistacks.builder.standalone import fetch_standalone
from ocistacks.builder.task import Task
from ocistacks.errors import LockError, MaterialError
from ocistacks.lock.python_pin import PythonPin
from ocistacks.request.materials import Material
from ocistacks.store.fetch import fetch_materials
from ocistacks.store.records import read_record, write_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ocistacks.builder.task import Builder, BuilderFactory
    from ocistacks.platforms import Platform
    from ocistacks.progress import Reporter
    from ocistacks.spec.model import RuntimeSpec
    from ocistacks.spec.settings import PythonSource, Settings
    from ocistacks.store.store import Store

PythonOrigin = Literal["auto", "standalone", "source"]
_Kind = Literal["standalone", "source"]

_KINDS: dict[PythonOrigin, tuple[_Kind, ...]] = {
    "auto": ("standalone", "source"),
    "standalone": ("standalone",),
    "source": ("source",),
}

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
        named = self.settings.python_sources.get(version, {}).get(platform)
        if named is not None:
            return self._named(version, named)
        with self.store.exclusively(f"cpython-{version}-{platform}"):
            return self._remembered(version, platform) or self._obtained(runtime, platform)

    def _named(self, version: str, source: PythonSource) -> PythonPin:
        parts = urlsplit(source.url)
        is_file = parts.scheme == "file"
        material = Material(
            name=f"Python {version}",
            digest=source.digest,
            size=None,
            url=None if is_file else source.url,
            path=Path(url2pathname(parts.path)) if is_file else None,
        )
        fetch_materials(
            self.store, [material], environment=self.environment, reporter=self.reporter
        )
        return PythonPin(
            version=version,
            sha256=material.digest.hex,
            size=self.store.blob_path(material.digest).stat().st_size,
            origin="named in the specification",
            url=source.url,
        )

    def _record(self, version: str, platform: Platform, kind: _Kind) -> Path:
        return self.store.root / "pythons" / f"cpython-{version}-{platform}-{kind}.json"

    def _remembered(self, version: str, platform: Platform) -> PythonPin | None:
        for kind in _KINDS[self.origin]:
            pin = read_record(self._record(version, platform, kind), PythonPin)
            if pin is not None and self.store.has_blob(pin.digest):
                return pin
        return None

    def _obtained(self, runtime: RuntimeSpec, platform: Platform) -> PythonPin:
        version = runtime.python_version
        unreachable: MaterialError | None = None
        if self.origin != "source":
            try:
                pin = fetch_standalone(
                    version, platform, store=self.store, environment=self.environment
                )
            except MaterialError as error:
                if self.origin == "standalone":
                    raise
                unreachable = error
            else:
                write_record(self._record(version, platform, "standalone"), pin)
                return pin
        with self.open_builder() as builder:
            if builder.platform != platform:
                raise LockError(
                    f"No Python {version} can be had for {platform}.",
                    where=f"layer {runtime.environment_name}",
                    found=str(unreachable) if unreachable else "a build from source was asked for",
                    expected="an archive for that platform; from source it can only be built there",
                    hint="name one in [tool.ocistacks.python_sources], or leave the platform out",
                ) from unreachable
            if unreachable is not None:
                self.reporter.say(
                    f"No prebuilt Python {version} for {platform} can be fetched: "
                    "building it from the release tarball, once."
                )
            pin = self._build(version, builder)
        write_record(self._record(version, platform, "source"), pin)
        return pin

    def _build(self, version: str, builder: Builder) -> PythonPin:
        release = source_release(version, debian_mirrors=installed_mirrors())
        fetch_release(release, self.store, environment=self.environment, reporter=self.reporter)
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
            self.store.new_blob() as output,
            self.reporter.task(f"compile Python {version}", unit="steps"),
        ):
            builder.prepare(task.toolchain)
            answer = builder.run(task, output=output, on_step=self.reporter.say)
            blob = adopt_answer(answer, output, self.store, task, builder)
        return PythonPin(
            version=version,
            sha256=blob.digest.hex,
            size=blob.size,
            origin=f"built from {release.file_name}, {release.digest}",
        )
