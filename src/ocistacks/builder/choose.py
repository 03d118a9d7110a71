"""Which builder is used: the one that was asked for, else the first that answers."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Literal

from ocistacks.builder.automatic import AutomaticBuilder
from ocistacks.builder.local import local_builder
from ocistacks.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from docker import DockerClient

    from ocistacks.builder.image import ImageOptions
    from ocistacks.builder.task import Builder
    from ocistacks.store.store import Store

BuilderName = Literal["auto", "docker", "podman", "local"]
EngineName = Literal["auto", "docker", "podman"]


@contextmanager
def open_builder(
    wanted: BuilderName, *, store: Store, image_options: ImageOptions, allow_unconfined: bool
) -> Iterator[Builder]:
    """Give a builder until exit.

    ``auto`` takes Docker if it answers, else Podman, else this machine's own namespaces; these also
    where the engine makes no builder image, unless its base was named.

    Raises:
        EngineError: the builder that was asked for, or every one, is not to be had.
    """

    def local() -> Builder:
        return local_builder(store, allow_unconfined=allow_unconfined, say=image_options.say)

    with ExitStack() as stack:
        if wanted != "local":
            try:
                client, name = stack.enter_context(open_engine(wanted, image_options.environment))
            except EngineError:
                if wanted != "auto":
                    raise
            else:
                from ocistacks.builder.container import ContainerBuilder

                engine = ContainerBuilder(client, name, store, image_options)
                may_change = wanted == "auto" and image_options.base_image is None
                yield AutomaticBuilder(engine, local, image_options.say) if may_change else engine
                return
        yield local()


@contextmanager
def open_engine(
    wanted: EngineName, environment: Mapping[str, str]
) -> Iterator[tuple[DockerClient, str]]:
    """Give a client of an engine, and the engine's name, until exit.

    Raises:
        EngineError: the engine that was asked for, or either of them, does not answer.
    """
    # Not where the local builder would wait for them.
    from ocistacks.builder.engine import docker_client, podman_client

    clients = {"docker": docker_client, "podman": podman_client}
    refusals: list[EngineError] = []
    with ExitStack() as stack:
        for name in ("docker", "podman"):
            if wanted not in {"auto", name}:
                continue
            try:
                client = stack.enter_context(clients[name](environment))
            except EngineError as error:
                refusals.append(error)
            else:
                yield client, name
                return
    if len(refusals) == 1:
        raise refusals[0]
    raise EngineError(
        "No container engine answers.",
        found="; ".join(f"{error.what} {error.found}" for error in refusals),
        expected="Docker or Podman",
        hint="start one of them",
    )
