"""Which builder is used: the one that was asked for, else the first that answers."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Literal

from ocistacks.builder.container import ContainerBuilder
from ocistacks.builder.engine import docker_client, podman_client
from ocistacks.builder.local import local_builder
from ocistacks.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocistacks.builder.image import ImageOptions
    from ocistacks.builder.task import Builder
    from ocistacks.store.store import Store

BuilderName = Literal["auto", "docker", "podman", "local"]
_CLIENTS = {"docker": docker_client, "podman": podman_client}


@contextmanager
def open_builder(
    wanted: BuilderName, *, store: Store, image_options: ImageOptions, allow_unconfined: bool
) -> Iterator[Builder]:
    """Give a builder until exit.

    ``auto`` takes Docker if it answers, else Podman, else this machine's own namespaces.

    Raises:
        EngineError: the builder that was asked for, or every one, is not to be had.
    """
    engines = [name for name in _CLIENTS if wanted in {"auto", name}]
    with ExitStack() as stack:
        for name in engines:
            try:
                client = stack.enter_context(_CLIENTS[name](image_options.environment))
            except EngineError:
                if wanted != "auto":
                    raise
                continue
            yield ContainerBuilder(client, name, store, image_options)
            return
    yield local_builder(store, allow_unconfined=allow_unconfined, say=image_options.say)
