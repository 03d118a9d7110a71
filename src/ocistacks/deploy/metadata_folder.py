"""The folder ``__venvstacks__`` of an output folder, as venvstacks 0.8 names and fills it.

    __venvstacks__/venvstacks.json               all layers, by kind
    __venvstacks__/env_metadata/NAME.json        each layer alone

Tagged output has the platform in its names: ``venvstacks-PLATFORM.json``, ``NAME-PLATFORM.json``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ocistacks.blob.names import is_plain_name
from ocistacks.deploy.venvstacks_metadata import lower_targets, stack_metadata
from ocistacks.errors import UsageError
from ocistacks.files import unwritable, write_text_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ocistacks.deploy.venvstacks_metadata import Metadata
    from ocistacks.platforms import Platform
    from ocistacks.request.plan import PlannedLayer
    from ocistacks.spec.model import LayerSpec, StackSpec
    from ocistacks.spec.names import LayerKind

METADATA_FOLDER = "__venvstacks__"
_LAYERS_FOLDER = "env_metadata"
_STACK_NAME = "venvstacks"


class MetadataFolder:
    """The metadata of what was published or exported; ``platform`` is in the names if not None."""

    def __init__(self, output: Path, platform: Platform | None = None) -> None:
        self._folder = output / METADATA_FOLDER
        self._tag = "" if platform is None else f"-{platform}"

    def layer_path(self, environment_name: str) -> Path:
        """Return where a layer's metadata lies, or would lie."""
        return self._folder / _LAYERS_FOLDER / f"{environment_name}{self._tag}.json"

    @property
    def stack_path(self) -> Path:
        """Where the metadata of all layers lies, or would lie."""
        return self._folder / f"{_STACK_NAME}{self._tag}.json"

    def read_layer(self, environment_name: str) -> Metadata | None:
        """Return a layer's metadata; None if there is none, or it is none of that layer."""
        metadata = _read(self.layer_path(environment_name))
        if metadata is None or metadata.get("layer_name") != environment_name:
            return None
        return metadata

    def install_targets(self) -> frozenset[str]:
        """Return the folder names of all layers that have metadata here, whatever their stack."""
        paths = (self._folder / _LAYERS_FOLDER).glob("*.json")
        named = [str((_read(path) or {}).get("install_target", "")) for path in paths]
        return frozenset(name for name in named if is_plain_name(name))

    def write(
        self,
        stack: StackSpec,
        current: Mapping[str, Metadata],
        is_kept: Callable[[LayerSpec, Metadata], bool],
    ) -> None:
        """Write the metadata of ``current`` layers, by environment name, then that of the stack.

        The stack's lists other layers of ``stack`` too, as they were written before, if
        ``is_kept`` says so: where only some layers were asked for, the others are not forgotten,
        nor is the version of a layer that they stand on when it has a newer one.
        """
        listed: list[tuple[LayerKind, Metadata]] = []
        for layer in stack.layers:
            name = layer.environment_name
            metadata = current.get(name)
            if metadata is not None:
                write_text_atomically(self.layer_path(name), _json(metadata))
                listed.append((layer.kind, metadata))
                continue
            metadata = self.read_layer(name)
            if metadata is not None and is_kept(layer, metadata):
                listed.append((layer.kind, metadata))
        older = list(self._older_versions(stack, listed, is_kept))
        write_text_atomically(self.stack_path, _json(stack_metadata([*older, *listed])))

    def _older_versions(
        self,
        stack: StackSpec,
        listed: Sequence[tuple[LayerKind, Metadata]],
        is_kept: Callable[[LayerSpec, Metadata], bool],
    ) -> Iterator[tuple[LayerKind, Metadata]]:
        """Yield, of the layers that the stack's metadata listed before, those still stood on."""
        missing = {name for _, metadata in listed for name in lower_targets(metadata)}
        missing -= {str(metadata.get("install_target")) for _, metadata in listed}
        before = (_read(self.stack_path) or {}).get("layers")
        by_kind = before if isinstance(before, dict) else {}
        for layer in stack.layers:
            of_kind = by_kind.get(layer.kind.plural)
            for metadata in of_kind if isinstance(of_kind, list) else ():
                if (
                    isinstance(metadata, dict)
                    and metadata.get("layer_name") == layer.environment_name
                    and str(metadata.get("install_target")) in missing
                    and is_kept(layer, metadata)
                ):
                    yield layer.kind, metadata


def refuse_clashes(plans: Iterable[PlannedLayer], *, hint: str) -> None:
    """Raise UsageError where two platforms' layers would have the same names; ``hint`` helps."""
    platforms: dict[str, list[Platform]] = {}
    for plan in plans:
        platforms.setdefault(plan.layer.environment_name, []).append(plan.request.platform)
    for name, of_layer in platforms.items():
        if len(of_layer) > 1:
            raise UsageError(
                "Layers of several platforms would be written under the same names.",
                where=f"layer {name}",
                found=", ".join(of_layer),
                expected="one platform",
                hint=hint,
            )


def _read(path: Path) -> Metadata | None:
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    except OSError as error:
        raise unwritable(path, error) from error
    return content if isinstance(content, dict) else None


def _json(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
