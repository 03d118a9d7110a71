"""What the commands on a specification share: the stack, the store, the builder, the reporter."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ocistacks.builder.build_stack import BuildOptions, build_stack
from ocistacks.builder.choose import open_builder
from ocistacks.builder.image import ImageOptions
from ocistacks.builder.python_runtimes import RuntimePythons
from ocistacks.cli.console import ConsoleReporter
from ocistacks.lock.lock_stack import LockOptions, LockResult, lock_stack
from ocistacks.lock.read import read_locks
from ocistacks.platforms import Platform
from ocistacks.request.plan import plan_stack
from ocistacks.spec.read import read_stack
from ocistacks.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ocistacks.builder.build_stack import BuiltLayer
    from ocistacks.builder.python_runtimes import PythonOrigin
    from ocistacks.builder.task import Builder
    from ocistacks.spec.model import StackSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class BuilderFlags:
    """What the command line says about builders."""

    allow_unconfined: bool = False
    builder_base: str | None = None
    python_origin: PythonOrigin = "auto"
    jobs: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StackSession:
    """One command's work on one stack."""

    stack: StackSpec
    store: Store
    environment: Mapping[str, str]
    reporter: ConsoleReporter
    flags: BuilderFlags

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """The platforms to build: those of the settings, else this machine's."""
        return self.stack.settings.platforms or (Platform.of_this_machine(),)

    def open_builder(self) -> AbstractContextManager[Builder]:
        """Open the builder that the settings and flags ask for."""
        return open_builder(
            self.stack.settings.builder,
            store=self.store,
            image_options=ImageOptions(
                base_image=self.flags.builder_base,
                environment=self.environment,
                say=self.reporter.say,
            ),
            allow_unconfined=self.flags.allow_unconfined,
        )

    def lock(self, *, upgrade: bool, upgrade_packages: tuple[str, ...]) -> tuple[LockResult, ...]:
        """Lock the stack."""
        pythons = RuntimePythons(
            store=self.store,
            settings=self.stack.settings,
            origin=self.flags.python_origin,
            environment=self.environment,
            reporter=self.reporter,
            open_builder=self.open_builder,
        )
        options = LockOptions(
            platforms=self.platforms,
            upgrade=upgrade,
            upgrade_packages=upgrade_packages,
            environment=self.environment,
        )
        return lock_stack(
            self.stack, resolve_python=pythons, options=options, reporter=self.reporter
        )

    def build(self, *, force: bool = False) -> tuple[BuiltLayer, ...]:
        """Build the locked stack for all its platforms, and return the layers in build order."""
        locks = read_locks(self.stack)
        plans = [
            plan for platform in self.platforms for plan in plan_stack(self.stack, locks, platform)
        ]
        options = BuildOptions(
            environment=self.environment,
            jobs=self.flags.jobs or os.cpu_count() or 1,
            force=force,
        )
        return build_stack(
            plans,
            store=self.store,
            open_builder=self.open_builder,
            options=options,
            reporter=self.reporter,
        )


@contextmanager
def stack_session(
    spec: Path, *, overrides: Mapping[str, Any], flags: BuilderFlags, quiet: bool
) -> Iterator[StackSession]:
    """Give a session on the stack that ``spec`` describes, with progress shown until exit.

    ``overrides`` are settings that the command line gives; those that are None are left out.
    """
    environment = dict(os.environ)
    reporter = ConsoleReporter(quiet=quiet)
    given = {name: value for name, value in overrides.items() if value is not None}
    stack = read_stack(spec, environment=environment, overrides=given)
    for warning in stack.warnings:
        reporter.say(f"warning: {warning}")
    with reporter.live():
        yield StackSession(
            stack=stack,
            store=Store.default(environment),
            environment=environment,
            reporter=reporter,
            flags=flags,
        )
