"""What is told of a changed lock."""

import pytest

from ocistacks.lock.changes import layer_changes
from ocistacks.lock.document import to_toml
from ocistacks.lock.lock_layer import LockResult
from ocistacks.lock.metadata import LockMetadata
from ocistacks.lock.paths import LockPaths
from ocistacks.lock.python_pin import PythonPin
from ocistacks.lock.read import LayerLock, LockFile
from ocistacks.platforms import Platform

DIGEST = "sha256:" + "0" * 64
LINUX, WINDOWS = Platform.LINUX_X86_64, Platform.WIN_AMD64
TAGS = {"linux": "cp313-cp313-manylinux_2_17_x86_64", "windows": "cp313-cp313-win_amd64"}


def package(name, version, sizes, *, marker=""):
    """Return the text of a package with a wheel of a size for each platform, or for all."""
    wheels = "".join(
        f'[[packages.wheels]]\nname = "{name}-{version}-{TAGS.get(one, "py3-none-any")}.whl"\n'
        f'url = "https://x.example/{one}"\nhashes = {{sha256 = "{one}"}}\n'
        + (f"size = {size}\n" if size is not None else "")
        for one, size in sizes.items()
    )
    told = f'marker = "{marker}"\n' if marker else ""
    return f'[[packages]]\nname = "{name}"\nversion = "{version}"\n{told}{wheels}'


@pytest.fixture
def changes(layer, pylock, tmp_path):
    """A function from the text and the pins of two locks to what changed; None for no lock."""
    spec = layer('platforms = ["linux_x86_64", "win_amd64"]')

    def lock(packages, pins):
        metadata = LockMetadata(
            requirements_hash=DIGEST,
            lock_input_hash=DIGEST,
            other_inputs_hash=DIGEST,
            version_inputs_hash=DIGEST,
            lock_version=1,
            locked_at="2025-01-01T00:00:00+00:00",
        )
        return LayerLock(
            layer=spec,
            paths=LockPaths.of_layer(tmp_path, "py"),
            file=LockFile(
                path=tmp_path / "pylock.py.toml",
                content=to_toml(pylock("".join(packages) or "packages = []"), "py").encode(),
            ),
            metadata=metadata,
            pins=pins,
        )

    def changes(before, after, *, old_pins=None, new_pins=None):
        previous = lock(before, old_pins or {}) if before is not None else None
        result = LockResult(lock=lock(after, new_pins or {}), outcome="locked", previous=previous)
        return str(layer_changes(result)).splitlines()[1:]

    return changes


def test_all_of_a_first_lock_is_new(changes):
    assert changes(None, [package("a", "1.0", {"any": 1500})]) == ["  + a 1.0 (1.5 kB)"]


def test_each_platforms_file_counts_and_a_common_one_once(changes):
    before = [package("a", "1.0", {"any": 10}), package("b", "1.0", {"any": 1})]
    after = [package("a", "2.0", {"linux": 1_000_000, "windows": 2_000_000})]
    assert changes(before, after) == [
        "  ~ a 1.0 (10 bytes) -> 2.0 (3.0 MB)",
        "  - b 1.0 (1 byte)",
    ]


def test_a_size_that_is_not_known_is_not_told(changes):
    assert changes([], [package("a", "1.0", {"linux": 5, "windows": None})]) == ["  + a 1.0"]


def test_files_and_platforms_may_change_alone(changes):
    before = package("a", "1.0", {"linux": 5, "windows": 5})
    same_size = before.replace('sha256 = "linux"', 'sha256 = "other"')
    assert changes([before], [same_size]) == ["  ~ a 1.0 (10 bytes), other files or platforms"]
    assert changes([before], [before]) == []


def test_platforms_may_have_versions_of_their_own(changes):
    before = package("a", "1.0", {"linux": 5, "windows": 5})
    after = [
        package("a", "2.0", {"linux": 7}, marker="sys_platform == 'linux'"),
        package("a", "1.0", {"windows": 5}, marker="sys_platform == 'win32'"),
    ]
    assert changes([before], after) == ["  ~ a 1.0 (10 bytes) -> 1.0, 2.0 (12 bytes)"]


def test_packages_of_lower_layers_are_not_told(changes):
    shared = (
        '[[packages]]\nname = "a"\nversion = "1.0"\nmarker = "sys_platform == \'from_lower_layer\'"'
    )
    assert changes([], [shared]) == []
    assert changes([package("a", "1.0", {"any": 5})], [shared]) == ["  - a 1.0 (5 bytes)"]


def test_python_is_told_for_each_platform(changes):
    def pin(version):
        return PythonPin(version=version, sha256="0" * 64, size=2000, origin="here")

    told = changes(
        [],
        [],
        old_pins={LINUX: pin("3.13.5")},
        new_pins={LINUX: pin("3.13.6"), WINDOWS: pin("3.13.6")},
    )
    assert told == [
        "  ~ Python for linux_x86_64 3.13.5 (2.0 kB) -> 3.13.6 (2.0 kB)",
        "  + Python for win_amd64 3.13.6 (2.0 kB)",
    ]
