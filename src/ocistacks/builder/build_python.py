"""A Python that runs on the builder's machine in the place of one for another platform.

Bytecode of one version of CPython is the same on every machine. So what compiles a layer for
another platform is a Python of the same version for the builder's own; it is no input of the
build, and not in its request.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ocistacks.request.materials import python_material
from ocistacks.spec.model import runtime_of
from ocistacks.store.fetch import fetch_materials

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ocistacks.digests import Digest
    from ocistacks.lock.python_pin import PythonPin, PythonResolver
    from ocistacks.platforms import Platform
    from ocistacks.progress import Reporter
    from ocistacks.request.plan import PlannedLayer
    from ocistacks.store.store import Store


def gather_build_pythons(
    plans: Sequence[PlannedLayer],
    machine: Platform,
    *,
    resolve_python: PythonResolver,
    store: Store,
    environment: Mapping[str, str],
    reporter: Reporter,
) -> Mapping[Digest, Digest]:
    """Bring the Pythons into the store that plans for other platforms than ``machine`` need.

    Returns:
        The digest of a Python archive by input digest, for those plans alone.

    Raises:
        LockError: no Python of the version can be had for ``machine``.
        TransferError: one cannot be fetched.
    """
    pins: dict[str, PythonPin] = {}
    found: dict[Digest, PythonPin] = {}
    for plan in plans:
        request = plan.request
        if request.platform == machine or not request.runs_python:
            continue
        name = f"{request.python.implementation}@{request.python.version}"
        if name not in pins:
            pins[name] = _locked(plan, machine, store) or resolve_python(
                replace(runtime_of(plan.layer), python_implementation=name), machine
            )
        found[plan.input_digest] = pins[name]
    fetch_materials(
        store,
        [python_material(pin) for pin in pins.values()],
        environment=environment,
        reporter=reporter,
    )
    return {input_digest: pin.digest for input_digest, pin in found.items()}


def _locked(plan: PlannedLayer, machine: Platform, store: Store) -> PythonPin | None:
    """Return what the layer's lock pins for ``machine``, if that will do and can be had here."""
    pin = plan.lock.pins.get(machine)
    if pin is None or pin.version != plan.request.python.version:
        return None
    return pin if pin.url is not None or store.has_blob(pin.digest) else None
