"""Logging in and out: what is written, what is refused, and what other tools make of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SECRET = "pass word"


@pytest.fixture
def config(environment):
    return Path(environment["HOME"]) / ".docker" / "config.json"


@pytest.fixture(params=["htpasswd_registry", "token_registry"])
def host(request, token_server):
    return request.getfixturevalue(request.param)


@pytest.fixture
def log_in(ocistacks, host):
    def run(*arguments, given=SECRET + "\n", **more):
        return ocistacks(
            "login", host, "--username", "user", "--password-stdin", *arguments, given=given, **more
        )

    return run


def test_login_and_logout(ocistacks, log_in, host, config):
    assert log_in() == (0, f"{host}: logged in, kept in {config}\n", "")
    assert json.loads(config.read_text()) == {
        "auths": {host: {"auth": "dXNlcjpwYXNzIHdvcmQ="}},
    }
    assert config.stat().st_mode & 0o777 == 0o600
    assert ocistacks("logout", host) == (0, f"{host}: logged out, in {config}\n", "")
    assert json.loads(config.read_text()) == {"auths": {}}
    assert ocistacks("logout", host) == (0, f"{host}: was not logged in\n", "")


def test_a_wrong_password_is_refused_and_not_kept(log_in, host, config):
    code, output, error = log_in(given="guess\n")
    assert (code, output) == (7, "")
    assert error.startswith(f"error: The registry {host} does not accept the login.\n")
    assert "guess" not in error
    assert not config.exists()


def test_what_else_is_in_the_file_stays(log_in, host, config, write_config):
    write_config(auths={"other": {"auth": "dTpw"}, f"https://{host}": {}}, proxies={"a": "b"})
    assert log_in()[0] == 0
    assert json.loads(config.read_text()) == {
        "auths": {"other": {"auth": "dTpw"}, host: {"auth": "dXNlcjpwYXNzIHdvcmQ="}},
        "proxies": {"a": "b"},
    }


@pytest.mark.parametrize("variable", ["REGISTRY_AUTH_FILE", "DOCKER_CONFIG"])
def test_the_file_that_a_variable_names(log_in, host, tmp_path, variable):
    named = tmp_path / "named"
    path = named if variable == "REGISTRY_AUTH_FILE" else named / "config.json"
    assert log_in(**{variable: str(named)})[1] == f"{host}: logged in, kept in {path}\n"
    assert host in json.loads(path.read_text())["auths"]


def test_skopeo_takes_the_login(log_in, host, config):
    # That a repository is unknown is told only to whom the registry knows.
    question = ["skopeo", "list-tags", "--tls-verify=false", "--authfile", config]
    question.append(f"docker://{host}/none")
    unknown = re.compile(r"404 \(Not Found\)|repository name not known to registry")
    refused = subprocess.run(question, capture_output=True, text=True, check=False).stderr
    log_in()
    known = subprocess.run(question, capture_output=True, text=True, check=False).stderr
    assert not unknown.search(refused)
    assert unknown.search(known)


HELPER = """#!/bin/sh
case "$1" in
store) cat > "$KEPT" ;;
get) test -e "$KEPT" && cat "$KEPT" || { echo credentials not found; exit 1; } ;;
erase) rm "$KEPT" ;;
esac
"""


def test_a_helper_keeps_the_login(ocistacks, log_in, host, config, write_config, tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "docker-credential-test").write_text(HELPER)
    (folder / "docker-credential-test").chmod(0o755)
    kept = tmp_path / "kept"
    more = {"PATH": f"{folder}:/usr/bin:/bin", "KEPT": str(kept)}
    write_config(credsStore="test")
    assert log_in(**more) == (0, f"{host}: logged in, kept in docker-credential-test\n", "")
    assert json.loads(kept.read_text()) == {
        "ServerURL": host,
        "Username": "user",
        "Secret": "pass word",
    }
    assert json.loads(config.read_text()) == {"credsStore": "test", "auths": {host: {}}}
    assert ocistacks("logout", host, **more)[1] == f"{host}: logged out, in {config}\n"
    assert not kept.exists()


def test_what_is_no_registry(ocistacks):
    code, _, error = ocistacks("login", "https://a.b/", "--username", "u", "--password-stdin")
    assert code == 2
    assert error == (
        "error: That names no registry.\n  found: 'https://a.b/'\n  expected: HOST or HOST:PORT\n"
    )


def test_what_is_typed_is_asked_for_and_not_shown(host, config, environment):
    ours, terminal = os.openpty()
    process = subprocess.Popen(
        [Path(sys.executable).parent / "ocistacks", "login", host],
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=terminal,
        env=environment,
        start_new_session=True,
    )
    shown = b""
    for question, typed in ((b"Username:", b"user\n"), (b"Password: ", SECRET.encode() + b"\n")):
        while question not in shown:
            shown += os.read(ours, 1000)
        os.write(ours, typed)
    output, _ = process.communicate(timeout=60)
    os.close(terminal)
    os.close(ours)
    assert output.decode().strip() == f"{host}: logged in, kept in {config}"
    assert SECRET.encode() not in shown


def test_no_password(log_in):
    code, _, error = log_in(given="")
    assert code == 2
    assert error.startswith("error: There is no password on standard input.\n")
