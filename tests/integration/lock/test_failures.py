"""What locking says when it cannot be done; the whole message each time."""

from __future__ import annotations

import hashlib

import pytest

from ocistacks.errors import DigestError
from ocistacks.platforms import Platform
from ocistacks.progress import SilentReporter
from ocistacks.request.choose_wheels import choose_wheels
from ocistacks.request.plan import choose_layers, plan_stack
from ocistacks.store.fetch import fetch_materials
from ocistacks.store.store import Store

RUNTIME = """
[[runtimes]]
name = "py"
python_implementation = "cpython@3.13.5"
requirements = {requirements}
platforms = ["linux_x86_64", "win_amd64"]
"""


@pytest.fixture
def refused(stack, refusal):
    """A function from a runtime's requirements to the refusal to lock them."""

    def refused(*requirements, uv=None):
        stack.write(RUNTIME.format(requirements=list(requirements)), uv=uv)
        answer = refusal()
        assert not (stack.folder / "requirements").exists()
        return answer

    return refused


RELAX = "relax the requirement, narrow the layer's platforms, or add an index that has the wheels"
BUILD = "build the missing wheels: ocistacks wheels SPEC; or relax the requirement"


def unsolvable(*told, hint=RELAX):
    listed = "\n    ".join(told)
    return (
        "UnsolvableError",
        (
            "Layer py cannot be locked: uv finds no set of packages for it.\n"
            "  where: layer py\n"
            f"  found: {listed}\n"
            "  expected: a wheel of every package for linux_x86_64, win_amd64\n"
            f"  hint: {hint}"
        ),
    )


def failed(*told):
    listed = "\n    ".join(told)
    return (
        "LockError",
        (
            "Layer py cannot be locked: uv fails.\n"
            "  where: layer py\n"
            f"  found: {listed}\n"
            "  hint: check the settings of uv, its indexes and their credentials, and the network"
        ),
    )


def unfit(*told, narrower="narrow the platforms"):
    listed = "\n    ".join(told)
    return (
        "MissingWheelsError",
        (
            "Layer py cannot be locked: packages have no wheel that fits.\n"
            "  where: layer py\n"
            f"  found: these wheels only:\n    {listed}\n"
            "  expected: wheels for CPython 3.13, glibc@2.28 or older on Linux, macOS 13.0 or "
            "older\n"
            f"  hint: {narrower}, raise linux_target or macosx_target, choose another version, or "
            "build the wheels: ocistacks wheels SPEC"
        ),
    )


def test_a_package_without_any_wheel(refused, index):
    index.add_sdist("source", "1.0")

    assert refused("source") == unsolvable(
        "No solution found when resolving dependencies for linux_x86_64",
        "Because source==1.0 has no usable wheels and only source==1.0 is available, we can "
        "conclude that all versions of source cannot be used.",
        "And because layer py depends on source, we can conclude that layer py's requirements "
        "are unsatisfiable.",
        "hint: Wheels are required for `source` because building from source is disabled for all "
        "packages (i.e., with `--no-build`)",
        hint=BUILD,
    )


def test_a_package_without_a_wheel_for_one_platform(refused, index):
    index.add("native", "1.0", "cp313-cp313-manylinux_2_17_x86_64")

    assert refused("native") == unfit(
        "native 1.0 on win_amd64: native-1.0-cp313-cp313-manylinux_2_17_x86_64.whl",
        narrower='set platforms = ["linux_x86_64"]',
    )


def test_wheels_that_want_a_newer_system_than_the_layer_allows(refused, index):
    tags = ("cp313-cp313-manylinux_2_35_x86_64", "cp313-cp313-win_amd64")
    index.add("new", "1.0", *tags)

    assert refused("new") == unfit(
        "new 1.0 on linux_x86_64: new-1.0-cp313-cp313-manylinux_2_35_x86_64.whl, "
        "new-1.0-cp313-cp313-win_amd64.whl",
        narrower='set platforms = ["win_amd64"]',
    )


