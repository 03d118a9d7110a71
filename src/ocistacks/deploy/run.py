"""Running an application of a stack: pulled if needed, then this process becomes it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from ocistacks.canonical_json import canonical_json
from ocistacks.deploy.deployment import write_deployment
from ocistacks.deploy.pull import list_stack, pull_layers, trees_of
from ocistacks.deploy.select import find_application, select_layers
from ocistacks.digests import Digest
from ocistacks.errors import NotFoundError, TargetError
from ocistacks.store.usage import share_for_life

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ocistacks.platforms import Platform
    from ocistacks.progress import Reporter
    from ocistacks.registry.source import ObjectSource
    from ocistacks.store.store import Store


def prepare_application(
    source: ObjectSource,
    target: str | None,
    application: str,
    *,
    platform: Platform,
    where: str,
    store: Store,
    reporter: Reporter,
) -> tuple[Path, str]:
    """Return the interpreter of an application's deployment in the store, and its launch module.

    Raises:
        OcistacksError: of any kind, where the application cannot be pulled.
    """
    listed = list_stack(source, target, platform, where=where)
    layers = select_layers(listed, [application], where=where)
    found = find_application(layers, application, where=where).description
    if found.launch_module is None:
        raise NotFoundError(
            "The application does not say which module launches it.",
            where=f"{where}, {found.name}",
            hint="push the stack again with a current ocistacks",
        )
    pulled = pull_layers(source, layers, store=store, reporter=reporter)
    trees = trees_of(pulled)
    identity = Digest.of_bytes(
        canonical_json({name: digest for name, (digest, _) in trees.items()})
    )
    deployment = store.deployment_path(identity)
    with store.exclusively(f"deployment-{identity.hex}"):
        write_deployment(deployment, trees)
    share_for_life(store.usage_path(identity))  # cleaning up leaves a running application alone
    with suppress(OSError):
        os.utime(deployment)  # when it was used last
    return deployment / found.install_target / "bin" / "python", found.launch_module


def become(
    python: Path, launch_module: str, arguments: Sequence[str], environment: Mapping[str, str]
) -> NoReturn:
    """Replace this process by the application: its exit code and signals are the application's.

    Raises:
        TargetError: the kernel refuses to run it.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execve(python, [str(python), "-m", launch_module, *arguments], dict(environment))
    except OSError as error:
        raise TargetError(
            "The application cannot be started.",
            where=str(python),
            found=error.strerror or str(error),
            hint="its layers may be for another platform, or lie on a file system mounted noexec",
        ) from error
