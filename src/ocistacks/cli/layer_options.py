"""Options that say which layers a command works on, and whether it shows them first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ocistacks.selection.model import Wish


@dataclass(frozen=True, kw_only=True)
class LayerOptions:
    """Which layers a command works on."""

    include: Annotated[
        list[str] | None,
        typer.Option(
            "--include",
            metavar="PATTERN",
            help="Only the layers whose environment name matches; may be repeated.",
        ),
    ] = None
    allow_missing: Annotated[
        bool,
        typer.Option(
            "--allow-missing/--no-allow-missing",
            help="Let patterns match nothing, with a warning.",
        ),
    ] = False


@dataclass(frozen=True, kw_only=True)
class StatusOptions:
    """Showing the layers and what would be done with each."""

    show: Annotated[
        bool, typer.Option("--show/--no-show", help="Show what is done with each layer, first.")
    ] = False
    show_only: Annotated[
        bool, typer.Option("--show-only/--no-show-only", help="Show that, and stop.")
    ] = False
    json: Annotated[
        bool,
        typer.Option(
            "--json/--no-json", help="Show it as JSON; stop there unless --show is given."
        ),
    ] = False


@dataclass(frozen=True, kw_only=True)
class RelatedOptions:
    """Whether what included layers stand on, and what stands on them, is published with them."""

    publish_dependencies: Annotated[
        bool,
        typer.Option(
            "--publish-dependencies/--no-publish-dependencies",
            help="Publish what included layers stand on, too.",
        ),
    ] = False
    publish_derived: Annotated[
        bool,
        typer.Option(
            "--publish-derived/--no-publish-derived",
            help="Publish what stands on included layers, too.",
        ),
    ] = False

    def wish_to_publish(self, layers: LayerOptions) -> Wish:
        """Return what is asked for by a command that publishes or exports, and no more."""
        from ocistacks.selection.model import Wish

        return Wish(
            publish=True,
            include=tuple(layers.include or ()),
            allow_missing=layers.allow_missing,
            publish_dependencies=self.publish_dependencies,
            publish_derived=self.publish_derived,
        )


@dataclass(frozen=True, kw_only=True)
class BuildRelatedOptions(RelatedOptions):
    """The same for building."""

    build_dependencies: Annotated[
        bool,
        typer.Option(
            "--build-dependencies/--no-build-dependencies",
            help="Build what included layers stand on, too.",
        ),
    ] = False
    build_derived: Annotated[
        bool,
        typer.Option(
            "--build-derived/--no-build-derived", help="Build what stands on included layers, too."
        ),
    ] = False
    include_dependencies: Annotated[
        bool | None,
        typer.Option(
            "--include-dependencies/--no-include-dependencies",
            help="Lock, build and publish what included layers stand on, too, or none of it.",
        ),
    ] = None
