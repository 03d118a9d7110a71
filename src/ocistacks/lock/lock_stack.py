"""Locking a whole stack: every layer is resolved first, then all files are written."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from ocistacks.errors import LockError
from ocistacks.files import write_text_atomically
from ocistacks.lock.document import to_summary
from ocistacks.lock.failures import gathered
from ocistacks.lock.lock_layer import LockResult, lock_layer
from ocistacks.lock.paths import LockPaths
from ocistacks.lock.read import outdated_reason, read_layer_lock
from ocistacks.lock.schedule import run_in_order
from ocistacks.redaction import without_user
from ocistacks.spec.model import lower_layers

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ocistacks.lock.options import LockOptions
    from ocistacks.lock.python_pin import PythonPin, PythonResolver
    from ocistacks.platforms import Platform
    from ocistacks.progress import Reporter
    from ocistacks.spec.model import LayerSpec, RuntimeSpec, StackSpec

_PARALLEL = 4
"""uv runs at a time: most of each is waiting for the network."""


def lock_stack(
    stack: StackSpec, *, resolve_python: PythonResolver, options: LockOptions, reporter: Reporter
) -> tuple[LockResult, ...]:
    """Lock the layers of ``stack`` that ``options`` name, lower layers first, and write changes.

    Nothing is written before every layer is resolved. The results are in build order.

    Raises:
        LockError: layers cannot be locked, or one below them has no valid lock; all of them are
            told, and the locks on disk stay as they were.
    """
    layers = {
        layer.environment_name: layer
        for layer in stack.layers
        if options.locks(layer.environment_name)
    }
    standing = _standing(stack, layers)
    taking_turns = _TakingTurns(resolve_python)

    def lock_one(name: str, results: Mapping[str, LockResult]) -> LockResult:
        known = {**standing, **results}
        lower = [known[below.environment_name] for below in lower_layers(layers[name])]
        return lock_layer(stack, layers[name], lower, taking_turns, options)

    with reporter.task("lock", total=len(layers), unit="steps") as task:
        finished = run_in_order(
            {
                name: [
                    below.environment_name
                    for below in lower_layers(layer)
                    if below.environment_name in layers
                ]
                for name, layer in layers.items()
            },
            lock_one,
            workers=_PARALLEL,
            on_done=lambda: task.advance(1),
        )
    if finished.failures:
        raise gathered(finished.failures, finished.not_tried, stack.path)
    ordered = tuple(finished.results[name] for name in layers)
    for result in ordered:
        _write(result)
    return ordered


class _TakingTurns:
    """A resolver that is asked by one thread at a time: making a Python takes a whole machine."""

    def __init__(self, resolve_python: PythonResolver) -> None:
        self._resolve_python = resolve_python
        self._turn = Lock()

    def __call__(self, runtime: RuntimeSpec, platform: Platform) -> PythonPin:
        with self._turn:
            return self._resolve_python(runtime, platform)


def _standing(stack: StackSpec, locked: Mapping[str, LayerSpec]) -> dict[str, LockResult]:
    """Return the layers below those that are locked, as they stand on disk.

    Raises:
        LockError: some have no valid lock; all of them are named.
    """
    standing: dict[str, LockResult] = {}
    faults: list[str] = []
    for layer in stack.layers:
        above = _names_above(layer, locked.values())
        if layer.environment_name in locked or not above:
            continue
        paths = LockPaths.of_layer(stack.folder, layer.environment_name)
        lock = read_layer_lock(layer, paths)
        reason = "it was never locked" if lock is None else outdated_reason(lock)
        if lock is None or reason is not None:
            faults.append(f"{layer.environment_name}, below {', '.join(above)}: {reason}")
        else:
            standing[layer.environment_name] = LockResult(
                lock=lock, outcome="up to date", previous=lock
            )
    if faults:
        raise LockError(
            "Layers cannot be locked above layers that have no valid lock.",
            where=str(stack.path),
            found="; ".join(faults),
            hint="lock these too, with --lock-dependencies",
        )
    return standing


def _names_above(layer: LayerSpec, layers: Collection[LayerSpec]) -> list[str]:
    return [above.environment_name for above in layers if layer in lower_layers(above)]


def _write(result: LockResult) -> None:
    lock, previous = result.lock, result.previous
    name = lock.layer.environment_name
    is_same = previous is not None and previous.file == lock.file
    if not is_same or not lock.paths.summary.exists():
        write_text_atomically(lock.paths.summary, to_summary(lock.pylock, name))
    if result.outcome == "up to date":
        return
    if not is_same:
        write_text_atomically(lock.paths.pylock, lock.file.content.decode())
    inputs = previous.metadata.lock_input_hash if previous is not None else None
    if inputs != lock.metadata.lock_input_hash or not lock.paths.declared.exists():
        write_text_atomically(lock.paths.declared, _declared(lock.layer))
    # Last, because it vouches for the others.
    write_text_atomically(lock.paths.metadata, lock.metadata.to_json())


def _declared(layer: LayerSpec) -> str:
    lines = [
        "# DO NOT EDIT. Made by ocistacks from the stack's specification.",
        "#              Lock the layer again to update it.",
        *(without_user(requirement) for requirement in layer.declared_requirements),
    ]
    return "\n".join(lines) + "\n"
