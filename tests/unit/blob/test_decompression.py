"""Decompressing what comes through a channel."""

import pytest

from ocistacks.blob.decompression import decompress
from ocistacks.blob.model import MEDIA_TYPE_TAR_GZIP, MEDIA_TYPE_TAR_ZSTD
from ocistacks.errors import UnsafeContentError


class Source:
    """Damaged data from a sender that waits for room: to close it would wait for its reader."""

    def __init__(self):
        self.is_closed = False

    def read(self, _size=-1):
        return b"no compressed data"

    def __iter__(self):
        yield self.read()

    def close(self):
        self.is_closed = True


@pytest.mark.parametrize("media_type", [MEDIA_TYPE_TAR_ZSTD, MEDIA_TYPE_TAR_GZIP])
def test_a_damaged_source_is_refused_and_stays_its_owners_to_close(media_type):
    source = Source()
    with pytest.raises(UnsafeContentError, match="The compressed data of a blob is damaged"):
        list(decompress(source, media_type, maximum_size=1000))
    assert not source.is_closed
