"""Another program unmounts something while bubblewrap goes through this machine's mounts."""

import os
import shutil

import pytest

from ocistacks.builder.local import local_builder
from ocistacks.errors import BuildError
from ocistacks.store.store import Store

TOLD = (
    "bwrap: Can't bind mount /oldroot/ on /newroot/: Unable to apply mount flags: "
    'remount "/newroot/srv/merged": No such file or directory'
)
# Fails as bubblewrap does, as often as the file has letters; then it is bubblewrap.
SOMETIMES = """\
#!/bin/sh
if [ -s {times} ]; then
    {truncate} --size=-1 {times}
    echo '{told}' >&2
    exit 1
fi
exec {bwrap} "$@"
"""


@pytest.fixture
def fail(tmp_path, monkeypatch):
    """A function that lets bubblewrap fail so many times."""
    times, tools = tmp_path / "times", tmp_path / "tools"
    times.touch()
    tools.mkdir()
    program = tools / "bwrap"
    program.write_text(
        SOMETIMES.format(
            times=times,
            truncate=shutil.which("truncate"),
            told=TOLD.replace("'", "'\\''"),
            bwrap=shutil.which("bwrap"),
        )
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    return lambda number: times.write_text("x" * number)


@pytest.fixture
def builder_here(tmp_path):
    """A function that gives a local builder."""
    store = Store(tmp_path / "store")
    return lambda: local_builder(store, allow_unconfined=False, say=print)


def test_the_isolation_is_not_a_weaker_one(fail, builder_here):
    fail(1)
    assert builder_here().name == "local (bubblewrap)"


def test_the_task_is_started_again(fail, builder_here, empty_file_task, tmp_path):
    builder = builder_here()
    assert builder.name == "local (bubblewrap)"
    fail(1)
    answer = builder.run(empty_file_task, output=tmp_path / "output", on_step=lambda _line: None)
    assert answer.startswith("1 loop, best of 1: ")
    assert (tmp_path / "output").read_bytes() == b""


def test_what_does_not_get_better_is_told(fail, builder_here, empty_file_task, tmp_path):
    builder = builder_here()
    fail(2)
    with pytest.raises(BuildError) as caught:
        builder.run(empty_file_task, output=tmp_path / "output", on_step=lambda _line: None)
    assert str(caught.value) == (
        "layer that is built could not be built.\n"
        "  where: builder local (bubblewrap), exit code 1\n"
        f"  found: {TOLD}"
    )
    assert not (tmp_path / "output").exists()
