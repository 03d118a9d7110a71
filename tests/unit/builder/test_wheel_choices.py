"""Choices of wheels are remembered, by all that they depend on."""

import tomllib
from pathlib import Path

import pytest

from ocistacks.builder.wheel_choices import remembered_wheels
from ocistacks.digests import Digest
from ocistacks.lock.metadata import LockMetadata
from ocistacks.lock.paths import LockPaths
from ocistacks.lock.read import LayerLock, LockFile
from ocistacks.platforms import Platform
from ocistacks.request.choose_wheels import choose_wheels
from ocistacks.spec.parse import parse_stack
from ocistacks.store.store import Store

LINUX, WINDOWS = Platform.LINUX_X86_64, Platform.WIN_AMD64
HASH = Digest.of_bytes(b"")
TAGS = ("cp313-cp313-manylinux_2_17_x86_64", "cp313-cp313-manylinux_2_34_x86_64")
TAGS += ("cp313-cp313-win_amd64", "cp312-cp312-manylinux_2_17_x86_64")
WHEELS = "".join(
    f'[[packages.wheels]]\nname = "a-1.0-{tag}.whl"\nurl = "https://x.example/{tag}"\n'
    f'size = {number}\nhashes = {{sha256 = "{number:064}"}}\n'
    for number, tag in enumerate(TAGS, start=1)
)
PACKAGE = f'[[packages]]\nname = "a"\nversion = "1.0"\nindex = "https://i.example/"\n{WHEELS}'


def lock(fields="", *, python="3.13.5", packages=PACKAGE):
    stack = parse_stack(
        tomllib.loads(
            f'[[runtimes]]\nname = "py"\npython_implementation = "cpython@{python}"\n'
            f"requirements = []\n{fields}\n"
        ),
        None,
        path=Path("/stack/venvstacks.toml"),
        environment={},
        overrides={},
        list_folder=lambda _folder: set(),
    )
    metadata = LockMetadata(
        requirements_hash=HASH,
        lock_input_hash=HASH,
        other_inputs_hash=HASH,
        version_inputs_hash=HASH,
        lock_version=1,
        locked_at="2025-01-01T00:00:00+00:00",
    )
    return LayerLock(
        layer=stack.layers[0],
        paths=LockPaths.of_layer(stack.folder, "py"),
        file=LockFile(
            path=stack.folder / "pylock.toml",
            content=f'lock-version = "1.0"\ncreated-by = "uv"\n{packages}'.encode(),
        ),
        metadata=metadata,
        pins={},
    )


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def test_a_choice_is_the_same_the_second_time_and_parses_nothing(store):
    choose = remembered_wheels(store)
    first, second = lock(), lock()

    assert choose(first, LINUX) == choose(second, LINUX) == choose_wheels(lock(), LINUX)

    (wheel,) = choose(first, LINUX)
    assert (wheel.filename, wheel.size) == ("a-1.0-cp313-cp313-manylinux_2_17_x86_64.whl", 1)
    assert wheel.index == "https://i.example/"
    assert "pylock" in vars(first.file)
    assert "pylock" not in vars(second.file)


@pytest.mark.parametrize(
    ("other", "platform", "size"),
    [
        (lock(), WINDOWS, 3),
        (lock('linux_target = "glibc@2.34"'), LINUX, 2),
        (lock(python="3.12.9"), LINUX, 4),
        (lock(packages=PACKAGE.replace("size = 1", "size = 9")), LINUX, 9),
    ],
)
def test_what_a_choice_depends_on_makes_another_one(store, other, platform, size):
    choose = remembered_wheels(store)
    assert [wheel.size for wheel in choose(lock(), LINUX)] == [1]
    assert [wheel.size for wheel in choose(other, platform)] == [size]


def test_a_record_that_cannot_be_read_is_made_again(store):
    choose = remembered_wheels(store)
    chosen = choose(lock(), LINUX)
    (record,) = (store.root / "choices").iterdir()
    record.write_text("{")
    assert choose(lock(), LINUX) == chosen
    assert record.read_text() != "{"
