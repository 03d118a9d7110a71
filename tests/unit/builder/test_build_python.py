"""Which Python works on a layer where the layer's own does not run."""

import tomllib
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from ocistacks.builder.build_python import gather_build_pythons
from ocistacks.builder.python_runtimes import RuntimePythons
from ocistacks.digests import Digest
from ocistacks.errors import LockError
from ocistacks.lock.metadata import LockMetadata
from ocistacks.lock.paths import LockPaths
from ocistacks.lock.python_pin import PythonPin
from ocistacks.lock.read import LayerLock, LockFile
from ocistacks.platforms import Platform
from ocistacks.progress import SilentReporter
from ocistacks.request.choose_wheels import choose_wheels
from ocistacks.request.plan import choose_layers, plan_stack
from ocistacks.spec.parse import parse_stack
from ocistacks.store.store import Store

X86_64, AARCH64 = Platform.LINUX_X86_64, Platform.LINUX_AARCH64
STACK = """
[[runtimes]]
name = "python"
python_implementation = "cpython@3.13.5"
requirements = []
[[frameworks]]
name = "tools"
runtime = "python"
requirements = []
[tool.ocistacks]
bytecode = {bytecode}
"""
NO_HASH = Digest.of_bytes(b"")


def pin(version, content=b"a Python"):
    digest = Digest.of_bytes(content)
    return PythonPin(version=version, sha256=digest.hex, size=len(content), origin="here")


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "store")
    for content in (b"a Python", b"another"):
        store.add_blob(Digest.of_bytes(content), [content], what="a Python")
    return store


@pytest.fixture
def stack(tmp_path):
    def parse(bytecode="true"):
        return parse_stack(
            tomllib.loads(STACK.format(bytecode=bytecode)),
            None,
            path=tmp_path / "venvstacks.toml",
            environment={},
            overrides={},
            list_folder=lambda _folder: set(),
        )

    return parse


def plans(stack, pins, platform=AARCH64):
    """Plan a stack whose locks have ``pins``, by environment name."""
    metadata = LockMetadata(
        requirements_hash=NO_HASH,
        lock_input_hash=NO_HASH,
        other_inputs_hash=NO_HASH,
        version_inputs_hash=NO_HASH,
        lock_version=1,
        locked_at="2025-01-01T00:00:00+00:00",
    )
    locks = [
        LayerLock(
            layer=layer,
            paths=LockPaths.of_layer(stack.folder, layer.environment_name),
            file=LockFile(
                path=stack.folder / "pylock.toml",
                content=b'lock-version = "1.0"\ncreated-by = "uv"\npackages = []',
            ),
            metadata=metadata,
            pins=pins[layer.environment_name],
        )
        for layer in stack.layers
    ]
    return plan_stack(stack, choose_layers(stack, locks, platform, choose_wheels), scripts={})


class Resolver:
    """Gives a Python for whatever it is asked for, and keeps what that was."""

    def __init__(self):
        self.asked = []

    def __call__(self, runtime, platform):
        self.asked.append((runtime.python_implementation, platform))
        return pin(runtime.python_version, b"another")


def gathered(planned, machine, resolver, store):
    return gather_build_pythons(
        planned,
        machine,
        resolve_python=resolver,
        store=store,
        environment={},
        reporter=SilentReporter(),
    )


def test_a_layer_for_the_builders_own_machine_needs_no_other_python(stack, store):
    pins = {AARCH64: pin("3.13.5")}
    planned = plans(stack(), {"python": pins, "framework-tools": pins})
    resolver = Resolver()
    assert gathered(planned, AARCH64, resolver, store) == {}
    assert resolver.asked == []


def test_the_lock_knows_one_of_the_same_version(stack, store):
    pins = {AARCH64: pin("3.13.5"), X86_64: pin("3.13.5", b"another")}
    planned = plans(stack(), {"python": pins, "framework-tools": pins})
    resolver = Resolver()
    found = gathered(planned, X86_64, resolver, store)
    assert found == {plan.input_digest: Digest.of_bytes(b"another") for plan in planned}
    assert resolver.asked == []


def test_one_is_found_for_each_version_once(stack, store):
    """The framework keeps the version that it was first locked with."""
    older = {AARCH64: pin("3.13.4"), X86_64: pin("3.13.5")}
    planned = plans(stack(), {"python": {AARCH64: pin("3.13.5")}, "framework-tools": older})
    resolver = Resolver()
    gathered([*planned, *planned], X86_64, resolver, store)
    assert resolver.asked == [("cpython@3.13.5", X86_64), ("cpython@3.13.4", X86_64)]


def test_one_that_was_made_on_another_machine_is_made_here_again(stack, store):
    pins = {AARCH64: pin("3.13.5"), X86_64: pin("3.13.5", b"not in this store")}
    planned = plans(stack(), {"python": pins, "framework-tools": pins})
    resolver = Resolver()
    found = gathered(planned, X86_64, resolver, store)
    assert set(found.values()) == {Digest.of_bytes(b"another")}
    assert resolver.asked == [("cpython@3.13.5", X86_64)]


def test_without_bytecode_only_a_runtime_needs_one(stack, store):
    pins = {AARCH64: pin("3.13.5")}
    planned = plans(stack("false"), {"python": pins, "framework-tools": pins})
    assert list(gathered(planned, X86_64, Resolver(), store)) == [planned[0].input_digest]


def test_without_bytecode_nothing_for_windows_needs_one(stack, store):
    pins = {Platform.WIN_AMD64: pin("3.13.5")}
    planned = plans(stack("false"), {"python": pins, "framework-tools": pins}, Platform.WIN_AMD64)
    assert gathered(planned, X86_64, Resolver(), store) == {}
    assert [plan.request.python.digest for plan in planned] == [pins[Platform.WIN_AMD64].digest] * 2


def test_python_is_compiled_only_on_a_machine_of_its_kind(stack, store):
    @contextmanager
    def far_builder():
        yield SimpleNamespace(name="docker at tcp://far", platform=AARCH64)

    pythons = RuntimePythons(
        store=store,
        settings=stack().settings,
        origin="source",
        environment={},
        reporter=SilentReporter(),
        open_builder=far_builder,
    )
    with pytest.raises(LockError) as caught:
        pythons(stack().runtimes[0], X86_64)
    assert str(caught.value) == (
        "No Python 3.13.5 can be had for linux_x86_64.\n"
        "  where: layer python\n"
        "  found: a build from source was asked for\n"
        "  expected: an archive for that platform; from source it can only be built there\n"
        "  hint: name one in [tool.ocistacks.python_sources], or leave the platform out"
    )
