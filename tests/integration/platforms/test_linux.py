"""Layers for x86_64 and aarch64, both built on this machine, run on the machine they are for."""

import json
import os
import subprocess

import pytest

from ocistacks.platforms import Platform

X86_64, AARCH64 = Platform.LINUX_X86_64, Platform.LINUX_AARCH64
SYSTEM_ROOT = "/usr/aarch64-linux-gnu"


@pytest.fixture(scope="module")
def archives(x86_64_archive, aarch64_archive):
    return {X86_64: x86_64_archive, AARCH64: aarch64_archive}


@pytest.fixture(scope="module")
def stack_and_blobs(make_stack, archives):
    """A stack, and what its first build for aarch64 gave."""
    stack = make_stack(archives, (X86_64, AARCH64))
    return stack, stack.build(AARCH64)


@pytest.fixture(scope="module")
def stack(stack_and_blobs):
    return stack_and_blobs[0]


@pytest.fixture(scope="module")
def built(stack_and_blobs):
    return stack_and_blobs[1]


@pytest.fixture(params=[X86_64, AARCH64])
def machine(request, qemu):
    """A platform and the words before a command that run it there."""
    words = {X86_64: (), AARCH64: (qemu, "-L", SYSTEM_ROOT)}
    return request.param, words[request.param]


def run(*command):
    finished = subprocess.run(
        list(map(str, command)),
        env={"PATH": os.defpath},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished


def test_an_application_runs_where_it_is_for(stack, machine):
    platform, words = machine
    layers = stack.deploy(platform)
    python = layers / "app-tell" / "bin" / "python"
    site_packages = layers / "framework-tools" / "lib" / "python3.13" / "site-packages"
    assert json.loads(run(*words, python, "-m", "tell").stdout) == {
        "machine": platform.machine,
        "native": platform.machine,
        "prefix": str(layers / "app-tell"),
        "base": str(layers / "python"),
        "greet": str(site_packages / "greet.py"),
        "cached": str(site_packages / "__pycache__" / "greet.cpython-313.pyc"),
    }
    script = layers / "framework-tools" / "bin" / "greet"
    # The emulator runs programs alone: a script there is run by its interpreter.
    by_hand = (*words, script.with_name("python")) if words else ()
    assert run(*by_hand, script, "a b").stdout == "hello a b\n"
    told = run(*words, python, "-v", "-m", "tell").stderr.splitlines()
    read = [line for line in told if "code object from '" in line]
    assert any(line.endswith("greet.cpython-313.pyc'") for line in read), told
    assert [line for line in read if line.endswith(".py'")] == []


def test_the_digests_of_a_second_build_are_the_same(stack, built, make_stack, archives):
    """Another store, another number of jobs, and a lock that pins no Python for this machine."""
    assert len(built) == 3
    again = make_stack(archives, (AARCH64,))
    assert again.build(AARCH64, "--jobs", "1") == built
    assert stack.build(AARCH64, "--force").items() >= built.items()


def test_a_machine_of_the_other_kind_gives_the_same_digests(
    built, make_stack, aarch64_archive, aarch64_archive_through_qemu
):
    """The Python for aarch64 works on its layers itself, as it does where builders have aarch64."""
    archives = {X86_64: aarch64_archive_through_qemu, AARCH64: aarch64_archive}
    assert make_stack(archives, (AARCH64,)).build(AARCH64) == built
