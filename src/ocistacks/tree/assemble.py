"""From a build request and its materials to the layer tree."""

from __future__ import annotations

import shutil
import tarfile
from typing import TYPE_CHECKING

from ocistacks.errors import BuildError, UnsafeContentError
from ocistacks.spec.names import LayerKind
from ocistacks.tree.bytecode import compile_bytecode
from ocistacks.tree.dynamic_libraries import add_dynamic_libraries
from ocistacks.tree.environment import (
    name_interpreter,
    require_known_environment,
    reserved_names,
    write_environment,
)
from ocistacks.tree.install import InstallTarget, install_wheels, rename_minor
from ocistacks.tree.installed_files import verify_installed
from ocistacks.tree.interpreter import interpreter_for
from ocistacks.tree.layer_configuration import (
    CONFIGURATION_FILE,
    POSTINSTALL_FILE,
    write_layer_configuration,
)
from ocistacks.tree.layout import tree_layout
from ocistacks.tree.python_archive import unpack_python
from ocistacks.tree.records import settle_records
from ocistacks.tree.run_paths import LINKS_FOLDER
from ocistacks.tree.scripts import make_scripts_relocatable, write_lower_scripts
from ocistacks.tree.wheel_files import list_wheels

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ocistacks.digests import Digest
    from ocistacks.request.model import BuildRequest
    from ocistacks.tree.interpreter import Interpreter
    from ocistacks.tree.layout import TreeLayout
    from ocistacks.tree.wheel_files import WheelTargets

# Tools that install packages: a stack's layers are complete without them, and upstream's
# runtimes do not have them either unless a layer asks for them.
_REMOVED_TOOLS = {
    "pip": ("pip",),
    "setuptools": ("setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence.pth"),
    "wheel": ("wheel",),
}


def assemble_tree(
    request: BuildRequest,
    *,
    material: Callable[[Digest], Path],
    work: Path,
    jobs: int,
    report: Callable[[str], None],
    build_python: Digest | None = None,
) -> Path:
    """Make the layer tree of ``request`` in the empty folder ``work`` and return it.

    ``material`` gives the verified file of a digest; ``report`` is told each step. ``build_python``
    is the archive of a Python of the same version that runs on this machine, None where the
    layer's own does; the tree is the same.

    Raises:
        BuildError: uv, the interpreter or patchelf fails, a wheel's RECORD lies, or shared
            libraries clash.
        UnsafeContentError: a material holds what must not be unpacked.
    """
    require_known_environment(request)
    tree = work / "tree" / request.install_target
    tree.parent.mkdir()
    layout = tree_layout(request.platform, request.python.minor)
    report("check wheels")
    contents = list_wheels(request.wheels, material=material, layout=layout)
    _refuse_reserved(request, contents)
    if request.kind is LayerKind.RUNTIME and request.python.digest is not None:
        report("unpack Python")
        archive = material(request.python.digest)
        unpack_python(archive, tree, interpreter=layout.versioned_interpreter)
        name_interpreter(tree, request)
        _remove_tools(tree, layout)
    tree.mkdir(exist_ok=True)
    interpreter = interpreter_for(
        request, tree=tree, build_python=build_python, material=material, work=work
    )
    report(f"install {len(request.wheels)} wheels")
    install = _install_windows if request.platform.is_windows else _install_posix
    install(tree, request, contents, interpreter=interpreter, material=material, work=work)
    report("verify what was installed")
    verify_installed(
        tree / layout.site_packages,
        request.wheels,
        contents,
        prefix=layout.site_packages,
        jobs=jobs,
    )
    report("link shared libraries")
    installed = {name for targets in contents for name in targets}
    rewritten = add_dynamic_libraries(tree, request, installed, jobs=jobs)
    settle_records(tree, layout, used_minor=interpreter.minor, rewritten=rewritten)
    if request.modules is not None:
        _unpack_modules(material(request.modules.digest), tree, layout)
    write_layer_configuration(tree, request)
    _remove_bytecode(tree)
    if request.bytecode:
        report("compile bytecode")
        compile_bytecode(tree, layout.library, request.install_target, interpreter.path, jobs)
    return tree


