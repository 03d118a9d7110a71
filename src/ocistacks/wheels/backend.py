"""The build backend of an sdist (PEP 517), called through pypa/build."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from build import BuildBackendException, BuildException, ProjectBuilder
from packaging.requirements import InvalidRequirement, Requirement

from ocistacks.builder.python_source.recipe import SYSTEM_PATH
from ocistacks.builder.task import FIXED_ENVIRONMENT
from ocistacks.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path


def backend_environment(python: Path, work: Path) -> dict[str, str]:
    """Return the whole environment of a build; nothing of the caller's is in it.

    The compilers are named because an interpreter remembers those that it was made with, which
    need not be here.
    """
    return {
        **FIXED_ENVIRONMENT,
        "PATH": os.pathsep.join((str(python.parent), SYSTEM_PATH)),
        "HOME": str(work),
        "TMPDIR": str(work),
        "CC": "gcc",
        "CXX": "g++",
        "AR": "ar",
    }


def normalised(requirements: Iterable[str], where: str) -> set[str]:
    """Return requirements in the one form that they are compared in.

    Raises:
        BuildError: one of them is none.
    """
    try:
        return {str(Requirement(text)) for text in requirements}
    except InvalidRequirement as error:
        raise BuildError(
            "The requirements of a package's build cannot be read.",
            where=where,
            found=str(error),
            expected="requirements as PEP 508 has them",
        ) from error


def source_requirements(source: Path) -> set[str]:
    """Return what an unpacked sdist says that its build requires; setuptools where it is silent.

    Raises:
        BuildError: its pyproject.toml makes no sense.
    """
    try:
        return normalised(ProjectBuilder(source).build_system_requires, source.name)
    except BuildException as error:
        raise BuildError(
            "The sdist does not say how it is built.",
            where=source.name,
            found=str(error),
            expected="a pyproject.toml with [build-system] (PEP 518), or a setup.py",
        ) from error


@dataclass(frozen=True, kw_only=True, slots=True)
class Backend:
    """The build backend of the sdist unpacked at ``source``, run by ``python``."""

    source: Path
    python: Path
    config_settings: Mapping[str, str | tuple[str, ...]]
    environment: Mapping[str, str]

    def requirements(self) -> set[str]:
        """Return what the backend itself asks for (`get_requires_for_build_wheel`).

        Raises:
            BuildError: it fails.
        """
        try:
            asked = self._builder().get_requires_for_build("wheel", self._settings())
        except (BuildException, BuildBackendException) as error:
            raise self._failed("tell its requirements", error) from error
        return normalised(asked, self.source.name)

    def build(self, folder: Path) -> Path:
        """Build the wheel in the new folder ``folder`` and return it.

        Raises:
            BuildError: the backend fails; what it said is on stderr.
        """
        folder.mkdir()
        try:
            return folder / self._builder().build("wheel", folder, self._settings())
        except (BuildException, BuildBackendException) as error:
            raise self._failed("build a wheel", error) from error

    def _builder(self) -> ProjectBuilder:
        return ProjectBuilder(self.source, python_executable=str(self.python), runner=self._run)

    def _settings(self) -> dict[str, Any]:
        return {
            name: value if isinstance(value, str) else list(value)
            for name, value in self.config_settings.items()
        }

    def _run(
        self,
        cmd: Sequence[str],
        cwd: str | None = None,
        extra_environ: Mapping[str, str] | None = None,
    ) -> None:
        subprocess.run(
            cmd,
            cwd=cwd,
            env={**self.environment, **(extra_environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            check=True,
        )

    def _failed(self, action: str, error: Exception) -> BuildError:
        return BuildError(
            f"The build backend cannot {action}.", where=self.source.name, found=str(error)
        )
