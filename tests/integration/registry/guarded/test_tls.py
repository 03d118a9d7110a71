"""Registries behind TLS: whose certificates are trusted, and what proxies are asked."""

from __future__ import annotations

import shutil
import socket
import socketserver
import threading
from pathlib import Path

import pytest

from ocistacks.errors import TransferError, UsageError
from ocistacks.registry.repository import Repository
from ocistacks.registry.source import read_blob

NAME = "registry.example"

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def trust(environment, keys, tmp_path):
    """A function that puts certificates where they count for a registry."""

    def put(host, *, folder=None, client=False):
        place = folder or Path(environment["HOME"]) / ".config" / "containers" / "certs.d"
        (place / host).mkdir(parents=True)
        shutil.copy(keys / "ca.crt", place / host / "ca.crt")
        if client:
            shutil.copy(keys / "client.crt", place / host / "client.cert")
            shutil.copy(keys / "client.key", place / host / "client.key")
        return place / host

    return put


@pytest.fixture
def both_ways(repository_name, environment, describe, content, opener):
    """A function that sends the content to a registry, and gives what comes back."""

    def run(host, **more):
        with Repository(host, repository_name, environment={**environment, **more}) as opened:
            opened.write_blob(describe(content), opener(content))
            return read_blob(opened, describe(content))

    return run


def test_a_ca_of_the_users(tls_registry, trust, both_ways, content):
    trust(tls_registry)
    assert both_ways(tls_registry) == content


@pytest.mark.parametrize("number", [0, 1])
def test_a_ca_of_the_machines(
    tls_registry, trust, both_ways, content, tmp_path, monkeypatch, number
):
    folders = (tmp_path / "containers", tmp_path / "docker")
    monkeypatch.setattr("ocistacks.registry.certificates.SYSTEM_FOLDERS", folders)
    trust(tls_registry, folder=folders[number])
    assert both_ways(tls_registry) == content


def test_a_client_certificate(mutual_tls_registry, trust, both_ways, content):
    trust(mutual_tls_registry, client=True)
    assert both_ways(mutual_tls_registry) == content


def test_a_client_without_a_certificate(mutual_tls_registry, trust, both_ways):
    trust(mutual_tls_registry)
    with pytest.raises(TransferError) as raised:
        both_ways(mutual_tls_registry)
    assert raised.value.found is not None


def test_a_certificate_without_a_key(mutual_tls_registry, trust, both_ways):
    folder = trust(mutual_tls_registry, client=True)
    (folder / "client.key").unlink()
    with pytest.raises(UsageError) as raised:
        both_ways(mutual_tls_registry)
    assert str(raised.value) == (
        "The certificates of a registry cannot be used.\n"
        f"  where: {folder}\n"
        "  found: client.cert without client.key\n"
        "  expected: CAs as *.crt; a client's certificate as NAME.cert with NAME.key"
    )


def test_a_certificate_that_is_none(tls_registry, trust, both_ways):
    folder = trust(tls_registry)
    (folder / "ca.crt").write_text("nothing")
    with pytest.raises(UsageError) as raised:
        both_ways(tls_registry)
    assert raised.value.what == "A certificate cannot be used."
    assert raised.value.where == str(folder / "ca.crt")


class _Tunnel(socketserver.StreamRequestHandler):
    """An HTTP proxy that knows CONNECT, and where the registry of the tests is."""

    def handle(self):
        line = self.rfile.readline().decode()
        self.server.asked.append(line.split(" HTTP")[0])
        while self.rfile.readline().strip():
            pass
        verb, target, _ = line.split()
        place = target if verb == "CONNECT" else target.split("/")[2]
        host, _, port = place.rpartition(":")
        with socket.create_connection(("127.0.0.1", int(port))) as upstream:
            assert host == NAME
            if verb == "CONNECT":
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                path = "/" + target.split("/", 3)[3]
                request = f"{verb} {path} HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n\r\n"
                upstream.sendall(request.encode())
            back = threading.Thread(target=_copy, args=(upstream, self.connection))
            back.start()
            if verb == "CONNECT":
                _copy(self.connection, upstream)
            back.join()


def _copy(source, target):
    try:
        while piece := source.recv(1 << 16):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one of the two went away


class _TunnelServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False


@pytest.fixture
def tunnel(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    with _TunnelServer(("127.0.0.1", 0), _Tunnel) as server:
        server.asked = []
        server.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def far(tls_registry):
    """The TLS registry under a name that only the proxy knows."""
    return f"{NAME}:{tls_registry.partition(':')[2]}"


def test_https_through_a_proxy_with_an_extra_ca(tunnel, far, both_ways, content, keys, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", tunnel.url)
    assert both_ways(far, OCISTACKS_CA_BUNDLE=str(keys / "ca.crt")) == content
    assert set(tunnel.asked) == {f"CONNECT {far}"}


def test_https_through_a_proxy_with_a_ca_of_the_registrys(
    tunnel, far, trust, both_ways, content, monkeypatch
):
    monkeypatch.setenv("HTTPS_PROXY", tunnel.url)
    trust(far)
    assert both_ways(far) == content


def test_a_ca_in_the_place_of_all_others(tunnel, far, both_ways, content, keys, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", tunnel.url)
    assert both_ways(far, REQUESTS_CA_BUNDLE=str(keys / "ca.crt")) == content


def test_a_ca_of_nobody(tunnel, far, both_ways, monkeypatch, repository_name, describe, content):
    monkeypatch.setenv("HTTPS_PROXY", tunnel.url)
    with pytest.raises(TransferError) as raised:
        both_ways(far)
    digest = describe(content).digest
    assert raised.value.where == f"HEAD https://{far}/v2/{repository_name}/blobs/{digest}"
    assert raised.value.found is not None
    assert "certificate verify failed" in raised.value.found
    assert raised.value.hint == (
        "let OCISTACKS_CA_BUNDLE name the CA's certificate, or put it into "
        "/etc/docker/certs.d/HOST as ca.crt"
    )
    assert len(tunnel.asked) == 1  # it stays, so that it is not tried again


def test_plain_http_through_a_proxy(tunnel, registry, repository_name, environment, monkeypatch):
    monkeypatch.setenv("http_proxy", tunnel.url)
    far = f"{NAME}:{registry.partition(':')[2]}"
    with Repository(far, repository_name, environment=environment, insecure=True) as opened:
        assert opened.find("latest") is None
    (asked,) = tunnel.asked
    assert asked == f"HEAD http://{far}/v2/{repository_name}/manifests/latest"


def test_a_host_that_no_proxy_is_asked_for(tunnel, far, both_ways, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", tunnel.url)
    monkeypatch.setenv("NO_PROXY", "registry.example")
    with pytest.raises(TransferError) as raised:
        both_ways(far)
    assert tunnel.asked == []
    assert raised.value.found is not None
    assert raised.value.found.startswith(("gaierror", "NameResolutionError"))


def test_no_proxy_for_the_loopback(tunnel, registry, both_ways, content, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", tunnel.url)
    monkeypatch.setenv("http_proxy", tunnel.url)
    assert both_ways(registry) == content
    assert tunnel.asked == []


def test_https_to_a_server_without_tls(tunnel, registry, both_ways, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", tunnel.url)
    with pytest.raises(TransferError) as raised:
        both_ways(f"{NAME}:{registry.partition(':')[2]}")
    assert raised.value.hint == (
        "the server speaks no TLS: check the port, or use --insecure for plain HTTP"
    )
