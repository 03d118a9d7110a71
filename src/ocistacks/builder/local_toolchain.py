"""Where the local builder compiles Python: in a toolchain root, or with the machine's own tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocistacks.builder.host_tools import missing_headers, missing_tools
from ocistacks.builder.private_apt import machine_has_apt
from ocistacks.builder.toolchain_root import ensure_toolchain_root
from ocistacks.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ocistacks.store.store import Store


def toolchain_root(store: Store, *, within: bool, say: Callable[[str], None]) -> Path | None:
    """Return the toolchain root, or None where this machine's own tools are to be used.

    They are used where tasks cannot be put ``within`` a root, or apt is missing or fails; they may
    give another archive than a toolchain root does, so ``say`` is told why.

    Raises:
        EngineError: and this machine's own tools are not complete.
        DigestError: a package of the root is not what its source lists.
    """
    if not within:
        reason = "nothing is isolated on this machine"
    elif not machine_has_apt():
        reason = "there is no apt, which could fetch a toolchain, on this machine"
    else:
        try:
            return ensure_toolchain_root(store, say=say)
        except EngineError as error:
            reason = ": ".join(filter(None, (error.what.rstrip("."), error.found)))
    _refuse_incomplete(reason)
    say(f"Compiling with this machine's own tools: {reason}.")
    return None


def _refuse_incomplete(reason: str) -> None:
    missing = (*missing_tools(), *(f"<{header}>" for header in missing_headers()))
    if missing:
        raise EngineError(
            "Python cannot be compiled by the local builder: what its recipe needs is missing.",
            found=f"no {', no '.join(missing)}; and {reason}",
            expected="a C compiler with the tools and headers that CPython is built with",
            hint="install them, use --builder docker or podman, name an archive in "
            "[tool.ocistacks.python_sources], or set UV_PYTHON_INSTALL_MIRROR to where prebuilt "
            "ones are",
        )