def test_a_long_explanation_is_cut_in_the_middle(refused, index):
    index.add("base", "1.0")
    for number in range(40):
        index.add("top", f"1.{number}", requires=(f"base>={number + 2}", f"other{number}"))

    told = refused("top")[1].splitlines()

    assert len(told) < 45
    assert [line.strip() for line in told if "more lines" in line] == ["... 207 more lines ..."]


def test_a_url_in_place_of_a_version(refused, index):
    index.add("direct", "1.0")
    server = index.url.removesuffix("/simple")

    assert refused(f"direct @ {server}/files/direct-1.0-py3-none-any.whl") == unfit(
        "direct 1.0 on linux_x86_64: none at all", "direct 1.0 on win_amd64: none at all"
    )


def test_a_package_that_the_index_does_not_know(refused):
    assert refused("missing") == unsolvable(
        "No solution found when resolving dependencies for linux_x86_64",
        "Because missing was not found in the package registry and layer py depends on missing, we "
        "can conclude that layer py's requirements are unsatisfiable.",
    )


def test_a_narrow_terminal_changes_no_message(stack, refusal):
    stack.environment["COLUMNS"] = "40"
    stack.write(RUNTIME.format(requirements=["missing"]))
    assert refusal() == unsolvable(
        "No solution found when resolving dependencies for linux_x86_64",
        "Because missing was not found in the package registry and layer py depends on missing, we "
        "can conclude that layer py's requirements are unsatisfiable.",
    )


def test_requirements_that_exclude_each_other(refused, index):
    index.add("base", "1.0")
    index.add("base", "2.0")

    assert refused("base<2", "base>=2") == unsolvable(
        "No solution found when resolving dependencies for linux_x86_64",
        "Because layer py depends on base<2 and base>=2, we can conclude that layer py's "
        "requirements are unsatisfiable.",
    )


def test_layers_that_exclude_each_other(stack, index, refusal):
    index.add("base", "1.0")
    index.add("base", "2.0")
    stack.write(
        RUNTIME.format(requirements=["base<2"])
        + '[[frameworks]]\nname = "new"\nruntime = "py"\nrequirements = ["base>=2"]\n'
    )

    assert refusal() == (
        "UnsolvableError",
        (
            "Layer framework-new cannot be locked: uv finds no set of packages for it.\n"
            "  where: layer framework-new\n"
            "  found: No solution found when resolving dependencies for linux_x86_64\n"
            "    Because layer framework-new depends on base>=2 and base==1.0, we can conclude "
            "that layer framework-new's requirements are unsatisfiable.\n"
            "  expected: a wheel of every package for linux_x86_64, win_amd64, within base==1.0 "
            "(layers below, constraint-dependencies)\n"
            "  hint: relax the requirement, narrow the layer's platforms, or add an index that has "
            "the wheels"
        ),
    )
    assert not (stack.folder / "requirements").exists()


def test_all_failing_layers_are_told_and_those_above_them_are_not_tried(stack, index, refusal):
    index.add("base", "1.0")
    frameworks = "".join(
        f'[[frameworks]]\nname = "{name}"\nruntime = "py"\nrequirements = ["{package}"]\n'
        for name, package in (("zeta", "zeta"), ("alpha", "base"), ("mu", "mu"))
    )
    top = '[[frameworks]]\nname = "top"\nframeworks = ["alpha", "mu"]\nrequirements = []\n'
    above = '[[frameworks]]\nname = "above"\nframeworks = ["top"]\nrequirements = []\n'
    stack.write(RUNTIME.format(requirements=[]) + frameworks + top + above)

    def told(name):
        return (
            f"    Layer framework-{name} cannot be locked: uv finds no set of packages for it.\n"
            f"      where: layer framework-{name}\n"
            "      found: No solution found when resolving dependencies for linux_x86_64\n"
            f"        Because {name} was not found in the package registry and layer "
            f"framework-{name} depends on {name}, we can conclude that layer framework-{name}'s "
            "requirements are unsatisfiable.\n"
            "      expected: a wheel of every package for linux_x86_64, win_amd64\n"
            "      hint: relax the requirement, narrow the layer's platforms, or add an index that "
            "has the wheels\n"
        )

    for _ in range(2):
        assert refusal() == (
            "LockError",
            (
                "2 layers cannot be locked; all locks stay as they were.\n"
                f"  where: {stack.path}\n"
                f"  found: {told('zeta').strip()}\n"
                f"{told('mu')}"
                "    Layer framework-top was not tried: it stands on framework-mu.\n"
                "    Layer framework-above was not tried: it stands on framework-mu."
            ),
        )
    assert not (stack.folder / "requirements").exists()


