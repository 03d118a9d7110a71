"""Downloads that break off, against a real registry behind a proxy that breaks them."""

from __future__ import annotations

import pytest

from ocistacks.errors import DigestError, TransferError
from ocistacks.registry.errors import TemporaryError
from ocistacks.registry.source import read_blob

pytestmark = pytest.mark.usefixtures("quick")


def ranges(proxy):
    return proxy.headers_of("GET", "Range")


@pytest.mark.parametrize("how", ["cut", "truncate"])
def test_it_goes_on_where_it_broke_off(proxied, proxy, blob, content, how):
    proxy.add("GET", "/blobs/", **{how: 2_200_000})
    proxy.add("GET", "/blobs/", **{how: 1_100_000})
    assert read_blob(proxied, blob) == content
    first, second, third = ranges(proxy)
    assert first is None
    # What was on its way when a connection was reset may be lost: a megabyte or two.
    assert second in {f"bytes={mebibytes << 20}-3499999" for mebibytes in (1, 2)}
    assert third in {f"bytes={mebibytes << 20}-3499999" for mebibytes in (1, 2, 3)}


def test_an_answer_without_a_length_that_ends_too_early(proxied, proxy, blob, content):
    proxy.add("GET", "/blobs/", truncate=2_200_000, lies={"Content-Length": None})
    assert read_blob(proxied, blob) == content
    assert ranges(proxy) == [None, "bytes=2200000-3499999"]


def test_it_goes_on_after_an_error_of_the_server(proxied, proxy, blob, content):
    proxy.add("GET", "/blobs/", truncate=2_200_000)
    proxy.add("GET", "/blobs/", status=503, lies={"Retry-After": "0"})
    proxy.add("GET", "/blobs/", status=500)
    assert read_blob(proxied, blob) == content
    assert ranges(proxy) == [None, *["bytes=2097152-3499999"] * 3]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(proxied, proxy, blob, content, status):
    proxy.add("GET", "/blobs/", status=status, times=3)
    assert read_blob(proxied, blob) == content


@pytest.mark.parametrize("status", [400, 405, 501, 505])
def test_what_stays_is_not_tried_again(proxied, proxy, blob, status):
    words = b'{"errors":[{"code":"UNSUPPORTED","message":"not here"}]}'
    proxy.add("GET", "/blobs/", status=status, body=words)
    with pytest.raises(TransferError) as raised:
        read_blob(proxied, blob)
    assert raised.value.found is not None
    assert raised.value.found.startswith(f"HTTP {status} ")
    assert raised.value.found.endswith(": UNSUPPORTED (not here)")
    assert len(ranges(proxy)) == 1


def test_a_server_that_does_not_answer_in_time(proxied, proxy, blob, content, monkeypatch):
    monkeypatch.setattr("ocistacks.registry.transport.READ_SECONDS", 0.5)
    proxy.add("GET", "/blobs/", delay=1)
    assert read_blob(proxied, blob) == content
    assert len(ranges(proxy)) == 2


def test_a_server_without_ranges_sends_all_again(proxied, proxy, blob, content):
    proxy.add("GET", "/blobs/", truncate=2_200_000)
    proxy.add("GET", "/blobs/", status=416)
    assert read_blob(proxied, blob) == content
    assert ranges(proxy) == [None, "bytes=2097152-3499999", None]


def test_a_lie_about_the_range(proxied, proxy, blob, repository_name):
    proxy.add("GET", "/blobs/", truncate=2_200_000)
    proxy.add("GET", "/blobs/", lies={"Content-Range": "bytes 0-1402847/3500000"})
    with pytest.raises(TransferError) as raised:
        read_blob(proxied, blob)
    assert str(raised.value) == (
        f"The blob {blob.digest} cannot be read.\n"
        f"  where: GET http://{proxy.host}/v2/{repository_name}/blobs/{blob.digest}\n"
        "  found: Content-Range: bytes 0-1402847/3500000, Content-Length: 1402848\n"
        "  expected: Content-Range: bytes 2097152-3499999/3500000, Content-Length: 1402848\n"
        "  hint: the server or a proxy answers with another part than it was asked for"
    )


def test_a_flipped_bit_after_the_break(proxied, proxy, blob):
    proxy.add("GET", "/blobs/", truncate=2_200_000)
    proxy.add("GET", "/blobs/", flip=1000)
    with pytest.raises(DigestError) as raised:
        read_blob(proxied, blob)
    assert raised.value.expected == blob.digest


def test_it_ends(proxied, proxy, blob):
    proxy.add("GET", "/blobs/", truncate=2_200_000)
    proxy.add("GET", "/blobs/", times=9, truncate=1000)
    with pytest.raises(TransferError) as raised:
        read_blob(proxied, blob)
    assert not isinstance(raised.value, TemporaryError)
    assert raised.value.found is not None
    assert raised.value.found.startswith("IncompleteRead: ")
    assert len(ranges(proxy)) == 4
