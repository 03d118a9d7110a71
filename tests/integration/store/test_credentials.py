"""Where the credentials of an index are taken from; the keyring is a program on PATH."""

from __future__ import annotations

import pytest

from ocistacks.request.index_login import index_logins, login_for
from ocistacks.store.credentials import IndexCredentials

URL = "https://packages.example/team/simple"
KEYRING = """#!/bin/sh
echo "$@" >> "{log}"
[ "$1" = get ] && [ "$2" = "{service}" ] && [ "$3" = jo ] && echo from-keyring && exit 0
exit 1
"""


@pytest.fixture
def keyring(tmp_path):
    """A function that puts a keyring on a PATH, for one service; it returns what it was asked."""
    log = tmp_path / "log"

    def keyring(service):
        program = tmp_path / "keyring"
        program.write_text(KEYRING.format(log=log, service=service))
        program.chmod(0o755)
        return lambda: log.read_text().splitlines() if log.exists() else []

    return keyring


@pytest.fixture
def found(tmp_path, monkeypatch):
    """A function from an index's URL to the credentials that are found for it."""
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    def found(url=URL, *, provider=None, **environment):
        configuration = {"index": [{"name": "our-own", "url": url}]}
        if provider is not None:
            configuration["keyring-provider"] = provider
        (login,) = index_logins(configuration)
        credentials = IndexCredentials({"PATH": str(tmp_path), **environment})
        assert credentials.of(login) == credentials.of(login)
        return credentials.of(login)

    return found


def test_nothing_is_known(found, keyring):
    asked = keyring(URL)
    assert found(provider="subprocess") is None
    assert asked() == []


def test_variables_go_before_the_url(found):
    url = URL.replace("://", "://kim:p%40ss@")
    assert found(url) == ("kim", "p@ss")
    variables = {"UV_INDEX_OUR_OWN_USERNAME": "jo", "UV_INDEX_OUR_OWN_PASSWORD": "pw"}
    assert found(url, **variables) == ("jo", "pw")


def test_a_keyring_is_asked_once_for_the_url(found, keyring):
    asked = keyring(URL)
    assert found(URL.replace("://", "://jo@"), provider="subprocess") == ("jo", "from-keyring")
    assert asked() == [f"get {URL} jo"]


def test_a_keyring_is_asked_for_the_host_then(found, keyring):
    asked = keyring("packages.example")
    variables = {"UV_INDEX_OUR_OWN_USERNAME": "jo", "UV_KEYRING_PROVIDER": "subprocess"}
    assert found(**variables) == ("jo", "from-keyring")
    assert asked() == [f"get {URL} jo", "get packages.example jo"]


def test_a_keyring_is_not_asked_without_the_setting(found, keyring):
    asked = keyring(URL)
    url = URL.replace("://", "://jo@")
    assert found(url) == ("jo", "")
    assert found(url, provider="subprocess", UV_KEYRING_PROVIDER="disabled") == ("jo", "")
    assert asked() == []


def test_a_keyring_that_knows_nothing_or_is_not_there(found, keyring):
    assert found(URL.replace("://", "://jo@"), provider="subprocess") == ("jo", "")
    keyring("another")
    assert found(URL.replace("://", "://jo@"), provider="subprocess") == ("jo", "")


def test_a_netrc_file_knows_the_password_of_a_user(found, tmp_path):
    (tmp_path / "netrc").write_text("machine packages.example login jo password from-netrc\n")
    assert found(URL.replace("://", "://jo@")) == ("jo", "from-netrc")
    assert found(URL.replace("://", "://kim@")) == ("kim", "")


def test_credentials_are_for_the_host_of_the_index_alone():
    first, second = index_logins(
        {"index": [{"name": "a", "url": f"{URL}/a"}, {"url": f"{URL}/b"}, {"url": "./wheels"}]}
    )
    file = "https://packages.example/files/x.whl"
    assert login_for(file, f"{URL}/b/", (first, second)) is second
    assert login_for(file, None, (first, second)) is first
    for other in ("https://elsewhere.example/x.whl", "http://packages.example/x.whl"):
        assert login_for(other, f"{URL}/a", (first, second)) is None


def test_a_login_does_not_show_what_it_knows():
    (login,) = index_logins({"index": [{"url": URL.replace("://", "://jo:secret@")}]})
    assert "jo" not in repr(login)
    assert "secret" not in repr(login)
