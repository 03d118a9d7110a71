"""What a manifest is made of: the application, its images, and how it is to run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ocistacks.kubernetes.choices import DEFAULT_STORE_PATH, DEFAULT_USER, Kind

if TYPE_CHECKING:
    from ocistacks.platforms import Platform


@dataclass(frozen=True, kw_only=True, slots=True)
class PinnedLayer:
    """A layer artifact, HOST/REPOSITORY@DIGEST, and its folder in a deployment."""

    install_target: str
    image: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PinnedApplication:
    """An application of a stack as its registry has it now.

    ``reference`` is what the user named, ``stack`` the same by digest. ``layers`` are those of each
    of ``platforms``; ``image`` and ``base`` (the image that it stands on) are there where there is
    one platform alone, and an application image for it.
    """

    reference: str
    stack: str
    name: str
    install_target: str
    launch_module: str
    platforms: tuple[Platform, ...]
    layers: tuple[tuple[PinnedLayer, ...], ...]
    image: str | None = None
    base: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Amounts:
    """What a container asks of one resource, and the most that it gets; Kubernetes quantities."""

    request: str
    limit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """How the application runs; the names and values are checked (see ``checks``)."""

    name: str
    kind: Kind = Kind.POD
    namespace: str | None = None
    replicas: int = 1
    resources: tuple[tuple[str, Amounts], ...] = ()
    pull_secrets: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    arguments: tuple[str, ...] = ()
    user: int = DEFAULT_USER


@dataclass(frozen=True, kw_only=True, slots=True)
class Puller:
    """The init container that pulls: its image by digest, and how it speaks."""

    image: str
    log_format: str = "text"
    insecure: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Images:
    """The images of a pod's containers by digest: those that its mode has, None for the others."""

    base: str | None = None
    puller: Puller | None = None
    application: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeStore:
    """Where a node's pods share their store: a folder of the node, or a claim to one."""

    path: str = DEFAULT_STORE_PATH
    claim: str | None = None
