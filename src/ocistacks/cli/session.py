"""What the commands on a specification share: the stack, the store, the builder, the reporter."""

from __future__ import annotations

import json
import os
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from ocistacks.lock.read import read_locks, stale_reason
from ocistacks.lock.status import StackStatus, stack_status
from ocistacks.platforms import Platform
from ocistacks.registry.reference import RegistryReference, parse_reference
from ocistacks.selection.model import Selection, Wish
from ocistacks.selection.select import select_layers
from ocistacks.spec.model import lower_layers
from ocistacks.spec.read import read_stack
from ocistacks.store.store import Store
from ocistacks.store.usage import shared

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from ocistacks.builder.build_stack import BuiltLayer
    from ocistacks.builder.python_runtimes import PythonOrigin
    from ocistacks.builder.shared_layers import SharedLayers, SharedLayersFactory
    from ocistacks.builder.task import Builder
    from ocistacks.cli.console import ConsoleReporter
    from ocistacks.cli.layer_options import StatusOptions
    from ocistacks.cli.options import SettingsOptions, TalkOptions
    from ocistacks.lock.lock_layer import LockResult
    from ocistacks.lock.options import LockOptions
    from ocistacks.lock.python_pin import PythonPin
    from ocistacks.registry.reference import LayoutReference
    from ocistacks.request.plan import PlannedLayer
    from ocistacks.spec.model import RuntimeSpec, StackSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class BuilderFlags:
    """What the command line says about builders."""

    allow_unconfined: bool = False
    builder_base: str | None = None
    python_origin: PythonOrigin = "auto"
    jobs: int | None = None
    cache: bool = False


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

    def folder(self, path: Path) -> Path:
        """Return a folder that the command line names, from the specification's own."""
        return self.stack.folder / path.expanduser()

    def select(self, wish: Wish) -> Selection:
        """Return what is done with each layer; UsageError where that makes no sense."""
        selection = select_layers(self.stack, wish, self.platforms)
        for warning in selection.warnings:
            self.reporter.say(f"warning: {warning}")
        return selection

    def show(self, selection: Selection, options: StatusOptions) -> bool:
        """Show what is done with each layer if that is wanted; return whether to stop there."""
        if not (options.show or options.show_only or options.json):
            return False
        status = stack_status(self.stack, selection)
        show_status(status, as_json=options.json, with_dependencies=False)
        return options.show_only or (options.json and not options.show)

    def open_builder(self) -> AbstractContextManager[Builder]:
        """Open the builder that the settings and flags ask for."""
        from ocistacks.builder.choose import open_builder
        from ocistacks.builder.image import ImageOptions

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

    def lock(self, options: LockOptions) -> tuple[LockResult, ...]:
        """Lock the layers that ``options`` name."""
        from ocistacks.lock.lock_stack import lock_stack

        return lock_stack(
            self.stack, resolve_python=self.resolve_python, options=options, reporter=self.reporter
        )

    def resolve_python(self, runtime: RuntimeSpec, platform: Platform) -> PythonPin:
        """Return the pin of a runtime's Python, which lies in the store then."""
        from ocistacks.builder.python_runtimes import RuntimePythons

        pythons = RuntimePythons(
            store=self.store,
            settings=self.stack.settings,
            origin=self.flags.python_origin,
            environment=self.environment,
            reporter=self.reporter,
            open_builder=self.open_builder,
        )
        return pythons(runtime, platform)

    def stale(self, names: frozenset[str]) -> frozenset[str]:
        """Return those of the named layers that have no valid lock."""
        layers = (layer for layer in self.stack.layers if layer.environment_name in names)
        return frozenset(
            layer.environment_name
            for layer in layers
            if stale_reason(self.stack, layer) is not None
        )

    def plans(self, environment_names: frozenset[str] | None = None) -> tuple[PlannedLayer, ...]:
        """Return the plans of the named layers, or of all, for all platforms, in build order.

        A Python is looked for where a lock that another tool made names none, and wheels below
        applications are fetched where their scripts are not known.
        """
        from ocistacks.builder.wheel_choices import remembered_wheels
        from ocistacks.builder.wheel_scripts import scripts_of_wheels
        from ocistacks.lock.pin_pythons import pin_pythons
        from ocistacks.request.plan import choose_layers, plan_stack, wheels_below_applications

        locks = pin_pythons(
            read_locks(self.stack, environment_names), self.platforms, self.resolve_python
        )
        choose = remembered_wheels(self.store)
        chosen = [choose_layers(self.stack, locks, platform, choose) for platform in self.platforms]
        scripts = scripts_of_wheels(
            [
                wheel
                for layers in chosen
                for wheel in wheels_below_applications(layers, environment_names)
            ],
            store=self.store,
            environment=self.environment,
            reporter=self.reporter,
        )
        return tuple(
            plan
            for layers in chosen
            for plan in plan_stack(self.stack, layers, scripts=scripts)
            if environment_names is None or plan.layer.environment_name in environment_names
        )

    def present(self, built: Sequence[BuiltLayer]) -> tuple[BuiltLayer, ...]:
        """Return all layers of the stack that are locked and built, in build order.

        ``built`` are some of them; where they are all, nothing is planned again.
        """
        from ocistacks.builder.build_stack import built_layers

        known = {layer.plan.layer.environment_name for layer in built}
        if all(
            layer.environment_name in known
            for layer in self.stack.layers
            if not set(self.platforms).isdisjoint(layer.platforms)
        ):
            return tuple(built)
        names = frozenset(layer.environment_name for layer in self.stack.layers)
        locked = names - self.stale(names)
        whole = {
            layer.environment_name
            for layer in self.stack.layers
            if {lower.environment_name for lower in lower_layers(layer)} <= locked
        }
        return built_layers(self.plans(locked & whole), self.store)

    def lay_out(self, built: Sequence[BuiltLayer], folder: Path) -> None:
        """Lay out built layers of this machine's platform side by side in a folder."""
        from ocistacks.deploy.build_folder import lay_out

        here = Platform.of_this_machine()
        layers = [layer for layer in built if layer.plan.request.platform is here]
        if layers:
            lay_out(
                layers,
                self.folder(folder),
                self.store,
                stack=self.stack,
                reporter=self.reporter,
            )

    def build(
        self,
        environment_names: frozenset[str] | None = None,
        *,
        force: bool = False,
        may_build: bool = True,
        target: LayoutReference | RegistryReference | None = None,
        insecure: bool = False,
    ) -> tuple[BuiltLayer, ...]:
        """Return the named layers, or all, for all platforms, in build order.

        What is not there yet is taken from the layer repository, or else built, or an error where
        that must not be. For a ``target`` in a registry, what is found stays where it is.
        """
        from ocistacks.builder.build_stack import BuildOptions, build_stack

        options = BuildOptions(
            environment=self.environment,
            jobs=self.flags.jobs or os.cpu_count() or 1,
            force=force,
            may_build=may_build,
            open_shared=self._shared_layers(target, insecure=insecure),
            needs_blobs=not isinstance(target, RegistryReference),
        )
        return build_stack(
            self.plans(environment_names),
            store=self.store,
            open_builder=self.open_builder,
            resolve_python=self.resolve_python,
            options=options,
            reporter=self.reporter,
        )

    def _shared_layers(
        self, target: LayoutReference | RegistryReference | None, *, insecure: bool
    ) -> SharedLayersFactory | None:
        """Return what opens the repository that layers are looked for in, if they are in any."""
        reference = self._layers_reference(target) if self.flags.cache else None
        if reference is None:
            return None

        @contextmanager
        def opened() -> Iterator[SharedLayers]:
            from ocistacks.oci.layer_repository import LayerRepository
            from ocistacks.registry.repository import Repository

            with Repository(
                reference.host,
                reference.repository,
                environment=self.environment,
                insecure=insecure,
            ) as repository:
                yield LayerRepository(
                    repository, reference, store=self.store, reporter=self.reporter
                )

        return opened

    def _layers_reference(
        self, target: LayoutReference | RegistryReference | None
    ) -> RegistryReference | None:
        """Return the layer repository, or else the repository that the stack is in."""
        settings = self.stack.settings
        name = settings.layer_repository
        if name is None and isinstance(target, RegistryReference):
            return target
        name = name or settings.repository
        named = parse_reference(name) if name is not None else None
        return named if isinstance(named, RegistryReference) else None


def show_status(status: StackStatus, *, as_json: bool, with_dependencies: bool) -> None:
    """Print the layers of a stack on stdout."""
    if as_json:
        document = status.to_json(with_dependencies=with_dependencies)
        typer.echo(json.dumps(document, indent=2, sort_keys=True))
    else:
        typer.echo(status.to_text(with_dependencies=with_dependencies))


@contextmanager
def stack_session(
    spec: Path,
    *,
    settings: SettingsOptions,
    flags: BuilderFlags,
    talk: TalkOptions,
) -> Iterator[StackSession]:
    """Give a session on the stack that ``spec`` describes, with progress shown until exit."""
    environment = dict(os.environ)
    reporter = talk.reporter()
    store = Store.default(environment)
    with shared(store.usage_path()), reporter.live():
        stack = read_stack(spec, environment=environment, overrides=settings.overrides())
        for warning in stack.warnings:
            reporter.say(f"warning: {warning}")
        yield StackSession(
            stack=stack,
            store=store,
            environment=environment,
            reporter=reporter,
            flags=flags,
        )
