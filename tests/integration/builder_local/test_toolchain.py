"""The toolchain root that Debian's own packages make, as root and as a user without privileges."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from ocistacks.builder.local import local_builder
from ocistacks.builder.moved_interpreter import this_interpreter
from ocistacks.builder.task import Task
from ocistacks.errors import BuildError
from ocistacks.store.store import Store, remove_tree

pytestmark = pytest.mark.timeout(900)

USER = 54321
PROGRAMS = {
    "bubblewrap": ("bwrap", "true", "apt-config", "apt-get", "dpkg-deb", "tar"),
    "unshare": ("setpriv", "unshare", "true", "apt-config", "apt-get", "dpkg-deb", "tar"),
}
ISOLATIONS = sorted(PROGRAMS)

# Runs as a task: compiles a program, and tells what it sees and may do.
PROBE = b"""
import json, os, socket, ssl, subprocess, sys

def refused(function, *words):
    try:
        function(*words)
    except OSError as error:
        return error.strerror

with open("hello.c", "w") as source:
    source.write('#include <openssl/ssl.h>\\n#include <stdio.h>\\n')
    source.write('int main(void) { puts(SSL_alert_type_string(0)); return 0; }\\n')
subprocess.run(["cc", "hello.c", "-o", "hello", "-lssl", "-lcrypto"], check=True)
shell = "echo one two | awk '{print $2}' && ldd ./hello | sed -n 's/.*libssl.* => //p'"
places = ("/usr", "/etc", "/materials", "/ocistacks/python", "/ocistacks/packages/1", "/dev")
result = {
    "hello": subprocess.run("./hello", check=True, capture_output=True, text=True).stdout,
    "shell": subprocess.run(["sh", "-c", shell], capture_output=True, text=True).stdout,
    "read-only": {p: refused(open, f"{p}/new", "w") for p in places},
    "writable": [p for p in ("/work", "/tmp", "/dev/shm") if not refused(open, f"{p}/new", "w")],
    "network": refused(socket.create_connection, ("127.0.0.1", 9), 1),
    "top": sorted(os.listdir("/")),
    "prefix": sys.prefix,
    "folder": os.getcwd(),
    "terminal": os.access("/dev/ptmx", os.R_OK | os.W_OK) and all(os.openpty()),
    "processes": sum(name.isdigit() for name in os.listdir("/proc")) < 5,
}
with open("result.json", "w") as output:
    json.dump(result, output)
print("seen")
"""
PROBE_TASK = Task(
    name="probe",
    module="cProfile",
    arguments=lambda _materials: ("-o", "profile", "probe.py"),
    files={"probe.py": PROBE},
    materials=(),
    output="result.json",
    toolchain="python-source",
)
UNWRITABLE = "Read-only file system"


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("toolchain") / "store")
    yield store
    # A quarter of a gigabyte, which pytest would keep for three sessions.
    remove_tree(store.root)


@pytest.fixture
def only(tmp_path, monkeypatch):
    """A function that leaves an isolation's programs alone on the path."""

    def leave(isolation):
        monkeypatch.setenv("PATH", str(folder_of_programs(tmp_path, isolation)))

    return leave


def folder_of_programs(parent, isolation):
    folder = parent / isolation
    folder.mkdir()
    for name in PROGRAMS[isolation]:
        program = shutil.which(name)
        assert program, f"these tests need {name}"
        (folder / name).symlink_to(program)
    return folder


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_a_task_compiles_in_the_root_and_sees_nothing_else(store, only, tmp_path, isolation):
    only(isolation)
    builder = local_builder(store, allow_unconfined=False, say=print)
    assert builder.name == f"local ({isolation})"
    builder.prepare("python-source")
    output = tmp_path / "result.json"
    assert builder.run(PROBE_TASK, output=output, on_step=print) == "seen"
    seen = json.loads(output.read_text())
    top = [*("bin", "dev", "etc", "lib", "lib64", "materials", "ocistacks", "proc")]
    top += ["sbin", "tmp", "usr", "work"]
    read_only = dict.fromkeys(("/usr", "/etc", "/materials"), UNWRITABLE)
    read_only |= dict.fromkeys(("/ocistacks/python", "/ocistacks/packages/1"), UNWRITABLE)
    # bubblewrap's /dev is a file system of its own, in memory.
    read_only["/dev"] = None if isolation == "bubblewrap" else UNWRITABLE
    library, _, address = seen.pop("shell").removeprefix("two\n").partition(" (0x")
    assert library.startswith("/lib/") and library.endswith("/libssl.so.3") and address
    assert seen == {
        "hello": "U\n",
        "read-only": read_only,
        "writable": ["/work", "/tmp", "/dev/shm"],
        "network": "Network is unreachable" if isolation == "unshare" else "Connection refused",
        "top": top,
        "prefix": "/ocistacks/python",
        "folder": "/work",
        "processes": True,
        "terminal": True,
    }
    assert list((store.root / "temporary").iterdir()) == []


