"""Toolchain roots from a small archive of our own, through the apt of this machine."""

import os
import signal
import subprocess
import sys

import pytest

from ocistacks.builder.private_apt import PrivateApt
from ocistacks.builder.toolchain_root import (
    assemble_root,
    ensure_toolchain_root,
    machine_identity,
)
from ocistacks.digests import Digest
from ocistacks.errors import EngineError
from ocistacks.store.store import Store


@pytest.fixture
def private(tmp_path):
    (tmp_path / "private").mkdir()
    return lambda: PrivateApt(tmp_path / "private")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def a_day_passes(store):
    """Make the store's choice of a root as old as apt's answer may be."""
    record = store.choice_path(machine_identity())
    then = record.stat().st_mtime - 86_400
    os.utime(record, (then, then))


def test_what_is_needed_is_found_though_this_machine_has_it_installed(
    archive, use_source, private, tmp_path
):
    archive.add("libc6")
    needed = archive.add("bash", version="2:5~1", depends="libc6")
    archive.add("unneeded")
    use_source(f"deb [trusted=yes] file:{archive.folder} ./")
    packages = private().resolve(["bash"])
    architecture = archive.architecture
    assert [package.file_name for package in packages] == [
        f"bash_2%3a5~1_{architecture}.deb",
        f"libc6_1.0_{architecture}.deb",
    ]
    assert packages[0].size == needed.stat().st_size
    assert not (tmp_path / "hook-ran").exists()


def test_packages_of_a_folder_and_of_a_server_are_the_same_files(
    archive, use_source, tmp_path, mirror
):
    archive.add("gcc", version="2:12")
    content = (archive.folder / f"gcc_2:12_{archive.architecture}.deb").read_bytes()
    for place in (f"file:{archive.folder}", mirror.address):
        use_source(f"deb [trusted=yes] {place} ./")
        folder = tmp_path / place.partition(":")[0]
        folder.mkdir()
        apt = PrivateApt(folder)
        assert [path.read_bytes() for path in apt.download(apt.resolve(["gcc"]))] == [content]


def test_a_package_that_no_source_has_is_told_with_what_apt_said(archive, use_source, private):
    use_source(f"deb [trusted=yes] file:{archive.folder} ./")
    with pytest.raises(EngineError) as caught:
        private().resolve(["patchelf"])
    assert str(caught.value) == (
        "apt cannot find the packages of the toolchain.\n"
        "  found: E: Unable to locate package patchelf\n"
        "  hint: check that apt-get update works on this machine"
    )


def test_an_archive_that_nobody_signed_is_not_used(archive, use_source, private):
    archive.add("gcc")
    index = archive.folder / "Packages"
    (archive.folder / "Release").write_text(
        "Date: Thu, 01 Jan 2026 00:00:00 UTC\n"
        f"SHA256:\n {Digest.of_file(index).hex} {index.stat().st_size} Packages\n"
    )
    use_source(f"deb file:{archive.folder} ./")
    with pytest.raises(EngineError) as caught:
        private().resolve(["gcc"])
    assert caught.value.found == (
        f"E: The repository 'file:{archive.folder} ./ Release' is not signed.\n"
        "    E: Unable to locate package gcc"
    )


@pytest.mark.parametrize("place", ["folder", "server"])
def test_a_package_that_was_changed_on_its_way_is_refused(
    archive, use_source, private, mirror, place
):
    file = archive.add("gcc")
    address = mirror.address if place == "server" else f"file:{archive.folder}"
    use_source(f"deb [trusted=yes] {address} ./")
    apt = private()
    packages = apt.resolve(["gcc"])
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(EngineError) as caught:
        apt.download(packages)
    assert caught.value.what == "apt cannot fetch the packages of the toolchain."
    assert "Hash Sum mismatch" in caught.value.found


def test_a_password_in_a_source_is_not_repeated(use_source, private):
    # Nothing listens on the discard port of the loopback.
    use_source("deb [trusted=yes] http://me:secret@127.0.0.1:9/debian ./")
    with pytest.raises(EngineError) as caught:
        private().resolve(["gcc"])
    assert "127.0.0.1" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_root_is_made_once_and_holds_what_its_packages_hold(
    toolchain_archive, use_source, mirror, store
):
    use_source(f"deb [trusted=yes] {mirror.address} ./")
    said = []
    root = ensure_toolchain_root(store, say=said.append)
    assert root.parent == store.root / "toolchains"
    assert len(said) == 2
    assert names(root) == ["bin", "lib", "lib64", "sbin", "stage", "usr"]
    for name in ("bin", "lib", "lib64", "sbin"):
        assert (root / name).readlink().as_posix() == f"usr/{name}"
    for link, program in {"awk": "mawk", "cc": "gcc", "sh": "dash"}.items():
        assert (root / "usr/bin" / link).readlink().as_posix() == program
        assert (root / "bin" / link).stat().st_mode & 0o7777 == 0o755
    assert names(root / "usr/share") == []

    fetched = [name for name in mirror.asked if name.endswith(".deb")]
    a_day_passes(store)
    use_source(f"deb [trusted=yes] file:{toolchain_archive.folder} ./")
    assert ensure_toolchain_root(store, say=said.append) == root
    assert len(said) == 2
    assert [name for name in mirror.asked if name.endswith(".deb")] == fetched
    assert names(store.root / "temporary") == []


