"""Transfers to and from a registry that wants tokens: scopes, expiry, identity tokens."""

from __future__ import annotations

import base64

import pytest

from ocistacks.errors import AuthError, TransferError
from ocistacks.registry.repository import Repository
from ocistacks.registry.source import read_blob

pytestmark = pytest.mark.usefixtures("quick")


def auth(user, password):
    return base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def logged_in(token_registry, write_config):
    write_config(auths={token_registry: {"auth": auth("user", "pass word")}})


@pytest.fixture
def guarded_proxy(proxy_before, token_registry, write_config):
    """A proxy before the registry, where one is logged in as well."""
    proxy = proxy_before(token_registry)
    entry = {"auth": auth("user", "pass word")}
    write_config(auths={token_registry: entry, proxy.host: entry})
    return proxy


@pytest.fixture
def repository(token_registry, token_server, repository_name, environment):
    """The repository of the registry that wants tokens."""
    with Repository(token_registry, repository_name, environment=environment) as opened:
        yield opened


@pytest.mark.usefixtures("logged_in")
def test_a_token_for_each_action(repository, token_server, repository_name, blob, content):
    assert read_blob(repository, blob) == content
    scopes = [scope for _, scope in token_server.asked]
    # The first is asked for by HEAD, the second by POST: the registry names the scope.
    assert scopes[0] == [f"repository:{repository_name}:pull"]
    assert set(scopes[1][0].rpartition(":")[2].split(",")) == {"pull", "push"}
    assert len(scopes) == 2


@pytest.mark.usefixtures("logged_in")
def test_a_mount_has_a_token_for_both_repositories(
    repository, token_registry, token_server, repository_name, environment, blob, content
):
    other = f"{repository_name}-other"
    with Repository(token_registry, other, environment=environment) as target:
        assert target.mount_blob(blob.digest, repository_name)
        assert read_blob(target, blob) == content
    _, scopes = token_server.asked[2]
    assert {scope.rpartition(":")[0] for scope in scopes} == {
        f"repository:{repository_name}",
        f"repository:{other}",
    }


def test_a_download_goes_on_with_a_new_token(
    guarded_proxy, token_server, repository_name, environment, blob, content
):
    token_server.seconds = 3
    token_server.asked.clear()
    guarded_proxy.add("GET", "/blobs/")  # refused: no token yet
    guarded_proxy.add("GET", "/blobs/", stall=2_200_000, truncate=2_200_000, stall_seconds=5)
    with Repository(guarded_proxy.host, repository_name, environment=environment) as opened:
        assert read_blob(opened, blob) == content
    assert guarded_proxy.headers_of("GET", "Range") == [None, None, *["bytes=2097152-3499999"] * 2]
    assert len(token_server.asked) == 2


@pytest.mark.parametrize("verb", ["PATCH", "PUT"])
def test_an_upload_goes_on_with_a_new_token(
    guarded_proxy, token_server, repository_name, environment, describe, content, opener, verb
):
    token_server.seconds = 4
    guarded_proxy.add(verb, "/uploads/", delay=6)
    with Repository(guarded_proxy.host, repository_name, environment=environment) as opened:
        opened.write_blob(describe(content), opener(content))
        assert read_blob(opened, describe(content)) == content
    assert [seen.verb for seen in guarded_proxy.log].count(verb) == 2


@pytest.mark.parametrize(
    "entry",
    [
        {"identitytoken": "identity-of-user", "auth": auth("<token>", "x")},
        {"auth": auth("<token>", "identity-of-user")},
    ],
)
def test_an_identity_token_is_exchanged(
    repository, token_registry, token_server, write_config, describe, content, opener, entry
):
    write_config(auths={token_registry: entry})
    repository.write_blob(describe(content), opener(content))
    assert read_blob(repository, describe(content)) == content
    assert {verb for verb, _ in token_server.asked} == {"POST"}


def test_a_bearer_token_goes_to_the_registry_as_it_is(
    token_registry, token_server, repository_name, environment, describe, content, opener
):
    token = token_server.token("here", [f"repository:{repository_name}:pull,push"])
    given = {"OCISTACKS_REGISTRY_HOST": token_registry, "OCISTACKS_REGISTRY_TOKEN": token}
    with Repository(
        token_registry, repository_name, environment={**environment, **given}
    ) as repository:
        repository.write_blob(describe(content), opener(content))
        assert read_blob(repository, describe(content)) == content
    assert token_server.asked == []


def test_nobody_is_logged_in(repository, token_server, describe):
    with pytest.raises(AuthError) as raised:
        read_blob(repository, describe(b"x"))
    assert raised.value.where == f"GET {token_server.realm}"
    assert raised.value.found == "HTTP 401 Unauthorized: DENIED (who are you)"
    assert raised.value.hint == ("no credentials are kept for this registry: use `ocistacks login`")


@pytest.mark.usefixtures("logged_in")
def test_a_token_server_that_is_unwell_for_a_moment(repository, token_server, describe):
    token_server.failures = [503] * 9
    with pytest.raises(TransferError) as raised:
        repository.has_blob(describe(b"x").digest)
    assert raised.value.where == f"GET {token_server.realm}"
    assert raised.value.found == "HTTP 503 Service Unavailable: DENIED (who are you)"
    token_server.failures = [503, 429, 500]
    assert not repository.has_blob(describe(b"x").digest)
