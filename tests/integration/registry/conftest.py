"""Blobs in a registry."""

import os
from contextlib import contextmanager

import pytest

from ocistacks.digests import Digest
from ocistacks.registry.model import Descriptor


@pytest.fixture
def describe():
    """A function that gives the descriptor of a content."""

    def descriptor(content):
        return Descriptor(
            media_type="application/octet-stream",
            digest=Digest.of_bytes(content),
            size=len(content),
        )

    return descriptor


@pytest.fixture
def content():
    """Some megabytes that no registry knows."""
    return os.urandom(3_500_000)


@pytest.fixture
def blob(repository, describe, content):
    """The descriptor of a blob that is in the registry."""

    @contextmanager
    def opened():
        yield iter((content,))

    descriptor = describe(content)
    repository.write_blob(descriptor, opened)
    return descriptor
