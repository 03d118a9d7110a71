"""The four hashes, against venvstacks' rules written down once more, by hand."""

import hashlib
from pathlib import Path

import pytest

from ocistacks.lock.hashes import (
    lock_input_hash,
    other_inputs_hash,
    requirements_hash,
    version_inputs_hash,
)

STACK = """
[[runtimes]]
name = "py@1.x"
python_implementation = "cpython@3.12.7"
requirements = ["Zeta[extra]>=1.0", "alpha ; python_version>'3.0'"]
linux_target = "glibc"
macosx_target = "14.1"
{platforms}
[[frameworks]]
name = "low"
runtime = "py@1.x"
requirements = []
[[frameworks]]
name = "high"
frameworks = ["low"]
requirements = ["b", "a"]
[[applications]]
name = "run"
launch_module = "run.py"
support_modules = ["help.py"]
frameworks = ["high"]
requirements = []
versioned = true
"""


def sha256(*texts):
    return "sha256:" + hashlib.sha256("".join(texts).encode()).hexdigest()


@pytest.fixture
def layers(parse):
    return {one.environment_name: one for one in parse(STACK.format(platforms="")).layers}


def test_lock_input_hash_is_of_the_sorted_requirements(layers):
    assert lock_input_hash(layers["framework-high"]) == sha256("a", "b")
    assert lock_input_hash(layers["py@1.x"]) == sha256(
        "Zeta[extra]>=1.0", 'alpha; python_version > "3.0"'
    )
    assert lock_input_hash(layers["framework-low"]) == sha256()


def test_lock_input_hash_reads_requirements_as_lines_of_a_file(layer):
    spec = layer(requirements='["x @ https://example.org/x.whl#sha256=00"]')
    assert lock_input_hash(spec) == sha256("x @ https://example.org/x.whl")


def test_other_inputs_are_python_floors_and_the_layers_below(layers):
    assert other_inputs_hash(layers["py@1.x"]) == sha256(
        "py_version=3.12", "linux_target=glibc", "macosx_target=14.1"
    )
    assert other_inputs_hash(layers["app-run"]) == sha256(
        "py_version=3.12", "linux_target=glibc@2.28", "macosx_target=13.0", "py@1.x", "high", "low"
    )


@pytest.mark.parametrize(
    ("platforms", "floors"),
    [
        ('["win_amd64"]', ()),
        ('["linux_aarch64"]', ("linux_target=glibc",)),
        ('["macosx_arm64", "win_arm64"]', ("macosx_target=14.1",)),
    ],
)
def test_floors_count_for_the_systems_that_are_targets(parse, platforms, floors):
    runtime = parse(STACK.format(platforms=f"platforms = {platforms}")).layers[0]
    assert other_inputs_hash(runtime) == sha256("py_version=3.12", *floors)


def test_version_inputs_are_the_name_the_flag_and_the_modules(layers):
    modules = {Path("/stack/run.py"): "sha256:aa", Path("/stack/help.py"): "sha256/bb"}
    assert version_inputs_hash(layers["app-run"], modules) == sha256(
        "env_name=app-run", "is_versioned_layer=True", "sha256:aa", "sha256/bb"
    )
    assert version_inputs_hash(layers["framework-low"], {}) == sha256(
        "env_name=framework-low", "is_versioned_layer=False"
    )


PACKAGES = """
[[packages]]
name = "zeta"
version = "1.0+local"
marker = "{marker}"
index = "https://example.org/simple"
[[packages.wheels]]
url = "https://example.org/files/zeta-1.0%2Blocal-py3-none-any.whl"
hashes = {{sha512 = "cc", sha256 = "aa"}}
[[packages.wheels]]
path = "../../wheels/zeta-1.0+local-cp312-cp312-win_amd64.whl"
hashes = {{sha256 = "bb"}}
[[packages]]
name = "alpha"
version = "2.0"
marker = "{shared}"
[[packages]]
name = "beta"
version = "3.0"
marker = "sys_platform == 'from_lower_layer'"
"""


def test_requirements_hash_is_of_sorted_packages_and_wheels(pylock):
    marker = "os_name=='nt' or sys_platform=='win32'"
    lock = pylock(
        PACKAGES.format(marker=marker, shared=f"({marker}) and sys_platform == 'from_lower_layer'")
    )
    normal = "os_name == 'nt' or sys_platform == 'win32'"
    assert requirements_hash(lock) == sha256(
        *sorted(
            [
                f"zeta==1.0+local ; {normal} from https://example.org/simple",
                "zeta-1.0+local-py3-none-any.whl:sha512:cc",
                "zeta-1.0+local-py3-none-any.whl:sha256:aa",
                "zeta-1.0+local-cp312-cp312-win_amd64.whl:sha256:bb",
                f"alpha==2.0 ; {normal} from unspecified index",
                "beta==3.0 from unspecified index",
            ]
        )
    )


def test_an_empty_lock_has_the_hash_of_nothing(pylock):
    assert requirements_hash(pylock("packages = []")) == sha256()