def test_a_layer_above_one_that_is_not_locked(stack, index, refusal):
    stack.write(
        RUNTIME.format(requirements=[])
        + '[[frameworks]]\nname = "low"\nruntime = "py"\nrequirements = []\n'
        '[[frameworks]]\nname = "high"\nframeworks = ["low"]\nrequirements = []\n'
    )

    assert refusal(selected=frozenset({"framework-high"})) == (
        "LockError",
        (
            "Layers cannot be locked above layers that have no valid lock.\n"
            f"  where: {stack.path}\n"
            "  found: py, below framework-high: it was never locked; framework-low, below "
            "framework-high: it was never locked\n"
            "  hint: lock these too, with --lock-dependencies"
        ),
    )


def test_an_index_that_does_not_answer(refused):
    uv = '[[tool.uv.index]]\nurl = "http://127.0.0.1:9/simple"\ndefault = true'

    assert refused("base", uv=uv) == failed(
        "Failed to fetch: http://127.0.0.1:9/simple/base/",
        "error sending request for url (http://127.0.0.1:9/simple/base/)",
        "client error (Connect)",
        "tcp connect error",
        "Connection refused (os error 111)",
    )


def test_a_setting_that_uv_does_not_know(refused, index):
    uv = f'[tool.uv]\nindex = [{{url = "{index.url}", default = true}}]\nno-index = "often"'

    assert refused(uv=uv) == (
        "LockError",
        (
            "Layer py cannot be locked: uv does not understand its settings.\n"
            "  where: [tool.uv] or venvstacks.uv.toml\n"
            "  found: Failed to parse `pyproject.toml` during settings discovery:\n"
            "    TOML parse error at line 11, column 12\n"
            "    |\n"
            '    11 | no-index = "often"\n'
            "    |            ^^^^^^^\n"
            '    invalid type: string "often", expected a boolean\n'
            "  hint: correct the setting; uv would go on without any of them"
        ),
    )


def test_a_wheel_whose_bytes_are_not_those_that_the_index_told(stack, index, tmp_path):
    index.add("base", "1.0")
    stack.write(RUNTIME.format(requirements=["base"]))
    lock = stack.lock()["py"].lock
    name = "base-1.0-py3-none-any.whl"
    promised = hashlib.sha256(index.files[name]).hexdigest()
    served = b"X" * len(index.files[name])
    index.files[name] = served
    store = Store(tmp_path / "store")
    chosen = choose_layers(stack.read(), [lock], Platform.LINUX_X86_64, choose_wheels)
    (plan,) = plan_stack(stack.read(), chosen, scripts={})
    wheels = [material for material in plan.materials if material.name == name]

    with pytest.raises(DigestError) as caught:
        fetch_materials(store, wheels, environment=stack.environment, reporter=SilentReporter())

    url = f"{index.url.removesuffix('/simple')}/files/{name}"
    assert str(caught.value) == (
        "What was received is not what was promised; nothing of it was kept.\n"
        f"  where: {name}, GET {url}\n"
        f"  found: sha256:{hashlib.sha256(served).hexdigest()}\n"
        f"  expected: sha256:{promised}\n"
        "  hint: try again; if it stays so, the server or a proxy serves another file"
    )
    assert list((store.root / "blobs/sha256").iterdir()) == []
    assert list((store.root / "temporary").iterdir()) == []
