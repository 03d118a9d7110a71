"""Registries that ask who one is: by password, by token, by certificate."""

from __future__ import annotations

import base64
import http.server
import json
import os
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

PASSWORD = "pass word"
# What `htpasswd -nbB user "pass word"` says; the registry takes bcrypt only.
HTPASSWD = "user:$2y$05$abcdefghijklmnopqrstuuIt/9/tGzLcigNq/.RWIDjeEVR30RSf.\n"
IDENTITY = "identity-of-user"


@pytest.fixture(scope="session")
def openssl(tmp_path_factory):
    """A function that runs openssl in a folder with keys and certificates."""
    folder = tmp_path_factory.mktemp("keys")

    def run(*arguments, given=None):
        command = ["openssl", *map(str, arguments)]
        return subprocess.run(
            command, cwd=folder, input=given, check=True, capture_output=True
        ).stdout

    run.folder = folder
    return run


@pytest.fixture(scope="session")
def keys(openssl):
    """A folder with a CA, and certificates that it signed for a server and for a client."""
    new = ("req", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-x509")
    authority = ("-addext", "keyUsage=critical,keyCertSign")  # Python 3.13 insists on it
    openssl(*new, "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.crt", *authority)
    names = "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:registry.example"
    for name, extension in (("server", names), ("client", "extendedKeyUsage=clientAuth")):
        signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-addext", extension)
        signed += ("-addext", "basicConstraints=critical,CA:FALSE")
        pair = ("-keyout", f"{name}.key", "-out", f"{name}.crt")
        openssl(*new, "-subj", f"/CN={name}", *pair, *signed)
    return openssl.folder


@pytest.fixture(scope="session")
def htpasswd_registry(start_registry, tmp_path_factory):
    """The HOST:PORT of a registry that wants PASSWORD."""
    file = tmp_path_factory.mktemp("htpasswd") / "htpasswd"
    file.write_text(HTPASSWD)
    with start_registry(f"auth:\n  htpasswd:\n    realm: here\n    path: {file}\n") as host:
        yield host


class _TokenHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(parse_qs(urlsplit(self.path).query), self.headers.get("Authorization"))

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        grant = (form.get("grant_type"), form.get("refresh_token"))
        known = grant == (["refresh_token"], [IDENTITY])
        self.answer(form, self.server.basic if known else "another")

    def answer(self, asked, authorization):
        scopes = [scope for scopes in asked.get("scope", []) for scope in scopes.split()]
        self.server.asked.append((self.command, scopes))
        failure = self.server.failures.pop(0) if self.server.failures else None
        if failure is None and authorization != self.server.basic:
            failure = 401
        body = b'{"errors":[{"code":"DENIED","message":"who are you"}]}'
        if failure is None:
            token = self.server.token(asked["service"][0], scopes)
            body = json.dumps({"token": token, "access_token": token}).encode()
        self.send_response(failure or 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def _base64(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class TokenServer(http.server.ThreadingHTTPServer):
    """Gives tokens as docs/spec/auth/token.md of the registry has it, signed with openssl.

    ``seconds`` is how long they hold. The registry lets clocks differ by a minute.
    """

    basic = "Basic " + base64.b64encode(f"user:{PASSWORD}".encode()).decode()
    leeway = 60

    def __init__(self, openssl, certificate):
        super().__init__(("127.0.0.1", 0), _TokenHandler)
        self.realm = f"http://127.0.0.1:{self.server_address[1]}/token"
        self.openssl = openssl
        lines = certificate.read_text().splitlines()
        self.chain = ["".join(line for line in lines if "-----" not in line)]
        self.asked = []
        self.failures = []
        self.seconds = 300

    def token(self, service, scopes):
        access = []
        for scope in scopes:
            kind, name, actions = scope.split(":")
            access.append({"type": kind, "name": name, "actions": actions.split(",")})
        now = int(time.time())
        claims = {
            "iss": "issuer",
            "sub": "user",
            "aud": service,
            "exp": now + self.seconds - self.leeway,
            "nbf": now - 600,
            "iat": now - 600,
            "jti": os.urandom(8).hex(),
            "access": access,
        }
        header = {"typ": "JWT", "alg": "RS256", "x5c": self.chain}
        signed = ".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
        signature = self.openssl("dgst", "-sha256", "-sign", "token.key", given=signed.encode())
        return f"{signed}.{_base64(signature)}"


@pytest.fixture(scope="session")
def token_server_of_session(openssl):
    new = ("req", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-x509", "-subj", "/CN=issuer")
    openssl(*new, "-keyout", "token.key", "-out", "token.crt")
    with TokenServer(openssl, openssl.folder / "token.crt") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def token_server(token_server_of_session):
    server = token_server_of_session
    server.asked.clear()
    server.failures.clear()
    server.seconds = 300
    return server


@pytest.fixture(scope="session")
def token_registry(start_registry, token_server_of_session, openssl):
    """The HOST:PORT of a registry that wants tokens of the token server."""
    more = (
        f"auth:\n  token:\n    realm: {token_server_of_session.realm}\n    service: here\n"
        f"    issuer: issuer\n    rootcertbundle: {openssl.folder / 'token.crt'}\n"
    )
    with start_registry(more) as host:
        yield host


@pytest.fixture(scope="session")
def tls_registry(start_registry, keys):
    """The HOST:PORT of a registry whose certificate a CA of nobody signed."""
    tls = f"    certificate: {keys / 'server.crt'}\n    key: {keys / 'server.key'}\n"
    with start_registry(tls=tls) as host:
        yield host


@pytest.fixture(scope="session")
def mutual_tls_registry(start_registry, keys):
    """The HOST:PORT of one that wants a certificate of the client, too."""
    tls = (
        f"    certificate: {keys / 'server.crt'}\n    key: {keys / 'server.key'}\n"
        f"    clientcas:\n      - {keys / 'ca.crt'}\n"
    )
    with start_registry(tls=tls) as host:
        yield host


@pytest.fixture
def write_config(environment):
    """A function that writes the user's config.json."""

    def write(**content):
        path = Path(environment["HOME"]) / ".docker" / "config.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
        return path

    return write
