"""Several parts of a blob in one answer, from a real registry and from servers that cannot."""

from __future__ import annotations

import pytest

from ocistacks.errors import NotFoundError, UnsafeContentError
from ocistacks.registry.errors import TemporaryError

BLOB = b"0123456789" * 1000
PLACES = [(0, 5), (10, 20), (9_990, 10)]


def read(source, descriptor, places):
    with source.open_parts(descriptor, places) as parts:
        return [b"".join(chunks) for chunks in parts]


def wanted(content, places):
    return [content[start : start + size] for start, size in places]


def ranges(proxy):
    return proxy.headers_of("GET", "Range")


@pytest.mark.parametrize(
    "places",
    [
        [(0, 1), (1, 1), (3_499_999, 1)],
        [(5, 1_500_000), (1_600_000, 3), (1_700_000, 1_800_000)],
        [(number * 7000, 100) for number in range(300)],
    ],
)
def test_one_request_brings_them(proxied, proxy, blob, content, places):
    assert read(proxied, blob, places) == wanted(content, places)
    (asked,) = ranges(proxy)
    assert asked.count("-") == len(places)


def test_one_part_is_asked_for_as_one(proxied, proxy, blob, content):
    assert read(proxied, blob, [(7, 9)]) == [content[7:16]]
    assert ranges(proxy) == ["bytes=7-15"]


def test_none_is_not_asked_for(proxied, proxy, blob):
    assert read(proxied, blob, []) == []
    assert not proxy.log


@pytest.mark.parametrize("status", [200, 400, 416, 501])
def test_a_server_that_gives_one_part_an_answer(proxied, proxy, blob, content, status):
    proxy.add("GET", "/blobs/", status=status, body=b"no")
    assert read(proxied, blob, PLACES) == wanted(content, PLACES)
    single = ["bytes=0-4", "bytes=10-29", "bytes=9990-9999"]
    assert ranges(proxy) == ["bytes=0-4,10-29,9990-9999", *single]
    # It is not asked for several again.
    assert read(proxied, blob, PLACES) == wanted(content, PLACES)
    assert ranges(proxy)[4:] == single


def test_a_connection_that_breaks(proxied, proxy, blob, content):
    places = [(0, 1_000_000), (1_500_000, 1_500_000)]
    proxy.add("GET", "/blobs/", cut=1_400_000)
    read = []
    with proxied.open_parts(blob, places) as parts, pytest.raises(TemporaryError):
        read += (b"".join(chunks) for chunks in parts)
    assert read == [content[:1_000_000]]


def test_a_blob_that_is_not_there(repository, describe):
    with pytest.raises(NotFoundError):
        read(repository, describe(BLOB), PLACES)


def test_a_part_outside_the_blob(faulty, fault_server, describe):
    with pytest.raises(UnsafeContentError):
        read(faulty, describe(BLOB), [(0, 5), (9_999, 2)])
    assert not fault_server.requests


def multipart(*parts, end=b"\r\n--x--\r\n"):
    """An answer's body: parts with the Content-Range that each tells."""
    return b"\r\n".join(b"--x\r\n%s\r\n\r\n%s" % part for part in parts) + end


def part(start, size, told=None):
    told = told or b"Content-Range: bytes %d-%d/10000" % (start, start + size - 1)
    return told, BLOB[start : start + size]


RIGHT = [part(*place) for place in PLACES]
TOLD = "multipart/byteranges; boundary=x"


@pytest.fixture
def serve(fault_server, describe, answer):
    """A function that gives the server its answer to several ranges, and true ones to one."""
    path = f"/v2/x/blobs/{describe(BLOB).digest}"

    def serve(body, content_type=TOLD, left=PLACES, **more):
        single = [
            answer(
                206,
                body=BLOB[start : start + size],
                headers={"Content-Range": f"bytes {start}-{start + size - 1}/10000"},
            )
            for start, size in left
        ]
        several = answer(206, body=body, headers={"Content-Type": content_type}, **more)
        fault_server.on("GET", path, several, *single)

    return serve


@pytest.mark.parametrize(
    "body",
    [
        multipart(*RIGHT),
        b"\r\n" + multipart(*RIGHT),
        multipart(*RIGHT, end=b""),
        multipart(part(0, 5, b"content-type: a/b\r\ncontent-range: bytes 0-4/*"), *RIGHT[1:]),
    ],
)
def test_forms_that_are_read(faulty, fault_server, describe, serve, body):
    serve(body, left=())
    assert read(faulty, describe(BLOB), PLACES) == wanted(BLOB, PLACES)
    assert len(fault_server.requests) == 1


UNLIKE = {
    "no parts": (b"01234", "application/octet-stream", 0),
    "no boundary": (multipart(*RIGHT), "multipart/byteranges", 0),
    "another boundary": (multipart(*RIGHT), "multipart/byteranges; boundary=y", 0),
    "another order": (multipart(*RIGHT[::-1]), TOLD, 0),
    "parts in one": (multipart(part(0, 30), RIGHT[2]), TOLD, 0),
    "one of them only": (multipart(RIGHT[0]), TOLD, 1),
    "another range": (multipart(RIGHT[0], part(11, 20), RIGHT[2]), TOLD, 1),
    "another blob": (
        multipart(RIGHT[0], part(10, 20, b"Content-Range: bytes 10-29/10001"), RIGHT[2]),
        TOLD,
        1,
    ),
    "no range": (multipart(*RIGHT[:2], part(9_990, 10, b"Content-Type: a/b")), TOLD, 2),
    "a header without end": (multipart(part(0, 5, b"a: " + b"b" * 100_000)), TOLD, 0),
    "headers without end": (multipart(part(0, 5, b"\r\n".join([b"a: b"] * 1000))), TOLD, 0),
    "a line without end": (b"-" * 100_000, TOLD, 0),
}


@pytest.mark.parametrize("case", UNLIKE)
def test_other_answers_are_left_and_the_rest_is_asked_for(
    faulty, fault_server, describe, serve, case
):
    body, content_type, given = UNLIKE[case]
    serve(body, content_type, left=PLACES[given:])
    assert read(faulty, describe(BLOB), PLACES) == wanted(BLOB, PLACES)
    assert len(fault_server.requests) == 1 + len(PLACES) - given


def test_an_answer_that_ends_within_a_part(faulty, describe, serve):
    serve(multipart(*RIGHT)[:-14])
    with pytest.raises(TemporaryError) as raised:
        read(faulty, describe(BLOB), PLACES)
    assert raised.value.found == "EOFError: 5 more bytes expected"