def test_apt_is_asked_for_other_packages_once_a_day(toolchain_archive, use_source, store):
    use_source(f"deb [trusted=yes] file:{toolchain_archive.folder} ./")
    first = ensure_toolchain_root(store, say=lambda _message: None)
    toolchain_archive.add("gcc", version="1.1", depends="libc6-dev")
    assert ensure_toolchain_root(store, say=lambda _message: None) == first
    a_day_passes(store)
    second = ensure_toolchain_root(store, say=lambda _message: None)
    assert sorted((first, second)) == sorted((store.root / "toolchains").iterdir())
    assert ensure_toolchain_root(store, say=lambda _message: None) == second


def test_where_no_source_answers_the_root_that_is_there_is_used(
    toolchain_archive, use_source, store
):
    use_source(f"deb [trusted=yes] file:{toolchain_archive.folder} ./")
    root = ensure_toolchain_root(store, say=lambda _message: None)
    use_source("deb [trusted=yes] http://127.0.0.1:9/debian ./")
    a_day_passes(store)
    said = []
    assert ensure_toolchain_root(store, say=said.append) == root
    assert len(said) == 1
    assert said[0].startswith(
        "Going on with the toolchain that is there: apt cannot find the packages of the toolchain: "
    )


def test_a_root_that_was_cleaned_up_is_made_again(toolchain_archive, use_source, store):
    use_source(f"deb [trusted=yes] file:{toolchain_archive.folder} ./")
    root = ensure_toolchain_root(store, say=lambda _message: None)
    store.remove_folder(root)
    assert ensure_toolchain_root(store, say=lambda _message: None) == root
    assert names(root) == ["bin", "lib", "lib64", "sbin", "stage", "usr"]


def test_a_damaged_package_file_is_named(archive, tmp_path):
    whole = archive.add("gcc")
    damaged = tmp_path / "damaged.deb"
    damaged.write_bytes(whole.read_bytes()[:-5000])
    with pytest.raises(EngineError) as caught:
        assemble_root([whole, damaged], tmp_path / "root")
    assert caught.value.what == "A Debian package of the toolchain cannot be unpacked."
    assert caught.value.where == "damaged.deb"


def test_packages_without_a_shell_make_no_root(archive, tmp_path):
    packages = [archive.add("gcc"), archive.add("mawk")]
    with pytest.raises(EngineError) as caught:
        assemble_root(packages, tmp_path / "root")
    assert str(caught.value) == (
        "The toolchain's packages are not what the recipe knows.\n"
        "  where: /usr/bin/sh\n"
        "  found: no dash in the packages\n"
        "  hint: use --builder docker or podman; please report it"
    )


ENSURE = """
import signal, sys
from pathlib import Path
from ocistacks.builder.toolchain_root import ensure_toolchain_root
from ocistacks.store.store import Store
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
print(ensure_toolchain_root(Store(Path(sys.argv[1])), say=lambda _message: None))
"""


def ensure_in_a_process(store):
    return subprocess.Popen(
        [sys.executable, "-c", ENSURE, store.root],
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_process_leaves_no_half_root_and_the_next_one_makes_it(
    toolchain_archive, use_source, mirror, store, number
):
    use_source(f"deb [trusted=yes] {mirror.address} ./")
    mirror.held.add(f"zlib1g-dev_1.0_{toolchain_archive.architecture}.deb")
    with ensure_in_a_process(store) as process:
        assert mirror.waiting.wait(30)
        process.send_signal(number)
        assert process.wait(20) in {143, -signal.SIGKILL}
    assert names(store.root / "toolchains") == []
    if number == signal.SIGTERM:
        assert names(store.root / "temporary") == []
    mirror.held.clear()
    mirror.release.set()
    root = ensure_toolchain_root(store, say=lambda _message: None)
    assert names(store.root / "toolchains") == [root.name]


def test_of_two_processes_one_makes_the_root_and_both_have_it(
    toolchain_archive, use_source, mirror, store
):
    use_source(f"deb [trusted=yes] {mirror.address} ./")
    last = f"zlib1g-dev_1.0_{toolchain_archive.architecture}.deb"
    mirror.held.add(last)
    with ensure_in_a_process(store) as first, ensure_in_a_process(store) as second:
        assert mirror.waiting.wait(30)
        mirror.release.set()
        printed = {process.communicate(timeout=60)[0] for process in (first, second)}
    assert (first.returncode, second.returncode) == (0, 0)
    assert printed == {f"{store.root}/toolchains/{names(store.root / 'toolchains')[0]}\n"}
    assert mirror.asked.count(last) == 1
