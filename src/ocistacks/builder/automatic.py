"""What `auto` stands for: an engine that answers, as long as it can be made ready to build."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ocistacks.builder.task import Builder, Task, Toolchain
    from ocistacks.platforms import Platform


class AutomaticBuilder:
    """Works with ``engine``, or with what ``local`` gives where the engine makes no image.

    An engine may answer and still run no container: in a container itself, with a runtime that
    does not know the kernel's cgroups, or without a way to any base image. Builders give the same
    bytes, so nothing but the way is another.
    """

    def __init__(
        self, engine: Builder, local: Callable[[], Builder], say: Callable[[str], None]
    ) -> None:
        self._builder = engine
        self._local: Callable[[], Builder] | None = local
        self._say = say

    @property
    def name(self) -> str:
        """What the builder is, for people."""
        return self._builder.name

    @property
    def platform(self) -> Platform:
        """The platform of the builder's machine; it stays the same."""
        return self._builder.platform

    def prepare(self, toolchain: Toolchain) -> None:
        """Make ready what tasks need, here where the engine cannot; see ``Builder.prepare``."""
        try:
            self._builder.prepare(toolchain)
        except EngineError as error:
            self._builder = self._instead(error)
            self._builder.prepare(toolchain)

    def run(self, task: Task, *, output: Path, on_step: Callable[[str], None]) -> str:
        """Run a task; see ``Builder.run``."""
        return self._builder.run(task, output=output, on_step=on_step)

    def stop(self) -> None:
        """End the tasks that run; see ``Builder.stop``."""
        self._builder.stop()

    def _instead(self, error: EngineError) -> Builder:
        if self._local is None:
            raise error
        try:
            local = self._local()
        except EngineError:
            raise error from None
        if local.platform != self._builder.platform:
            raise error
        engine = self._builder.name
        self._say(
            f"{engine} answers, but cannot make the builder's image (--builder {engine} shows "
            f"why): building with {local.name} instead."
        )
        self._local = None
        return local
