"""tar.xz: one stream of blocks, whatever the threads."""

import io
import lzma
import random

import pytest

from ocistacks.deploy.archive_formats.xz import write_xz

MEBIBYTE = 1 << 20
NOISE = random.Random(0).randbytes(MEBIBYTE)


def written(buffers, threads=2):
    output = io.BytesIO()
    write_xz(buffers, output, threads=threads)
    return output.getvalue()


def buffers_of(size):
    """Buffers of odd sizes that together are ``size`` bytes: noise, then text."""
    whole = (NOISE[: size // 2] + b"text " * size)[:size]
    step = 300_001
    return [whole[start : start + step] for start in range(0, size, step)]


@pytest.mark.parametrize("size", [0, 1, 5, 8 * MEBIBYTE, 8 * MEBIBYTE + 1, 17 * MEBIBYTE])
def test_every_size_is_read_back(size):
    content = written(buffers_of(size))
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ)
    assert decompressor.decompress(content) == b"".join(buffers_of(size))
    # One stream: readers that know no more than one read all of it.
    assert decompressor.eof
    assert decompressor.unused_data == b""
    assert decompressor.check == lzma.CHECK_CRC64


def test_neither_threads_nor_buffers_change_the_bytes():
    buffers = buffers_of(20 * MEBIBYTE)
    expected = written(buffers, threads=1)
    assert written(buffers, threads=4) == expected
    assert written([b"".join(buffers)], threads=3) == expected


def test_an_error_of_the_input_ends_the_work():
    def failing():
        yield b"some"
        message = "broken"
        raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="broken"):
        written(failing())


@pytest.mark.parametrize("position", [0, 20, -30, -1])
def test_damage_is_found_by_readers(position):
    content = bytearray(written(buffers_of(MEBIBYTE)))
    content[position] ^= 0xFF
    with pytest.raises(lzma.LZMAError):
        lzma.decompress(bytes(content))
