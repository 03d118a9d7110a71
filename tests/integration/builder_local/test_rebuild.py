"""What is not built again, told for each layer beside the others."""

from __future__ import annotations

import os

import pytest

from ocistacks.builder.choose import open_builder
from ocistacks.builder.rebuild import Rebuild, RebuildOptions, rebuild_layers
from ocistacks.digests import Digest
from ocistacks.errors import BuildError, NotFoundError
from ocistacks.platforms import Platform
from ocistacks.progress import SilentReporter
from ocistacks.request.materials import Material
from ocistacks.request.model import LAYER_FORMAT, BuildRequest, PythonInput, WheelInput
from ocistacks.store.store import Store

HERE = Platform.of_this_machine()
ELSEWHERE = next(
    platform for platform in Platform if platform is not HERE and not platform.is_windows
)
WHEEL = WheelInput(
    name="x", version="1", filename="x-1-py3-none-any.whl", digest=Digest.of_bytes(b"x")
)


def layer(target, **changes):
    request = BuildRequest(
        kind="framework",
        install_target=target,
        platform=HERE,
        python=PythonInput(
            implementation="cpython", version="3.13.5", digest=Digest.of_bytes(b"python")
        ),
        lower_targets=("cpython-3.13",),
        wheels=(WHEEL,),
        modules=None,
        bytecode=True,
        compression="zstd",
        compression_level=3,
    ).model_copy(update=changes)
    materials = tuple(
        Material(name=digest.short, digest=digest, size=None, hint="look elsewhere")
        for digest in request.material_digests
    )
    return Rebuild(request=request, materials=materials)


@pytest.fixture
def rebuilt(tmp_path, image_options):
    """A function that builds layers again with the local builder."""
    store = Store(tmp_path / "store")

    def rebuild(*layers):
        outcomes = rebuild_layers(
            layers,
            store=store,
            open_builder=lambda: open_builder(
                "local",
                store=store,
                image_options=image_options(os.environ),
                allow_unconfined=False,
            ),
            options=RebuildOptions(environment=os.environ, jobs=1),
            reporter=SilentReporter(),
        )
        return [outcomes[each.request.input_digest] for each in layers]

    return rebuild


def test_what_another_layer_format_gives_is_not_known(rebuilt):
    (error,) = rebuilt(layer("framework-x", layer_format=LAYER_FORMAT + 1))
    assert isinstance(error, BuildError)
    assert str(error) == (
        "This ocistacks builds other bytes of such a request.\n"
        "  where: layer framework-x\n"
        f"  found: layer format {LAYER_FORMAT + 1}\n"
        f"  expected: layer format {LAYER_FORMAT}\n"
        "  hint: rebuild with a release of ocistacks that has the layer's format"
    )


def test_a_material_that_is_nowhere_fails_its_layer_alone(rebuilt):
    one, other = rebuilt(layer("framework-x"), layer("framework-y", layer_format=0))
    assert isinstance(one, NotFoundError)
    assert one.hint == "look elsewhere"
    assert isinstance(other, BuildError)


def test_another_platforms_layer_needs_a_python_of_this_machine(rebuilt):
    far = layer("framework-far", platform=ELSEWHERE)
    (error,) = rebuilt(far)
    assert isinstance(error, BuildError)
    assert error.found == f"no Python 3.13.5 for {HERE} among the stack's layers"
    assert error.hint == f"rebuild on {ELSEWHERE}"

    near = layer("framework-near")
    outcome, _near = rebuilt(far, near)
    assert isinstance(outcome, NotFoundError)  # the near one's Python is known, and looked for


def test_nothing_to_build_opens_no_builder(tmp_path):
    def open_none():
        raise AssertionError

    assert (
        rebuild_layers(
            (),
            store=Store(tmp_path / "store"),
            open_builder=open_none,
            options=RebuildOptions(environment={}, jobs=1),
            reporter=SilentReporter(),
        )
        == {}
    )