def _install_posix(
    tree: Path,
    request: BuildRequest,
    contents: Sequence[WheelTargets],
    *,
    interpreter: Interpreter,
    material: Callable[[Digest], Path],
    work: Path,
) -> None:
    target = InstallTarget(
        prefix=tree,
        python=interpreter.path,
        python_version=request.python.version,
        platform=request.platform,
    )
    install_wheels(request.wheels, contents, material=material, target=target, work=work)
    rename_minor(tree, interpreter.minor, request.python.minor)
    if request.kind is not LayerKind.RUNTIME:
        write_environment(tree, request)
    make_scripts_relocatable(tree / "bin", interpreter.path, f"python{request.python.minor}")
    write_lower_scripts(tree / "bin", request.lower_scripts, f"python{request.python.minor}")


def _install_windows(
    tree: Path,
    request: BuildRequest,
    contents: Sequence[WheelTargets],
    *,
    interpreter: Interpreter,
    material: Callable[[Digest], Path],
    work: Path,
) -> None:
    # Not where most layers would wait for them.
    from ocistacks.tree.windows_environment import write_windows_environment
    from ocistacks.tree.windows_install import install_windows_wheels, write_lower_launchers

    install_windows_wheels(request, contents, material=material, tree=tree, work=work)
    write_lower_launchers(tree, request)
    if request.kind is not LayerKind.RUNTIME and request.python.digest is not None:
        write_windows_environment(tree, request, material(request.python.digest), work)


def _refuse_reserved(request: BuildRequest, contents: Sequence[WheelTargets]) -> None:
    # Folded, because on Windows and macOS a name in other letters is the same file.
    reserved = {
        name.casefold() for name in (*reserved_names(request), CONFIGURATION_FILE, POSTINSTALL_FILE)
    }
    for wheel, targets in zip(request.wheels, contents, strict=True):
        links = {name for name in targets if name.casefold().startswith(f"{LINKS_FOLDER}/")}
        for name in sorted(links | {name for name in targets if name.casefold() in reserved}):
            raise BuildError(
                "A wheel brings a file that every layer has of its own.",
                where=f"layer {request.install_target}, {wheel.filename}",
                found=name,
                hint="leave the package out of the layer, or lock a version without that file",
            )


def _remove_tools(tree: Path, layout: TreeLayout) -> None:
    site_packages = tree / layout.site_packages
    for tool, names in _REMOVED_TOOLS.items():
        for pattern in (*names, f"{tool}-*.dist-info"):
            for path in site_packages.glob(pattern):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
        for script in (tree / layout.scripts).glob(f"{tool}*"):
            script.unlink()


def _unpack_modules(archive: Path, tree: Path, layout: TreeLayout) -> None:
    site_packages = tree / layout.site_packages
    with tarfile.open(archive, mode="r:") as members:
        for member in members:
            target = site_packages / member.name
            content = members.extractfile(member) if member.isreg() else None
            if content is None or ".." in target.parts or not target.is_relative_to(site_packages):
                raise UnsafeContentError(
                    "The application's modules hold more than plain files.",
                    where=archive.name,
                    found=member.name,
                )
            if target.exists():
                raise BuildError(
                    "A launch or support module has the name of a file that is there already.",
                    where=f"layer {tree.name}",
                    found=f"{site_packages.name}/{member.name}",
                    hint="give the module another name",
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as stream:
                shutil.copyfileobj(content, stream)


def _remove_bytecode(tree: Path) -> None:
    """Remove bytecode that came with wheels or Python: it names another path and time."""
    for folder in sorted(tree.rglob("__pycache__")):
        shutil.rmtree(folder)
