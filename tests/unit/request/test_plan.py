"""From locks to requests and materials."""

import io
import os
import tarfile
import tomllib
from pathlib import Path

import pytest

from ocistacks.digests import Digest
from ocistacks.errors import LockError
from ocistacks.lock.metadata import LockMetadata
from ocistacks.lock.paths import LockPaths
from ocistacks.lock.python_pin import PythonPin
from ocistacks.lock.read import LayerLock, LockFile
from ocistacks.platforms import Platform
from ocistacks.request.choose_wheels import choose_wheels
from ocistacks.request.materials import python_material
from ocistacks.request.model import ScriptInput
from ocistacks.request.modules import modules_tar
from ocistacks.request.plan import choose_layers, plan_stack, wheels_below_applications
from ocistacks.spec.parse import parse_stack

STACK = """
[[runtimes]]
name = "py"
python_implementation = "cpython@3.13.5"
requirements = ["a"]
platforms = ["linux_x86_64", "win_amd64"]
[[frameworks]]
name = "f"
runtime = "py"
requirements = ["b"]
versioned = true
platforms = ["linux_x86_64"]
[[applications]]
name = "run"
launch_module = "run.py"
support_modules = ["pkg"]
frameworks = ["f"]
requirements = []
[[tool.uv.index]]
name = "mine"
url = "https://jo@wheels.example/simple"
"""
WHEEL = """
[[packages.wheels]]
name = "{name}-{version}-{tags}.whl"
{place}
hashes = {{{algorithm} = "{hash}"}}
"""
LINUX = Platform.LINUX_X86_64


def package(name, *wheels, version="1.0", marker=""):
    text = f'[[packages]]\nname = "{name}"\nversion = "{version}"\n'
    text += f'marker = "{marker}"\n' if marker else ""
    for wheel in wheels:
        values = {"algorithm": "sha256", "tags": "py3-none-any", "hash": "a" * 64} | wheel
        values.setdefault("place", f'url = "https://wheels.example/{name}.whl"\nsize = 5')
        text += WHEEL.format(name=name, version=version, **values)
    return text


@pytest.fixture
def plan(tmp_path):
    """A function that plans the stack above; packages and pins by environment name."""
    (tmp_path / "pkg/sub").mkdir(parents=True)
    (tmp_path / "pkg/__init__.py").write_text("")
    (tmp_path / "pkg/sub/m.py").write_text("m = 1\n")
    (tmp_path / "run.py").write_text("print(1)\n")
    pin = PythonPin(version="3.13.5", sha256="f" * 64, size=9, origin="here")

    def plan(packages, *, text=STACK, platform=LINUX, pins=None, scripts=None):
        stack = parse_stack(
            tomllib.loads(text),
            None,
            path=tmp_path / "venvstacks.toml",
            environment={},
            overrides={},
            list_folder=lambda folder: {path.name for path in folder.iterdir()},
        )
        locks = [
            LayerLock(
                layer=layer,
                paths=LockPaths.of_layer(stack.folder, layer.environment_name),
                file=LockFile(
                    path=stack.folder / "pylock.toml",
                    content=(
                        'lock-version = "1.0"\ncreated-by = "uv"\n'
                        + (packages.get(layer.environment_name) or "packages = []")
                    ).encode(),
                ),
                metadata=LockMetadata(
                    requirements_hash=Digest.of_bytes(b""),
                    lock_input_hash=Digest.of_bytes(b""),
                    other_inputs_hash=Digest.of_bytes(b""),
                    version_inputs_hash=Digest.of_bytes(b""),
                    lock_version=4,
                    locked_at="2025-01-01T00:00:00+00:00",
                ),
                pins={LINUX: pin, Platform.WIN_AMD64: pin} if pins is None else pins,
            )
            for layer in stack.layers
        ]
        chosen = choose_layers(stack, locks, platform, choose_wheels)
        below = wheels_below_applications(chosen)
        declared = {material.digest: () for material in below} | (scripts or {})
        planned = plan_stack(stack, chosen, scripts=declared)
        return {one.layer.environment_name: one for one in planned}

    return plan


def test_each_layer_asks_for_what_it_installs_and_what_lies_below(plan):
    planned = plan({"py": package("b", {"hash": "b" * 64}) + package("a", {})})

    runtime, application = planned["py"].request, planned["app-run"].request
    assert [(wheel.name, wheel.digest.hex[0]) for wheel in runtime.wheels] == [
        ("a", "a"),
        ("b", "b"),
    ]
    assert runtime.python.digest == f"sha256:{'f' * 64}"
    assert planned["framework-f"].request.install_target == "framework-f@4"
    assert application.lower_targets == ("framework-f@4", "py")
    assert planned["py"].input_digest == runtime.input_digest
    assert [material.name for material in planned["py"].materials] == [
        "b-1.0-py3-none-any.whl",
        "a-1.0-py3-none-any.whl",
        "Python 3.13.5",
    ]


def test_layers_that_are_not_made_for_the_platform_are_left_out(plan):
    assert list(plan({}, platform=Platform.WIN_AMD64)) == ["py"]


