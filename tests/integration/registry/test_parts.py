"""Parts of blobs, from a real registry and from servers that lie about them."""

from __future__ import annotations

import pytest

from ocistacks.errors import NotFoundError, TransferError, UnsafeContentError
from ocistacks.registry.errors import RangeRefusedError, TemporaryError
from ocistacks.registry.source import RangeSource

BLOB = b"0123456789" * 1000


def read(source, descriptor, start, size):
    with source.open_part(descriptor, start, size) as chunks:
        return b"".join(chunks)


@pytest.mark.parametrize(
    ("start", "size"), [(0, 1), (0, 3_500_000), (1, 2_000_000), (3_499_999, 1)]
)
def test_parts_of_a_blob(repository, blob, content, start, size):
    assert isinstance(repository, RangeSource)
    assert read(repository, blob, start, size) == content[start : start + size]


@pytest.mark.parametrize(("start", "size"), [(-1, 5), (0, 0), (0, 10_001), (10_000, 1)])
def test_a_part_outside_the_blob(faulty, fault_server, describe, start, size):
    with pytest.raises(UnsafeContentError) as raised:
        read(faulty, describe(BLOB), start, size)
    assert str(raised.value) == (
        "A part of a blob is asked for that does not lie in it.\n"
        f"  where: {describe(BLOB).digest}\n"
        f"  found: {size} bytes from byte {start} on\n"
        "  expected: a part of 10000 bytes"
    )
    assert not fault_server.requests


def test_a_part_of_a_blob_that_is_not_there(repository, describe):
    with pytest.raises(NotFoundError):
        read(repository, describe(BLOB), 0, 5)


@pytest.fixture
def on_blob(fault_server, describe):
    """Let the misbehaving server answer requests for the blob."""
    path = f"/v2/x/blobs/{describe(BLOB).digest}"
    return lambda *answers: fault_server.on("GET", path, *answers)


def test_what_is_asked_for(faulty, fault_server, answer, describe, on_blob):
    on_blob(answer(206, body=BLOB[10:30], headers={"Content-Range": "bytes 10-29/10000"}))
    assert read(faulty, describe(BLOB), 10, 20) == BLOB[10:30]
    ((_, _, headers, _),) = fault_server.requests
    assert (headers["Range"], headers["Accept-Encoding"]) == ("bytes=10-29", "identity")


def test_a_blob_behind_a_redirect(faulty, fault_server, answer, describe, on_blob):
    port = fault_server.host.partition(":")[2]
    on_blob(answer(307, headers={"Location": f"http://localhost:{port}/store/1"}))
    told = {"Content-Range": "bytes 10-29/*"}
    fault_server.on("GET", "/store/1", answer(206, body=BLOB[10:30], headers=told))
    assert read(faulty, describe(BLOB), 10, 20) == BLOB[10:30]
    assert fault_server.requests[-1][2]["Range"] == "bytes=10-29"


@pytest.mark.parametrize("status", [200, 416, 501])
def test_a_server_without_ranges(faulty, fault_server, answer, describe, on_blob, status):
    # Were the body read, the end of it would be missed.
    on_blob(answer(status, body=BLOB, cut=100))
    with pytest.raises(RangeRefusedError) as raised:
        read(faulty, describe(BLOB), 10, 20)
    blob = describe(BLOB).digest
    assert raised.value.what == f"A part of the blob {blob} cannot be read."
    assert raised.value.where == f"GET http://{fault_server.host}/v2/x/blobs/{blob}"
    assert raised.value.found is not None
    assert raised.value.found.startswith(f"HTTP {status} ")
    assert raised.value.expected == "HTTP 206 with bytes 10 to 29"


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"Content-Range": "bytes 0-19/10000"},
        {"Content-Range": "bytes 10-30/10000"},
        {"Content-Range": "bytes 10-29/20000"},
        {"Content-Range": "items 10-29/10000"},
        {"Content-Range": "bytes 10-29/10000", "Content-Length": "21"},
        {"Content-Type": "multipart/byteranges; boundary=x"},
    ],
)
def test_lies_about_the_range(faulty, answer, describe, on_blob, told):
    on_blob(answer(206, body=BLOB[10:30], headers=told))
    with pytest.raises(TransferError) as raised:
        read(faulty, describe(BLOB), 10, 20)
    assert not isinstance(raised.value, RangeRefusedError | TemporaryError)
    assert raised.value.found == (
        f"Content-Range: {told.get('Content-Range', 'none')}, "
        f"Content-Length: {told.get('Content-Length', '20')}"
    )
    assert raised.value.expected == "Content-Range: bytes 10-29/10000, Content-Length: 20"


def test_a_part_that_breaks_off(faulty, answer, describe, on_blob):
    on_blob(answer(206, body=BLOB[10:30], headers={"Content-Range": "bytes 10-29/10000"}, cut=5))
    with pytest.raises(TemporaryError) as raised:
        read(faulty, describe(BLOB), 10, 20)
    assert raised.value.found == "IncompleteRead: IncompleteRead(5 bytes read, 15 more expected)"


@pytest.mark.parametrize(("sent", "found"), [(19, "19 bytes"), (21, "more than 20 bytes")])
def test_a_part_without_a_length_of_another_size(
    faulty, fault_server, answer, describe, on_blob, sent, found
):
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (sent, BLOB[10 : 10 + sent])
    told = {"Content-Range": "bytes 10-29/10000", "Transfer-Encoding": "chunked"}
    on_blob(answer(206, body=body, headers=told))
    with pytest.raises(TransferError) as raised:
        read(faulty, describe(BLOB), 10, 20)
    assert (raised.value.found, raised.value.expected) == (found, "20 bytes")
