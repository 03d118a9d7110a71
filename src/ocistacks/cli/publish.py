"""`ocistacks publish`."""

from __future__ import annotations

from ocistacks.cli.layer_options import LayerOptions, RelatedOptions, StatusOptions
from ocistacks.cli.options import (
    BUILD_DIR,
    BuilderOptions,
    CacheOption,
    DryRunOption,
    ForceOption,
    PublishingOptions,
    SettingsOptions,
    SpecArgument,
    TalkOptions,
    UnusedBuildDirOption,
)


def publish(
    spec: SpecArgument,
    layers: LayerOptions,
    related: RelatedOptions,
    publishing: PublishingOptions,
    status: StatusOptions,
    settings: SettingsOptions,
    builder: BuilderOptions,
    talk: TalkOptions,
    force: ForceOption = False,
    cache: CacheOption = True,
    dry_run: DryRunOption = False,
    build_dir: UnusedBuildDirOption = BUILD_DIR,
) -> None:
    """Write a stack's archives, their metadata, and an OCI image layout of the same bytes."""
    from ocistacks.cli.publishing import print_published, print_request, publish_selected
    from ocistacks.cli.session import stack_session

    with stack_session(
        spec, settings=settings, flags=builder.flags(cache=cache), talk=talk
    ) as session:
        selection = session.select(related.wish_to_publish(layers))
        if session.show(selection, status):
            return
        if dry_run:
            print_request(session, selection, publishing, force=force)
            return
        built = session.build(selection.to_publish)
        published = publish_selected(session, built, selection, publishing, force=force)
    print_published(published)