def test_an_application_has_the_scripts_of_the_layers_below_the_nearest_first(plan):
    def script(name, module):
        return ScriptInput(name=name, module=module, attribute="main")

    packages = {
        "py": package("a", {"hash": "a" * 64}),
        "framework-f": package("b", {"hash": "b" * 64}),
    }
    scripts = {
        Digest.from_hex("a" * 64): (script("low", "a"), script("both", "a")),
        Digest.from_hex("b" * 64): (script("both", "b"),),
    }
    planned = plan(packages, scripts=scripts)
    assert planned["app-run"].request.lower_scripts == (script("both", "b"), script("low", "a"))
    assert planned["framework-f"].request.lower_scripts == ()
    assert plan(packages)["app-run"].input_digest != planned["app-run"].input_digest


def test_libraries_that_are_left_out_are_a_part_of_the_request(plan):
    field = 'versioned = true\ndynlib_exclude = ["x/**", "libx.*", "x/**"]\n'
    planned = plan({}, text=STACK.replace("versioned = true\n", field))
    assert planned["framework-f"].request.dynlib_exclude == ("libx.*", "x/**")
    assert planned["framework-f"].input_digest != plan({})["framework-f"].input_digest
    assert planned["app-run"].request == plan({})["app-run"].request


def test_shared_packages_and_other_platforms_are_not_installed(plan):
    packages = package("s", marker="sys_platform == 'from_lower_layer'")
    packages += package("w", {}, marker="sys_platform == 'win32'")
    assert plan({"py": packages})["py"].request.wheels == ()


def test_without_bytecode_an_upper_layer_is_not_bound_to_a_python(plan):
    text = STACK + "[tool.ocistacks]\nbytecode = false\n"
    planned = plan({}, text=text)
    assert planned["framework-f"].request.python.digest is None
    assert planned["framework-f"].materials == ()
    assert planned["py"].request.python.digest is not None


def test_wheels_are_asked_for_with_the_credentials_of_their_index(plan):
    packages = package("a", {}) + package("b", {"place": 'url = "https://other.example/b.whl"'})
    first, second, _ = plan({"py": packages})["py"].materials
    assert (first.login.name, first.size, second.login) == ("mine", 5, None)


def test_a_local_wheel_is_found_from_the_lock(plan, tmp_path):
    packages = package("a", {"place": 'path = "../../wheels/a.whl"'}) + package(
        "b", {"place": 'url = "file:///wheels/b%20c.whl"'}
    )
    first, second, _ = plan({"py": packages})["py"].materials
    assert (first.path, first.url) == (tmp_path / "wheels/a.whl", None)
    assert (second.path, second.url) == (Path("/wheels/b c.whl"), None)


def test_modules_travel_as_one_tar_that_knows_names_and_contents_alone(plan, tmp_path):
    first = plan({})["app-run"]
    content = b"".join(modules_tar(first.layer))
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = [(one.name, one.mode, one.mtime, one.uid) for one in archive]
    assert members == [
        ("pkg/__init__.py", 0o644, 0, 0),
        ("pkg/sub/m.py", 0o644, 0, 0),
        ("run.py", 0o644, 0, 0),
    ]
    assert first.request.modules.launch_module == "run"
    assert first.request.modules.digest == Digest.of_bytes(content)
    (tmp_path / "run.py").chmod(0o600)
    os.utime(tmp_path / "run.py", (1, 1))
    assert plan({})["app-run"].input_digest == first.input_digest
    (tmp_path / "run.py").write_text("print(2)\n")
    assert plan({})["app-run"].input_digest != first.input_digest


def refusal(plan, *arguments, **options):
    with pytest.raises(LockError) as caught:
        plan(*arguments, **options)
    return str(caught.value)


def test_a_lock_without_a_fitting_wheel(plan, tmp_path):
    packages = package("a", {"tags": "cp313-cp313-win_amd64"})
    assert refusal(plan, {"py": packages}) == (
        "The lock of layer py has no wheel that fits.\n"
        f"  where: {tmp_path}/requirements/py/pylock.py.toml, a 1.0, linux_x86_64\n"
        "  hint: lock the layer again: ocistacks lock SPEC"
    )


def test_a_lock_without_a_sha256(plan, tmp_path):
    packages = package("a", {"algorithm": "sha512"})
    assert refusal(plan, {"py": packages}) == (
        "A locked wheel has no sha256, so it cannot be verified.\n"
        f"  where: a: a-1.0-py3-none-any.whl, in {tmp_path}/requirements/py\n"
        "  found: sha512\n"
        "  expected: sha256\n"
        "  hint: lock the layer again, from an index that tells the sha256"
    )


def test_a_lock_without_a_python(plan, tmp_path):
    pin = PythonPin(version="3.13.5", sha256="f" * 64, size=9, origin="here")
    assert refusal(plan, {}, pins={Platform.WIN_AMD64: pin}) == (
        "The lock of layer py pins no Python for linux_x86_64.\n"
        f"  where: {tmp_path}/requirements/py/pylock.py.toml\n"
        "  found: win_amd64\n"
        "  expected: linux_x86_64\n"
        "  hint: name an archive in [tool.ocistacks.python_sources] and lock again, or build for "
        "win_amd64"
    )
    assert "  found: no Python at all\n" in refusal(plan, {}, pins={})


def test_a_python_without_a_url_says_where_to_get_it():
    material = python_material(PythonPin(version="3.13.5", sha256="f" * 64, size=9, origin="here"))
    assert (material.name, material.size, material.url) == ("Python 3.13.5", 9, None)
    assert material.hint == (
        "the archive was made elsewhere: copy it from that machine's store, or lock with --upgrade "
        "to pin one that can be had here"
    )
