"""A Debian base image made by mmdebstrap, for machines that reach no registry of base images."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ocistacks.builder.engine import engine_errors
from ocistacks.builder.machine_release import debian_suite
from ocistacks.errors import EngineError

if TYPE_CHECKING:
    from docker import DockerClient

APPLICATION_PACKAGES = ("ca-certificates", "libstdc++6")
_REPOSITORY = "localhost/ocistacks-base"


def debian_base() -> str:
    """Return the tag of the base image that is made here where the public one is not to be had."""
    return f"{_REPOSITORY}:{debian_suite()}"


def import_debian_base(client: DockerClient, engine: str, reason: EngineError) -> str:
    """Make a minimal Debian, import it into the engine, and return its tag.

    ``reason`` is why the public base image cannot be had.

    Raises:
        EngineError: mmdebstrap is missing or fails, or the engine refuses the image.
    """
    if shutil.which("mmdebstrap") is None:
        raise EngineError(
            "The builder image has no base: the public one cannot be pulled.",
            where=engine,
            found=reason.found,
            hint="allow the engine to pull it, name another with --builder-base, or install "
            "mmdebstrap, with which one is made here",
        ) from reason
    base = debian_base()
    with tempfile.TemporaryDirectory(prefix="ocistacks-base-") as folder:
        archive = Path(folder) / "base.tar"
        debian_archive(archive, variant="minbase")
        with engine_errors("import the base image", engine):
            # Podman takes no notice of a tag that stands apart.
            client.api.import_image(src=str(archive), repository=base)
    return base


def debian_archive(archive: Path, *, variant: str, packages: tuple[str, ...] = ()) -> None:
    """Write the tar of a minimal Debian from the mirror that apt is set up with.

    Raises:
        EngineError: mmdebstrap fails.
    """
    if shutil.which("mmdebstrap") is None:
        raise EngineError(
            "A Debian base image is made with mmdebstrap, which is not installed.",
            hint="apt-get install mmdebstrap",
        )
    suite = debian_suite()
    finished = subprocess.run(
        [
            *("mmdebstrap", "--quiet", f"--variant={variant}"),
            *((f"--include={','.join(packages)}",) if packages else ()),
            *(suite, str(archive)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode != 0:
        raise EngineError(
            "mmdebstrap cannot make a Debian base image.",
            where=f"mmdebstrap {suite}",
            found=finished.stderr.strip()[-1000:],
            hint="check that apt-get update works on this machine",
        )
