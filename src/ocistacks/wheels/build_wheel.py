"""Building one wheel: find the sdist, lock and fetch what its build requires, run the builder.

What was built before from the same sdist, requirements, Python and settings is not built again.
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from ocistacks.builder.task import Builder, Task
from ocistacks.digests import Digest
from ocistacks.errors import BuildError, DigestError, EngineError
from ocistacks.files import atomic_file
from ocistacks.lock.layer_pins import runtime_pins
from ocistacks.lock.options import LockOptions
from ocistacks.lock.paths import LockPaths
from ocistacks.lock.read import read_layer_lock
from ocistacks.request.index_login import index_logins
from ocistacks.request.materials import Material, python_material
from ocistacks.request.model import PythonInput
from ocistacks.spec.model import runtime_of
from ocistacks.store.fetch import fetch_materials
from ocistacks.store.records import read_record, write_record
from ocistacks.wheels import inside
from ocistacks.wheels.build_lock import (
    BuildLock,
    build_lock_path,
    lock_requirements,
    locked_wheels,
    read_build_lock,
)
from ocistacks.wheels.model import BuiltWheel, WheelAnswer, WheelRequest
from ocistacks.wheels.resolver_settings import build_settings
from ocistacks.wheels.sdist import find_sdist

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from packaging.pylock import Package
    from packaging.requirements import Requirement

    from ocistacks.builder.task import BuilderFactory
    from ocistacks.lock.python_pin import PythonPin, PythonResolver
    from ocistacks.platforms import Platform
    from ocistacks.progress import Reporter
    from ocistacks.spec.model import LayerSpec, StackSpec
    from ocistacks.store.store import Store
    from ocistacks.wheels.resolver_settings import BuildSettings
    from ocistacks.wheels.sdist import Sdist

Outcome = Literal["built", "up to date"]
_ROUNDS = 4
"""Static requirements, those of the backend, the build; one more, should the settings add some."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelResult:
    """A wheel that lies in the output folder; ``requirement`` is what it was built for."""

    requirement: Requirement
    name: str
    version: str
    wheel: BuiltWheel
    outcome: Outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelOptions:
    """How wheels are built. ``output`` is the folder for them; ``platform`` the builder's own.

    ``force`` builds again what was built, ``upgrade`` locks the build requirements anew.
    """

    output: Path
    platform: Platform
    environment: Mapping[str, str]
    force: bool = False
    upgrade: bool = False

    def locking(self, stack: StackSpec) -> LockOptions:
        """Return how uv resolves what is built with: with the wheels that are there already."""
        named: Any = stack.uv_configuration.get("find-links", ())
        places = {(stack.folder / place).resolve() for place in named if "://" not in place}
        output = self.output.resolve()
        return LockOptions(
            platforms=(self.platform,),
            environment=self.environment,
            local_wheels=() if output in places else (output,),
            upgrade=self.upgrade,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelBuilds:
    """Builds wheels for the layers of one stack."""

    stack: StackSpec
    store: Store
    options: WheelOptions
    resolve_python: PythonResolver
    open_builder: BuilderFactory
    reporter: Reporter

    @contextmanager
    def with_one_builder(self) -> Iterator[WheelBuilds]:
        """Give the same, but all its wheels are built by one builder, which is open until exit.

        It is opened when the first wheel needs it: to look for its image or its packages takes
        seconds.
        """
        with ExitStack() as kept:
            opened = cache(lambda: kept.enter_context(self.open_builder()))
            yield replace(self, open_builder=lambda: nullcontext(opened()))

    def build(
        self, requirement: Requirement, layer: LayerSpec, lower_packages: Iterable[Package] = ()
    ) -> WheelResult:
        """Build the wheel of ``requirement`` for the Python of ``layer``, and put it out.

        Raises:
            BuildError: the package's own build fails; what it said is in the message.
            DigestError: the index has another sdist than the one that was built before.
            LockError: no sdist is found, or what its build requires has no wheels.
            TransferError: a material cannot be fetched.
        """
        options = self.options
        sdist = find_sdist(
            requirement, layer, self.stack, lower_packages, environment=options.environment
        )
        pin = self._python(layer)
        path = build_lock_path(
            options.output, sdist.given, options.platform, runtime_of(layer).python_minor
        )
        lock = read_build_lock(path, sdist.given)
        settings = build_settings(sdist.given.name, self.stack.uv_configuration)
        wheel, outcome = self._made(sdist, lock, pin, settings, layer)
        target = options.output / wheel.filename
        # A copy: the user may do with it what must not happen to the store's.
        if not target.is_file() or Digest.of_file(target) != wheel.digest:
            with atomic_file(target) as stream, self._blob(wheel).open("rb") as content:
                shutil.copyfileobj(content, stream)
        return WheelResult(
            requirement=requirement,
            name=sdist.given.name,
            version=sdist.given.version,
            wheel=wheel,
            outcome=outcome,
        )

    def _made(
        self,
        sdist: Sdist,
        lock: BuildLock,
        pin: PythonPin,
        settings: BuildSettings,
        layer: LayerSpec,
    ) -> tuple[BuiltWheel, Outcome]:
        logins = index_logins(self.stack.uv_configuration)
        own = lock.record.requirements
        for _round in range(_ROUNDS):
            if own or settings.requirements:
                lock = lock_requirements(
                    lock,
                    own,
                    settings.requirements,
                    layer,
                    self.stack,
                    self.options.locking(self.stack),
                )
            wheels, materials = locked_wheels(lock, layer, self.options.platform, logins)
            request = WheelRequest(
                platform=self.options.platform,
                python=PythonInput(
                    implementation=runtime_of(layer).implementation,
                    version=pin.version,
                    digest=pin.digest,
                ),
                sdist=sdist.given,
                requirements=tuple(sorted({*own, *settings.requirements})),
                build_wheels=wheels,
                config_settings=settings.config_settings,
                variables=settings.variables,
            )
            known = None if self.options.force else self._known(request)
            if known is not None:
                return known, "up to date"
            answer = self._run(request, (sdist.material, python_material(pin), *materials))
            if answer.wheel is not None:
                write_record(self._record(request), answer.wheel)
                return answer.wheel, "built"
            own = answer.requirements or ()
        raise BuildError(
            "The build of an sdist asks for other requirements each time.",
            where=sdist.given.filename,
            found=", ".join(own),
            hint="report it to the package's authors",
        )

    def _python(self, layer: LayerSpec) -> PythonPin:
        """Return the Python that the runtime's lock pins, else the one that it would pin."""
        runtime, platform = runtime_of(layer), self.options.platform
        paths = LockPaths.of_layer(self.stack.folder, runtime.environment_name)
        lock = read_layer_lock(runtime, paths)
        pins = lock.pins if lock is not None else {}
        return runtime_pins(runtime, pins, (platform,), self.resolve_python, upgrade=False)[
            platform
        ]

    def _run(self, request: WheelRequest, materials: Iterable[Material]) -> WheelAnswer:
        fetch_materials(
            self.store, materials, environment=self.options.environment, reporter=self.reporter
        )
        sdist = request.sdist
        task = Task(
            name=f"the wheel of {sdist.name} {sdist.version}",
            module=inside.MODULE,
            arguments=lambda folder: (folder,),
            files={inside.REQUEST_FILE: request.canonical()},
            materials=request.material_digests,
            output=inside.WHEEL_FILE,
            toolchain="python-source",
            foreign_code=True,
        )
        with (
            self.open_builder() as builder,
            self.store.new_blob() as output,
            self.reporter.task(f"build {sdist.name} {sdist.version}", unit="steps") as shown,
        ):
            builder.prepare(task.toolchain)
            try:
                line = builder.run(task, output=output, on_step=lambda _line: shown.advance(1))
            except EngineError:
                raise
            except BuildError as error:
                raise BuildError(
                    f"{sdist.name} {sdist.version} cannot be built from its sdist.",
                    where=error.where,
                    found=error.found,
                    hint="a build has no network, the requirements that the package names, and "
                    "the builder's compilers and libraries: name a further requirement in "
                    "extra-build-dependencies of [tool.uv], or take another version",
                ) from error
            return self._adopted(line, output, task, builder)

    def _adopted(self, line: str, output: Path, task: Task, builder: Builder) -> WheelAnswer:
        try:
            answer = WheelAnswer.model_validate_json(line)
        except ValidationError as error:
            raise BuildError(
                f"The builder gave no answer for {task.name}.",
                where=f"builder {builder.name}",
                found=line[:500] or "nothing",
            ) from error
        if answer.wheel is not None:
            found = Digest.of_file(output)
            if found != answer.wheel.digest:
                raise DigestError(
                    f"{answer.wheel.filename} was damaged on its way out of the builder.",
                    where=f"builder {builder.name}",
                    found=found,
                    expected=answer.wheel.digest,
                    hint="build again",
                )
            self.store.adopt(output, found)
        return answer

    def _known(self, request: WheelRequest) -> BuiltWheel | None:
        wheel = read_record(self._record(request), BuiltWheel)
        return wheel if wheel is not None and self.store.has_blob(wheel.digest) else None

    def _record(self, request: WheelRequest) -> Path:
        return self.store.root / "wheels" / f"{request.input_digest.hex}.json"

    def _blob(self, wheel: BuiltWheel) -> Path:
        return self.store.blob_path(wheel.digest)
