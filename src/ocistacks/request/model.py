"""The build request of one layer for one platform, and its input digest."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ocistacks.canonical_json import canonical_json
from ocistacks.digests import Digest
from ocistacks.platforms import Platform
from ocistacks.spec.names import LayerKind

LAYER_FORMAT = 2
"""Goes up when the same request begins to give other bytes, so that old results are not taken."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WheelInput(_Frozen):
    """A wheel to install."""

    name: str
    version: str
    filename: str = Field(pattern=r"^[^/\\]+\.whl$")
    digest: Digest


class ScriptInput(_Frozen):
    """A console script of a layer below, which an application's bin/ offers, too.

    PyPA "Entry points specification": the object reference ``module:attribute``.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_. +-]*$", max_length=200)
    module: str = Field(pattern=r"^[^\W\d]\w*(\.[^\W\d]\w*)*$")
    attribute: str = Field(pattern=r"^[^\W\d]\w*(\.[^\W\d]\w*)*$")


class ModulesInput(_Frozen):
    """An application's launch and support modules, as one canonical tar."""

    launch_module: str
    digest: Digest


class PythonInput(_Frozen):
    """The Python that a layer is bound to.

    ``digest`` is that of the Python archive. A layer above a runtime needs it for its bytecode, and
    on Windows for its launchers; else it has none.
    """

    implementation: str
    version: str = Field(pattern=r"^\d+\.\d+\.\d+((a|b|rc)\d+)?$")
    digest: Digest | None

    @property
    def minor(self) -> str:
        """The version's first two parts, ``3.13``."""
        return ".".join(self.version.split(".")[:2])


class BuildRequest(_Frozen):
    """What a builder is asked for. Equal requests give equal blobs, whichever builder works."""

    layer_format: int = LAYER_FORMAT
    kind: LayerKind
    install_target: str = Field(pattern=r"^[^/\\]+$")
    platform: Platform
    python: PythonInput
    lower_targets: tuple[str, ...]
    """Install targets of the layers below, nearest first, the runtime last."""
    wheels: tuple[WheelInput, ...]
    lower_scripts: tuple[ScriptInput, ...] = ()
    """Of an application: the console scripts of the layers below, by name, the nearest layer's."""
    dynlib_exclude: tuple[str, ...] = ()
    """Patterns of shared libraries that are not offered to other layers, each once, sorted."""
    modules: ModulesInput | None
    bytecode: bool
    compression: Literal["zstd", "gzip"]
    compression_level: int

    def canonical(self) -> bytes:
        """Return the canonical JSON of the request (RFC 8785)."""
        return canonical_json(self.model_dump(mode="json"))

    @property
    def runs_python(self) -> bool:
        """Whether the build runs an interpreter of the layer's version.

        It compiles bytecode, and shows uv how a runtime is laid out.
        """
        is_laid_out = self.kind is LayerKind.RUNTIME and not self.platform.is_windows
        return self.bytecode or is_laid_out

    @property
    def input_digest(self) -> Digest:
        """The digest of the canonical request."""
        return Digest.of_bytes(self.canonical())

    @property
    def material_digests(self) -> tuple[Digest, ...]:
        """The digests of all materials that the build needs, each once."""
        digests = [wheel.digest for wheel in self.wheels]
        if self.python.digest is not None:
            digests.append(self.python.digest)
        if self.modules is not None:
            digests.append(self.modules.digest)
        return tuple(dict.fromkeys(digests))