def test_what_a_task_says_when_it_fails_is_told(store, only, tmp_path):
    only("unshare")
    builder = local_builder(store, allow_unconfined=False, say=print)
    task = Task(
        name="Python 3.13.5",
        module="ocistacks.builder.python_source.build",
        arguments=lambda materials: ("--source", f"{materials}/none", "--output", "o", "--jobs=0"),
        files={},
        materials=(),
        output="o",
        toolchain="python-source",
    )
    with pytest.raises(BuildError) as caught:
        builder.run(task, output=tmp_path / "output", on_step=print)
    assert caught.value.what == "Python 3.13.5 could not be built."
    assert caught.value.where == "builder local (unshare), exit code 2"
    assert "argument --jobs: invalid _positive value: '0'" in caught.value.found
    assert not (tmp_path / "output").exists()


WAIT = """
import sys
from pathlib import Path
from ocistacks.builder.local import local_builder
from ocistacks.builder.task import Task
from ocistacks.store.store import Store

code = "import sys, time; print('waiting', file=sys.stderr, flush=True); time.sleep(600)"
wait = f"{code} #{sys.argv[2]}"
task = Task(
    name="wait", module="timeit", arguments=lambda _materials: ("-n1", "-r1", wait),
    files={}, materials=(), output="none",
)
builder = local_builder(Store(Path(sys.argv[1])), allow_unconfined=False, say=print)
builder.run(task, output=Path("none"), on_step=lambda line: print(line, flush=True))
"""


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_no_task_outlives_a_builder_that_is_killed(only, tmp_path, isolation):
    only(isolation)
    mark = f"{isolation}-{os.getpid()}"
    command = [sys.executable, "-c", WAIT, tmp_path / "store", mark]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "waiting\n"
        assert len(running(mark)) > 1
        process.kill()
    deadline = time.monotonic() + 20
    while running(mark):
        assert time.monotonic() < deadline, running(mark)
        time.sleep(0.05)


def running(mark):
    """The command lines of the processes in which ``mark`` stands."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.append(path.read_bytes())
    return [line for line in lines if mark.encode() in line]


@pytest.fixture(scope="session")
def unprivileged():
    """A folder of USER's, and a function that runs this Python as USER; without root, as oneself.

    The interpreter and its packages may lie where USER cannot reach them: they are shown to it at
    other places, in a mount namespace that ends with the command.
    """
    folder = Path(tempfile.mkdtemp(prefix="ocistacks-test-"))
    folder.chmod(0o755)
    home = folder / "home"
    home.mkdir()
    interpreter = this_interpreter()

    def call(isolation, *arguments):
        programs = folder / isolation
        if not programs.exists():
            folder_of_programs(folder, isolation)
        command = [sys.executable]
        environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        if os.getuid() == 0:
            # As on a machine whose homes lie on a disk of their own: flags that nobody can drop.
            mounts = [f"mount --bind '{home}' '{home}'"]
            mounts.append(f"mount -o remount,bind,nosuid,nodev,noatime '{home}'")
            for place, path in interpreter.folders.items():
                (folder / place[1:]).mkdir(parents=True, exist_ok=True)
                mounts.append(f"mount --bind '{path}' '{folder}{place}'")
            user = f"setpriv --reuid={USER} --regid={USER} --clear-groups --no-new-privs"
            script = "\n".join(["set -eu", *mounts, f'exec {user} "$@"'])
            command = ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", script, "sh"]
            command += ["/usr/bin/env", f"PATH={programs}", f"{folder}{interpreter.executable}"]
            environment = {
                name: value.replace("/ocistacks/", f"{folder}/ocistacks/")
                for name, value in interpreter.environment.items()
            }
        return subprocess.run(
            [*command, *map(str, arguments)],
            cwd=home,
            env={"HOME": str(home), "PATH": os.defpath, "LC_ALL": "C.UTF-8", **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    if os.getuid() == 0:
        os.chown(home, USER, USER)
    call.home = home
    yield call
    shutil.rmtree(folder)


PROBE_ALONE = f"""
import os, sys
from pathlib import Path
from ocistacks.builder.local import local_builder
from ocistacks.builder.task import Task
from ocistacks.store.store import Store

store = Store(Path(sys.argv[1]))
builder = local_builder(store, allow_unconfined=False, say=lambda message: None)
task = Task(
    name="probe", module="cProfile", arguments=lambda _materials: ("-o", "profile", "probe.py"),
    files={{"probe.py": {PROBE!r}}}, materials=(), output="result.json", toolchain="python-source",
)
answer = builder.run(task, output=Path(sys.argv[2]), on_step=print)
print(os.getuid(), builder.name, answer)
"""


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_a_user_without_privileges_makes_a_root_and_compiles_in_it(unprivileged, isolation):
    output = unprivileged.home / f"{isolation}.json"
    finished = unprivileged(isolation, "-c", PROBE_ALONE, unprivileged.home / "store", output)
    user = USER if os.getuid() == 0 else os.getuid()
    printed = (finished.stdout, finished.stderr)
    assert printed == (f"{user} local ({isolation}) seen\n", "")
    assert json.loads(output.read_text())["hello"] == "U\n"
