"""Sessions, and URLs without their secrets."""

import pytest
from requests.adapters import HTTPAdapter

from ocistacks.errors import UsageError
from ocistacks.http_session import new_session
from ocistacks.redaction import without_secrets, without_user


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("https://example.org/a/b.whl", "https://example.org/a/b.whl"),
        ("https://jo:pw@example.org:8443/a", "https://example.org:8443/a"),
        ("https://jo:p@w@example.org/a", "https://example.org/a"),
        ("https://token@example.org/a?sig=1&key=2#part", "https://example.org/a"),
        (
            "Failed to fetch: https://jo:pw@example.org/a?sig=1 (at last)",
            "Failed to fetch: https://example.org/a (at last)",
        ),
        (
            "Pool(host='x'): Max retries exceeded with url: /a?token=1 (Caused by 2)",
            "Pool(host='x'): Max retries exceeded with url: /a (Caused by 2)",
        ),
        ("what is it? a=b", "what is it? a=b"),
        ("jo@example.org wrote", "jo@example.org wrote"),
    ],
)
def test_secrets_are_not_told(text, told):
    assert without_secrets(text) == told


def test_a_query_may_be_part_of_what_is_asked_for():
    url = "https://jo:pw@example.org/a?b=c"
    assert without_user(url) == "https://example.org/a?b=c"


@pytest.mark.parametrize(
    ("environment", "bundle"),
    [
        ({}, True),
        ({"SSL_CERT_FILE": "/c"}, "/c"),
        ({"CURL_CA_BUNDLE": "/b", "SSL_CERT_FILE": "/c"}, "/b"),
        ({"REQUESTS_CA_BUNDLE": "/a", "CURL_CA_BUNDLE": "/b"}, "/a"),
        ({"REQUESTS_CA_BUNDLE": "", "CURL_CA_BUNDLE": "/b"}, "/b"),
    ],
)
def test_the_users_certificates_are_trusted(environment, bundle):
    with new_session(environment) as session:
        assert session.verify == bundle


def test_only_what_is_temporary_and_safe_is_tried_again():
    with new_session({}) as session:
        adapter = session.get_adapter("https://example.org")
        assert isinstance(adapter, HTTPAdapter)
        retries = adapter.max_retries
    assert retries.is_retry("GET", 503)
    assert not retries.is_retry("POST", 503)
    assert not retries.is_retry("GET", 404)


@pytest.mark.parametrize(("attempts", "again"), [(5, 4), (1, 0)])
def test_how_often_it_is_tried(attempts, again):
    with new_session({}, attempts=attempts) as session:
        adapter = session.get_adapter("https://example.org")
        assert isinstance(adapter, HTTPAdapter)
        assert adapter.max_retries.total == again


@pytest.mark.parametrize("content", [None, "nothing"])
def test_an_extra_ca_that_is_none(tmp_path, content):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError) as raised:
        new_session({"OCISTACKS_CA_BUNDLE": str(path)})
    assert raised.value.what == "A certificate cannot be used."
    assert raised.value.where == str(path)
