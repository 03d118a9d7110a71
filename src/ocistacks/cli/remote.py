"""What the commands on a reference share: the source that it names, the store, the reporter."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.oci.open import open_source
from ocistacks.registry.reference import parse_reference
from ocistacks.store.store import Store
from ocistacks.store.usage import shared

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ocistacks.cli.console import ConsoleReporter
    from ocistacks.cli.options import TalkOptions
    from ocistacks.oci.layout import ImageLayout
    from ocistacks.registry.reference import LayoutReference, RegistryReference
    from ocistacks.registry.repository import Repository


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteStack:
    """A stack that a reference names, and this machine's side."""

    reference: LayoutReference | RegistryReference
    source: ImageLayout | Repository
    store: Store
    reporter: ConsoleReporter
    environment: Mapping[str, str]


@contextmanager
def remote_stack(reference: str, *, insecure: bool, talk: TalkOptions) -> Iterator[RemoteStack]:
    """Open what ``reference`` names, with progress shown until exit.

    Raises:
        UsageError: it is no reference.
        NotFoundError: it names an image layout that does not exist.
    """
    reporter = talk.reporter()
    environment = dict(os.environ)
    store = Store.default(environment)
    with shared(store.usage_path()), reporter.live():
        named = parse_reference(reference)
        with open_source(named, environment=environment, insecure=insecure) as source:
            yield RemoteStack(
                reference=named,
                source=source,
                store=store,
                reporter=reporter,
                environment=environment,
            )
