"""Uploads that break off, into a real registry behind a proxy that breaks them."""

from __future__ import annotations

import time
from contextlib import contextmanager

import pytest

from ocistacks.errors import AuthError, TransferError
from ocistacks.registry.errors import TemporaryError
from ocistacks.registry.repository import Repository
from ocistacks.registry.source import read_blob

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def send(proxied, describe, content, opener):
    """A function that sends the content through the proxy, and gives its descriptor."""

    def run():
        descriptor = describe(content)
        proxied.write_blob(descriptor, opener(content))
        return descriptor

    return run


def verbs(proxy):
    return [seen.verb for seen in proxy.log]


def parts(proxy):
    return proxy.headers_of("PATCH", "Content-Range")


def test_an_upload_is_one_patch_with_a_length(send, proxy, repository, content):
    assert read_blob(repository, send()) == content
    assert verbs(proxy) == ["HEAD", "POST", "PATCH", "PUT"]
    assert parts(proxy) == ["0-3499999"]
    assert proxy.headers_of("PATCH", "Content-Length") == ["3500000"]
    assert proxy.headers_of("PUT", "Content-Length") == ["0"]


def test_a_small_blob_goes_with_the_put(proxied, proxy, describe, opener):
    proxied.write_blob(describe(b"small"), opener(b"small"))
    assert verbs(proxy) == ["HEAD", "POST", "PUT"]


def test_what_docker_registry_forgot_begins_anew(send, proxy, repository, content):
    # It keeps what it had when a connection breaks, but lets nobody go on with it.
    proxy.add("PATCH", "/uploads/", cut_request=2_000_000)
    assert read_blob(repository, send()) == content
    assert verbs(proxy) == ["HEAD", "POST", "PATCH", "GET", "POST", "PATCH", "PUT"]
    assert parts(proxy) == ["0-3499999"] * 2


@pytest.fixture
def send_kept(keeping, repository_name, environment, describe, content, opener):
    """The same as ``send``, through the proxy that keeps parts."""

    def run():
        descriptor = describe(content)
        with Repository(keeping.host, repository_name, environment=environment) as opened:
            opened.write_blob(descriptor, opener(content))
        return descriptor

    return run


def test_it_goes_on_where_it_broke_off(send_kept, keeping, repository, content):
    keeping.add("PATCH", "/uploads/", cut_request=2_000_000)
    keeping.add("PATCH", "/uploads/", cut_request=500_000)
    assert read_blob(repository, send_kept()) == content
    assert verbs(keeping) == ["HEAD", "POST", "PATCH", "GET", "PATCH", "GET", "PATCH", "PUT"]
    # A proxy reads 65536 bytes at a time.
    assert parts(keeping) == ["0-3499999", "2031616-3499999", "2555904-3499999"]
    assert keeping.headers_of("PATCH", "Content-Length") == ["3500000", "1468384", "944096"]


def test_the_answer_to_the_patch_is_lost(send_kept, keeping, repository, content):
    keeping.add("PATCH", "/uploads/", lose_answer=True)
    assert read_blob(repository, send_kept()) == content
    assert verbs(keeping) == ["HEAD", "POST", "PATCH", "GET", "PUT"]


def test_the_time_in_which_bytes_were_sent_is_not_lost(
    keeping, repository, repository_name, environment, describe, content, monkeypatch
):
    monkeypatch.setattr("ocistacks.registry.retry.LONGEST_IDLE_SECONDS", 0.8)

    @contextmanager
    def slowly():
        def chunks():
            for start in range(0, len(content), 500_000):
                time.sleep(0.2)
                yield content[start : start + 500_000]

        yield chunks()

    keeping.add("PATCH", "/uploads/", cut_request=3_000_000)
    with Repository(keeping.host, repository_name, environment=environment) as opened:
        opened.write_blob(describe(content), slowly)
    assert read_blob(repository, describe(content)) == content


def test_progress_gives_new_attempts(send_kept, keeping, repository, content):
    keeping.add("PATCH", "/uploads/", times=12, cut_request=200_000)
    assert read_blob(repository, send_kept()) == content


def test_the_answer_to_the_put_is_lost(send, proxy, repository, content):
    proxy.add("PUT", "/uploads/", lose_answer=True)
    assert read_blob(repository, send()) == content
    assert verbs(proxy) == ["HEAD", "POST", "PATCH", "PUT", "PUT", "HEAD"]


