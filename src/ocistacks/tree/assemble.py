"""From a build request and its materials to the layer tree."""

from __future__ import annotations

import shutil
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from ocistacks.errors import UnsafeContentError
from ocistacks.spec.names import LayerKind
from ocistacks.tree.bytecode import compile_bytecode
from ocistacks.tree.environment import site_packages_name, write_environment
from ocistacks.tree.install import install_wheels, rename_minor
from ocistacks.tree.layer_configuration import write_layer_configuration
from ocistacks.tree.python_archive import unpack_python
from ocistacks.tree.records import settle_records
from ocistacks.tree.scripts import make_scripts_relocatable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ocistacks.digests import Digest
    from ocistacks.request.model import BuildRequest

# Tools that install packages: a stack's layers are complete without them, and upstream's
# runtimes do not have them either unless a layer asks for them.
_REMOVED_TOOLS = ("pip", "setuptools", "wheel")


def assemble_tree(
    request: BuildRequest,
    *,
    material: Callable[[Digest], Path],
    work: Path,
    jobs: int,
    report: Callable[[str], None],
) -> Path:
    """Make the layer tree of ``request`` in the empty folder ``work`` and return it.

    ``material`` gives the verified file of a digest; ``report`` is told each step.

    Raises:
        BuildError: uv or the interpreter fails, or a wheel's RECORD lies.
        UnsafeContentError: a material holds what must not be unpacked.
    """
    tree = work / "tree" / request.install_target
    tree.parent.mkdir()
    minor = request.python.minor
    site_packages = tree / site_packages_name(minor)
    python, used_minor = Path(sys.executable), "{}.{}".format(*sys.version_info)
    if request.python.digest is not None:
        report("unpack Python")
        folder = tree if request.kind is LayerKind.RUNTIME else work / "python"
        unpack_python(material(request.python.digest), folder)
        python, used_minor = folder / "bin" / f"python{minor}", minor
    if request.kind is LayerKind.RUNTIME:
        _remove_tools(tree, site_packages)
    report(f"install {len(request.wheels)} wheels")
    tree.mkdir(exist_ok=True)
    install_wheels(
        request.wheels,
        material=material,
        python=python,
        prefix=tree,
        platform=request.platform,
        work=work,
    )
    rename_minor(tree, used_minor, minor)
    if request.kind is not LayerKind.RUNTIME:
        write_environment(tree, request)
    make_scripts_relocatable(tree / "bin", python, f"python{minor}")
    settle_records(site_packages, tree / "bin", used_minor=used_minor)
    if request.modules is not None:
        _unpack_modules(material(request.modules.digest), site_packages)
    write_layer_configuration(tree, request)
    _remove_bytecode(tree)
    if request.bytecode:
        report("compile bytecode")
        compile_bytecode(tree, request.install_target, python, jobs)
    return tree


def _remove_tools(tree: Path, site_packages: Path) -> None:
    for name in _REMOVED_TOOLS:
        for path in (site_packages / name, *site_packages.glob(f"{name}-*.dist-info")):
            shutil.rmtree(path, ignore_errors=True)
        for script in (tree / "bin").glob(f"{name}*"):
            script.unlink()


def _unpack_modules(archive: Path, site_packages: Path) -> None:
    with tarfile.open(archive, mode="r:") as members:
        for member in members:
            target = site_packages / member.name
            content = members.extractfile(member)
            if content is None or ".." in target.parts or not target.is_relative_to(site_packages):
                raise UnsafeContentError(
                    "The application's modules hold more than plain files.",
                    where=archive.name,
                    found=member.name,
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.read())


def _remove_bytecode(tree: Path) -> None:
    """Remove bytecode that came with wheels or Python: it names another path and time."""
    for folder in sorted(tree.rglob("__pycache__")):
        shutil.rmtree(folder)
