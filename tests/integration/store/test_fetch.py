"""Fetching from servers that are slow, busy, broken or lying."""

from __future__ import annotations

import gzip
import hashlib
import threading
import time

import pytest

from ocistacks.errors import DigestError, MaterialError, NotFoundError
from ocistacks.request.index_login import IndexLogin
from ocistacks.request.materials import Material

CONTENT = bytes(range(256)) * 4096
OTHER = CONTENT[::-1]
NETWORK_HINT = "check the network and proxy settings, then run the command again"


@pytest.fixture
def refusal(fetch):
    """A function that fetches and returns the whole message of the refusal."""

    def refusal(*materials, **options):
        with pytest.raises((MaterialError, DigestError, NotFoundError)) as caught:
            fetch(*materials, **options)
        return type(caught.value).__name__, str(caught.value)

    return refusal


def sha256(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_a_file_is_kept_by_its_digest_and_read_only(server, material, fetch, store, kept):
    server.answers("/file", {"body": CONTENT})
    wanted = material(CONTENT)

    assert fetch(wanted) == len(CONTENT)

    path = store.blob_path(wanted.digest)
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o777 == 0o444
    assert kept() == [f"blobs/sha256/{wanted.digest.hex}"]


def test_what_is_there_is_not_fetched_again(server, material, fetch):
    server.answers("/file", {"body": CONTENT})

    assert fetch(material(CONTENT), material(CONTENT)) == len(CONTENT)
    assert fetch(material(CONTENT)) == 0

    assert len(server.asked) == 1


def test_several_files_are_fetched_at_the_same_time(server, material, fetch):
    together = threading.Barrier(4)
    contents = [bytes([number]) * 100 for number in range(4)]
    for number, content in enumerate(contents):
        server.answers(f"/{number}", {"body": content, "waits_for": together})

    assert fetch(*(material(content, f"/{n}") for n, content in enumerate(contents))) == 400


def test_other_bytes_than_promised_are_refused(server, material, refusal, kept):
    server.answers("/file", {"body": OTHER})

    assert refusal(material(CONTENT)) == (
        "DigestError",
        (
            "What was received is not what was promised; nothing of it was kept.\n"
            f"  where: file, GET {server.url}/file\n"
            f"  found: {sha256(OTHER)}\n"
            f"  expected: {sha256(CONTENT)}\n"
            "  hint: try again; if it stays so, the server or a proxy serves another file"
        ),
    )
    assert kept() == []


def test_one_wrong_file_among_good_ones_is_told_and_not_kept(server, material, refusal, kept):
    server.answers("/good", {"body": CONTENT})
    server.answers("/bad", {"body": OTHER[:100]})

    kind, _ = refusal(material(CONTENT, "/good"), material(CONTENT[:100], "/bad"))

    assert kind == "DigestError"
    assert set(kept()) <= {f"blobs/{sha256(CONTENT).replace(':', '/')}"}


def test_more_bytes_than_the_lock_says_are_refused_before_they_fill_the_disk(
    server, material, refusal, kept
):
    server.answers("/file", {"body": CONTENT * 8})

    assert refusal(material(CONTENT)) == (
        "DigestError",
        (
            "file is larger than its lock says; nothing of it was kept.\n"
            f"  where: GET {server.url}/file\n"
            f"  found: more than {len(CONTENT)} bytes\n"
            f"  expected: {len(CONTENT)} bytes"
        ),
    )
    assert kept() == []


def test_a_truncated_answer_is_taken_up_where_it_broke(server, material, fetch, store):
    half = len(CONTENT) // 2
    server.answers(
        "/file",
        {"body": CONTENT[:half], "promised": len(CONTENT)},
        {
            "status": 206,
            "body": CONTENT[half:],
            "headers": {"Content-Range": f"bytes {half}-{len(CONTENT) - 1}/{len(CONTENT)}"},
        },
    )
    wanted = material(CONTENT)

    assert fetch(wanted) == len(CONTENT)

    assert store.blob_path(wanted.digest).read_bytes() == CONTENT
    assert [headers.get("Range") for _, headers in server.asked] == [None, f"bytes={half}-"]


@pytest.mark.parametrize("promised", [len(CONTENT), -1], ids=["with-length", "without-length"])
def test_a_server_without_ranges_may_begin_again(server, material, fetch, store, promised):
    third = len(CONTENT) // 3
    server.answers("/file", {"body": CONTENT[:third], "promised": promised}, {"body": CONTENT})
    wanted = material(CONTENT)

    assert fetch(wanted) == len(CONTENT)

    assert store.blob_path(wanted.digest).read_bytes() == CONTENT


def test_an_answer_that_is_always_truncated_is_an_error_in_the_end(server, material, refusal, kept):
    server.answers("/file", {"body": CONTENT[:1000], "promised": -1})

    assert refusal(material(CONTENT)) == (
        "MaterialError",
        (
            "file cannot be fetched.\n"
            f"  where: GET {server.url}/file\n"
            f"  found: the connection ended after 1000 of {len(CONTENT)} bytes\n"
            f"  hint: {NETWORK_HINT}"
        ),
    )
    assert len(server.asked) == 4
    assert kept() == [f"partial/{sha256(CONTENT).removeprefix('sha256:')}"]


def test_a_later_run_goes_on_where_one_broke_off(server, material, refusal, fetch, kept, store):
    server.answers("/file", {"body": CONTENT[:1000], "promised": -1}, {"status": 404})
    wanted = material(CONTENT)
    refusal(wanted)
    assert (store.root / "partial" / wanted.digest.hex).read_bytes() == CONTENT[:1000]
    told = f"bytes 1000-{len(CONTENT) - 1}/{len(CONTENT)}"
    server.answers(
        "/file", {"status": 206, "body": CONTENT[1000:], "headers": {"Content-Range": told}}
    )
    assert fetch(wanted) == len(CONTENT) - 1000
    assert server.asked[-1][1]["Range"] == "bytes=1000-"
    assert kept() == [f"blobs/{wanted.digest.replace(':', '/')}"]


def test_a_range_that_was_not_asked_for_is_refused(server, material, refusal):
    server.answers(
        "/file",
        {"body": CONTENT[:1000], "promised": -1},
        {"status": 206, "body": CONTENT, "headers": {"Content-Range": "bytes 2000-3000/9000"}},
    )

    assert refusal(material(CONTENT)) == (
        "MaterialError",
        (
            "file cannot be fetched.\n"
            f"  where: GET {server.url}/file\n"
            "  found: HTTP 206 Partial Content\n"
            "  expected: HTTP 206 from byte 1000 on, or HTTP 200\n"
            "  hint: check the index, then run the command again"
        ),
    )


def test_a_missing_file_is_not_asked_for_twice(server, material, refusal):
    server.answers("/file", {"status": 404})

    assert refusal(material(CONTENT)) == (
        "MaterialError",
        (
            "file cannot be fetched.\n"
            f"  where: GET {server.url}/file\n"
            "  found: HTTP 404 Not Found\n"
            "  expected: HTTP 200\n"
            "  hint: check the index, then run the command again"
        ),
    )
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_temporary_failure_is_tried_again(server, material, fetch, status):
    server.answers("/file", {"status": status}, {"body": CONTENT})

    assert fetch(material(CONTENT)) == len(CONTENT)


def test_a_busy_server_says_how_long_to_wait(server, material, fetch):
    server.answers("/file", {"status": 503, "headers": {"Retry-After": "2"}}, {"body": CONTENT})
    before = time.monotonic()

    assert fetch(material(CONTENT)) == len(CONTENT)

    assert 2 <= time.monotonic() - before < 6


def test_a_failure_that_stays_is_told(server, material, refusal):
    server.answers("/file", {"status": 500})

    assert refusal(material(CONTENT)) == (
        "MaterialError",
        (
            "file cannot be fetched.\n"
            f"  where: GET {server.url}/file\n"
            "  found: HTTP 500 Internal Server Error\n"
            "  expected: HTTP 200\n"
            "  hint: check the index, then run the command again"
        ),
    )
    assert len(server.asked) == 5


def test_the_file_is_asked_for_as_it_is(server, material, fetch, store):
    packed = gzip.compress(CONTENT, mtime=0)
    server.answers("/file", {"body": packed})
    wanted = material(packed)

    fetch(wanted)

    assert server.asked[0][1]["Accept-Encoding"] == "identity"
    assert store.blob_path(wanted.digest).read_bytes() == packed


def test_a_server_that_is_not_there_is_told_without_secrets(server, material, refusal):
    wanted = material(CONTENT, "/file")
    unreachable = Material(
        name="file",
        digest=wanted.digest,
        size=None,
        url="http://jo:secret-1@127.0.0.1:9/file?token=secret-2",
    )

    kind, message = refusal(unreachable)

    assert kind == "MaterialError"
    assert "secret" not in message and "jo" not in message
    assert message.splitlines()[:2] == [
        "file cannot be fetched.",
        "  where: GET http://127.0.0.1:9/file",
    ]
    assert "Connection refused" in message
    assert message.splitlines()[-1] == f"  hint: {NETWORK_HINT}"


def test_refused_credentials_in_a_url_are_not_told(server, material, refusal):
    server.answers("/file", {"status": 403})
    wanted = material(CONTENT)
    url = server.url.replace("://", "://jo:secret-1@") + "/file?token=secret-2"

    login = IndexLogin(name="our.index", url=server.url)

    answer = refusal(Material(name="file", digest=wanted.digest, size=None, url=url, login=login))

    assert answer == (
        "MaterialError",
        (
            "file cannot be fetched.\n"
            f"  where: GET {server.url}/file\n"
            "  found: HTTP 403 Forbidden\n"
            "  expected: HTTP 200\n"
            "  hint: give the credentials of the index, with UV_INDEX_OUR_INDEX_USERNAME and "
            "UV_INDEX_OUR_INDEX_PASSWORD"
        ),
    )


def test_a_material_without_a_place_says_what_to_do(material, refusal, store):
    wanted = material(CONTENT)
    lost = Material(name="Python 3.13.5", digest=wanted.digest, size=1, hint="copy it")

    assert refusal(lost) == (
        "NotFoundError",
        (
            "Python 3.13.5 is not in the store, and no place to fetch it from is known.\n"
            f"  where: {store.root}\n"
            f"  expected: {wanted.digest}\n"
            "  hint: copy it"
        ),
    )


def test_local_files_are_verified_too(material, fetch, refusal, store, tmp_path, kept):
    path = tmp_path / "file.whl"
    wanted = Material(name="file.whl", digest=material(CONTENT).digest, size=None, path=path)
    assert refusal(wanted) == (
        "NotFoundError",
        (
            "The local file of file.whl is missing.\n"
            f"  where: {path}\n"
            f"  expected: {wanted.digest}\n"
            "  hint: restore the file, or lock the stack again"
        ),
    )
    path.write_bytes(OTHER)
    assert refusal(wanted) == (
        "DigestError",
        (
            "The local file of file.whl is not the one that was locked.\n"
            f"  where: {path}\n"
            f"  found: {sha256(OTHER)}\n"
            f"  expected: {wanted.digest}\n"
            "  hint: restore the file, or take the new one with ocistacks lock --upgrade"
        ),
    )
    assert kept() == []
    path.write_bytes(CONTENT)
    assert fetch(wanted) == len(CONTENT)
    assert store.blob_path(wanted.digest).read_bytes() == CONTENT
