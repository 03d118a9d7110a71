"""A process that digests and shares files beside the one that writes them.

Writing a layer keeps an interpreter busy, and a second thread of it would only take turns with the
first. The process reads paths from its standard input, each ending with a NUL byte, those of
executable files with an ``x`` before them and the others with a ``-``. When there are no more, it
prints a line for each: the SHA-256 (hexadecimal), with a ``+`` before it where the store did not
have the content. On a failure it ends with code FAILED and prints "ERRNO PATH" on standard error.
"""

from __future__ import annotations

import os
import sys

from ocistacks.store.sharing import Sharer

EXECUTABLE = b"x"
OTHER = b"-"
NEW = "+"
FAILED = 3
_READ_BYTES = 64 << 10


def main(root: str, temporary: str) -> int:
    """Share what standard input names with the folder ``root`` of a store; return an exit code."""
    sharer = Sharer(root, temporary)
    lines: list[str] = []
    unfinished = b""
    path, code = "", 0
    try:
        while received := os.read(0, _READ_BYTES):
            *records, unfinished = (unfinished + received).split(b"\0")
            for record in records:
                path = os.fsdecode(record[1:])
                digest, is_new = sharer.take_in(path, executable=record[:1] == EXECUTABLE)
                lines.append(f"{NEW if is_new else ''}{digest}\n")
    except OSError as error:
        sys.stderr.write(f"{error.errno} {path}")
        code = FAILED
    sys.stdout.writelines(lines)
    return code
