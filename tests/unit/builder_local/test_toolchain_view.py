"""The commands that show a task a toolchain root."""

import shlex
from pathlib import Path

import pytest

from ocistacks.builder.toolchain_view import View, bubblewrap_view, unshare_view


@pytest.fixture
def view(tmp_path):
    root = tmp_path / "a root"
    for name in ("usr/bin", "etc", "stage", "var"):
        (root / name).mkdir(parents=True)
    (root / "bin").symlink_to("usr/bin")
    return View(root=root, work=Path("/srv/it's work"), read_only={"/materials": tmp_path})


def test_bubblewrap_shows_the_root_read_only_and_the_work_folder_alone_to_write_to(view):
    root, materials = str(view.root), str(view.root.parent)
    assert list(bubblewrap_view(view)) == [
        *("bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
        *("--ro-bind", f"{root}/etc", "/etc", "--ro-bind", f"{root}/usr", "/usr"),
        *("--ro-bind", materials, "/materials", "--symlink", "usr/bin", "/bin"),
        *("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"),
        *("--bind", "/srv/it's work", "/work", "--remount-ro", "/", "--chdir", "/work"),
    ]


def test_unshare_mounts_the_same_view_and_quotes_its_paths(view):
    command = list(unshare_view(view))
    assert command[:14] == [
        *("setpriv", "--pdeathsig", "KILL"),
        *("unshare", "--user", "--map-root-user", "--net", "--ipc", "--uts"),
        *("--mount", "--pid", "--fork", "--kill-child", "--"),
    ]
    assert command[14:17] + command[18:] == ["/bin/sh", "-eu", "-c", "sh"]
    lines = [shlex.split(line) for line in command[17].splitlines()]
    stage = str(view.root / "stage")
    assert lines[:2] == [["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", stage], ["cd", stage]]
    mounted = {line[-1]: line[-2] for line in lines if line[:2] == ["mount", "--rbind"]}
    assert mounted == {
        "./etc": f"{view.root}/etc",
        "./usr": f"{view.root}/usr",
        "./materials": str(view.root.parent),
        "./work": "/srv/it's work",
    }
    protected = {line[-1] for line in lines if line[1:2] == ["-o"] and ",ro" in line[2]}
    assert protected == {"./etc", "./usr", "./materials", "."}
    assert lines[-1] == ["exec", "chroot", ".", "env", "--chdir=/work", "$@"]