def test_a_registry_that_says_it_has_more_than_it_has(send_kept, keeping, repository, content):
    keeping.add("PATCH", "/uploads/", cut_request=2_000_000)
    keeping.add("GET", "/uploads/", lies={"Range": "0-3499999"})
    assert read_blob(repository, send_kept()) == content
    assert verbs(keeping) == ["HEAD", "POST", "PATCH", "GET", "PUT", "POST", "PUT"]


@pytest.mark.parametrize("told", ["0-0", "nonsense", None])
def test_a_registry_that_says_nothing_clear_about_what_it_has(
    send, proxy, repository, content, told
):
    proxy.add("PATCH", "/uploads/", lies={"Range": told})
    assert read_blob(repository, send()) == content
    assert verbs(proxy) == ["HEAD", "POST", "PATCH", "PUT"]


def test_a_registry_that_took_a_part(send_kept, keeping, repository, content):
    keeping.add("PATCH", "/uploads/", takes=1_000_000)
    assert read_blob(repository, send_kept()) == content
    assert parts(keeping) == ["0-3499999", "1000000-3499999"]


def test_a_registry_that_takes_nothing_more(send_kept, keeping, repository, content):
    keeping.add("PATCH", "/uploads/", takes=1_000_000)
    keeping.add("PATCH", "/uploads/", takes=0, times=99)
    assert read_blob(repository, send_kept()) == content
    assert verbs(keeping) == ["HEAD", "POST", "PATCH", "PATCH", "POST", "PUT"]


def test_a_registry_that_says_it_has_more_than_there_is(send_kept, keeping):
    keeping.add("PATCH", "/uploads/", cut_request=2_000_000)
    keeping.add("GET", "/uploads/", lies={"Range": "0-3500000"})
    with pytest.raises(TransferError) as raised:
        send_kept()
    assert raised.value.found == "Range: 0-3500000"
    assert raised.value.expected == "at most 3500000 bytes"


@pytest.mark.parametrize("status", [404, 405, 416, 501])
def test_a_registry_that_takes_no_patch(send, proxy, repository, content, proxied, opener, status):
    proxy.add("PATCH", "/uploads/", status=status, times=9)
    assert read_blob(repository, send()) == content
    assert verbs(proxy) == ["HEAD", "POST", "PATCH", "POST", "PUT"]
    assert proxy.headers_of("PUT", "Content-Length") == ["3500000"]


def test_what_one_put_sends_is_sent_again(send, proxy, repository, content):
    proxy.add("PATCH", "/uploads/", status=405)
    proxy.add("PUT", "/uploads/", cut_request=2_000_000)
    proxy.add("PUT", "/uploads/", status=503, lies={"Retry-After": "0"})
    assert read_blob(repository, send()) == content
    assert verbs(proxy)[3:] == [*["POST", "PUT", "HEAD"] * 2, "POST", "PUT"]


@pytest.mark.parametrize("verb", ["POST", "PATCH", "PUT"])
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(send, proxy, repository, content, verb, status):
    proxy.add(verb, "/uploads/", status=status, lies={"Retry-After": "0"})
    assert read_blob(repository, send()) == content


@pytest.mark.parametrize("verb", ["POST", "PATCH", "PUT"])
def test_what_is_denied_is_told(send, proxy, verb):
    words = b'{"errors":[{"code":"DENIED","message":"quota is used up"}]}'
    proxy.add(verb, "/uploads/", status=403, body=words)
    with pytest.raises(AuthError) as raised:
        send()
    assert raised.value.found == "HTTP 403 Forbidden: DENIED (quota is used up)"
    assert raised.value.where is not None
    assert raised.value.where.startswith(f"{verb} http://{proxy.host}/v2/test/")
    assert "_state" not in raised.value.where


def test_it_ends(send, proxy):
    proxy.add("PATCH", "/uploads/", status=503, times=99)
    with pytest.raises(TransferError) as raised:
        send()
    assert not isinstance(raised.value, TemporaryError)
    assert raised.value.found == "HTTP 503 Service Unavailable"
    assert verbs(proxy).count("PATCH") == 4
