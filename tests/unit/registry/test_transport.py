from __future__ import annotations

import pytest

from ocistacks.registry.transport import Transport, is_loopback


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:5000", "127.0.0.1:5000", "127.1.2.3", "[::1]:5000"]
)
def test_this_machine(host):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["a.b", "localhost.example.org", "10.0.0.1:5000", "127.0.0.1.example.org", "[::2]"]
)
def test_other_machines(host):
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("host", "repository", "insecure", "url"),
    [
        ("a.b:444", "x/y", False, "https://a.b:444/v2/x/y/blobs/z"),
        ("a.b", "x", True, "http://a.b/v2/x/blobs/z"),
        ("127.0.0.1:5000", "x", False, "http://127.0.0.1:5000/v2/x/blobs/z"),
        ("docker.io", "debian", False, "https://registry-1.docker.io/v2/library/debian/blobs/z"),
        ("docker.io", "org/image", False, "https://registry-1.docker.io/v2/org/image/blobs/z"),
    ],
)
def test_urls(host, repository, insecure, url):
    transport = Transport(host, repository, environment={}, insecure=insecure)
    assert transport.url("blobs/z") == url
    transport.close()
