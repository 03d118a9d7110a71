"""Another program unmounts something while bubblewrap goes through this machine's mounts."""

import os
import shutil

import pytest

from ocistacks.builder.local import local_builder
from ocistacks.builder.task import Task
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
TASK = Task(
    name="layer that is built",
    module="timeit",
    arguments=lambda _materials: ("-n1", "-r1", "open('output', 'w').close()"),
    files={},
    materials=(),
    output="output",
)


@pytest.fixture
def builder(tmp_path, monkeypatch):
    """A local builder, and the file that says how often its bubblewrap fails."""
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
    local = local_builder(Store(tmp_path / "store"), allow_unconfined=False, say=print)
    assert local.name == "local (bubblewrap)"
    return local, times


def test_the_task_is_started_again(builder, tmp_path):
    local, times = builder
    times.write_text("x")
    answer = local.run(TASK, output=tmp_path / "output", on_step=lambda _line: None)
    assert answer.startswith("1 loop, best of 1: ")
    assert (tmp_path / "output").read_bytes() == b""


def test_what_does_not_get_better_is_told(builder, tmp_path):
    local, times = builder
    times.write_text("xx")
    with pytest.raises(BuildError) as caught:
        local.run(TASK, output=tmp_path / "output", on_step=lambda _line: None)
    assert str(caught.value) == (
        "layer that is built could not be built.\n"
        "  where: builder local (bubblewrap), exit code 1\n"
        f"  found: {TOLD}"
    )
    assert not (tmp_path / "output").exists()
