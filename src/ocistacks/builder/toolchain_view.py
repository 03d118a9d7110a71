"""What a task sees of this machine in a toolchain root, and the commands that show it just that.

    /usr /etc            the toolchain's, read-only; /bin, /lib, ... are links into /usr
    /ocistacks           this machine's interpreter and this package, read-only
    /materials           the materials, read-only
    /work                the task's folder
    /tmp /dev /proc      its own

The places are the same wherever the store lies, so no path of this machine can reach a byte.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ocistacks.builder.toolchain_root import STAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

WORK_PLACE: Final = "/work"
MATERIALS_PLACE: Final = "/materials"

UNSHARE: Final = (
    # Nothing may go on when the process that started it was killed.
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--user", "--map-root-user", "--net", "--ipc", "--uts"),
    *("--mount", "--pid", "--fork", "--kill-child"),
)

_FOLDERS: Final = ("etc", "usr")
_DEVICES: Final = ("full", "null", "random", "tty", "urandom", "zero")
_DEVICE_LINKS: Final = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
    # CPython's configure looks for this one, so it is there in every builder.
    "ptmx": "pts/ptmx",
}
_MOUNT_FLAGS: Final = {
    os.ST_NOSUID: "nosuid",
    os.ST_NODEV: "nodev",
    os.ST_NOEXEC: "noexec",
    os.ST_NOATIME: "noatime",
    os.ST_NODIRATIME: "nodiratime",
    os.ST_RELATIME: "relatime",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """A toolchain root with more folders in it; ``read_only`` maps places to this machine's."""

    root: Path
    work: Path
    read_only: Mapping[str, Path]

    @property
    def seen(self) -> Mapping[str, Path]:
        """All folders that cannot be written to, by place."""
        return {**{f"/{name}": self.root / name for name in _FOLDERS}, **self.read_only}

    @property
    def links(self) -> Mapping[str, str]:
        """The root's own links, such as /bin, and where they lead."""
        return {
            f"/{path.name}": str(path.readlink())
            for path in sorted(self.root.iterdir())
            if path.is_symlink()
        }


def bubblewrap_view(view: View) -> Sequence[str]:
    """Return the command that runs another one in ``view`` with bwrap(1)."""
    return (
        *("bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
        *_repeated("--ro-bind", ((str(path), place) for place, path in view.seen.items())),
        *_repeated("--symlink", ((target, link) for link, target in view.links.items())),
        *("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"),
        *("--bind", str(view.work), WORK_PLACE, "--remount-ro", "/", "--chdir", WORK_PLACE),
    )


def unshare_view(view: View) -> Sequence[str]:
    """Return the command that runs another one in ``view`` with unshare(1), mount(8), chroot(8)."""
    return (
        *(*UNSHARE, "--"),
        *("/bin/sh", "-eu", "-c", _mount_script(view), "sh"),
    )


def _mount_script(view: View) -> str:
    stage = view.root / STAGE
    lines = [f"mount -t tmpfs -o mode=0755 tmpfs {_quoted(stage)}", f"cd {_quoted(stage)}"]
    for place, path in view.seen.items():
        lines += [*_bound(path, place), _read_only(path, place)]
    lines += _bound(view.work, WORK_PLACE)
    lines += [f"ln -s {shlex.quote(target)} .{link}" for link, target in view.links.items()]
    lines += ["mkdir dev proc tmp", "mount -t proc proc proc", "mount -t tmpfs tmpfs tmp"]
    for device in _DEVICES:
        lines += [f": >dev/{device}", f"mount --bind /dev/{device} dev/{device}"]
    lines += [f"ln -s {target} dev/{link}" for link, target in _DEVICE_LINKS.items()]
    lines += ["mkdir dev/pts dev/shm", "mount -t tmpfs tmpfs dev/shm"]
    lines += ["mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts"]
    lines += ["mount -o remount,bind,ro .", f'exec chroot . env --chdir={WORK_PLACE} "$@"']
    return "\n".join(lines)


def _bound(path: Path, place: str) -> list[str]:
    target = _quoted(f".{place}")
    return [f"mkdir -p {target}", f"mount --rbind {_quoted(path)} {target}"]


def _read_only(path: Path, place: str) -> str:
    """Return the line that takes write permission from a mount.

    A flag that the file system is mounted with cannot be taken away by who did not mount it, so
    each of them is named again (mount_namespaces(7), "Restrictions on mount namespaces").
    """
    present = os.statvfs(path).f_flag
    flags = [name for flag, name in _MOUNT_FLAGS.items() if present & flag]
    return f"mount -o {','.join(('remount', 'bind', 'ro', *flags))} {_quoted(f'.{place}')}"


def _repeated(option: str, values: Iterable[tuple[str, str]]) -> Sequence[str]:
    return [word for pair in values for word in (option, *pair)]


def _quoted(path: Path | str) -> str:
    return shlex.quote(os.fspath(path))
