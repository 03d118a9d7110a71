from __future__ import annotations

from pathlib import Path

import pytest

from ocistacks.errors import UsageError
from ocistacks.registry.reference import LayoutReference, RegistryReference, parse_reference

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("oci:out/layout", LayoutReference(folder=Path("out/layout"), is_tag_written=False)),
        ("oci:/a b:v1", LayoutReference(folder=Path("/a b"), tag="v1")),
        ("localhost/x", RegistryReference(host="localhost", repository="x", tag="latest")),
        (
            "127.0.0.1:5000/demo/x:1.0_a-b",
            RegistryReference(host="127.0.0.1:5000", repository="demo/x", tag="1.0_a-b"),
        ),
        ("[::1]:5000/x", RegistryReference(host="[::1]:5000", repository="x", tag="latest")),
        (
            f"ghcr.io/a/b__c@sha256:{HEX}",
            RegistryReference(host="ghcr.io", repository="a/b__c", digest=f"sha256:{HEX}"),
        ),
        (
            f"ghcr.io/a:t@sha256:{HEX}",
            RegistryReference(host="ghcr.io", repository="a", tag="t", digest=f"sha256:{HEX}"),
        ),
    ],
)
def test_references(text, expected):
    assert parse_reference(text) == expected


def test_what_is_resolved():
    assert parse_reference("oci:x").target is None
    assert parse_reference("oci:x").tag == "latest"
    assert parse_reference("oci:x:latest").target == "latest"
    assert parse_reference("a.b/x").target == "latest"
    assert parse_reference(f"a.b/x:t@sha256:{HEX}").target == f"sha256:{HEX}"
    assert parse_reference("a.b:80/x/y").name == "a.b:80/x/y"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the registry's host is missing"),
        ("/x", "the registry's host is missing"),
        ("oci:", "the folder after oci: is missing"),
        ("oci::tag", "the folder after oci: is missing"),
        ("oci:x:", "'' cannot be a tag (and a folder's name holds no colon here)"),
        ("oci:x:a/b", "'a/b' cannot be a tag (and a folder's name holds no colon here)"),
        ("oci://a.b/x", "oci:// is no form of a reference; leave it away for a registry"),
        ("https://a.b/x", "'https:' cannot be a registry's host"),
        ("-a.b/x", "'-a.b' cannot be a registry's host"),
        ("a.b/X", "'X' cannot be a repository (lower case, a-z 0-9 . _ - /)"),
        ("a.b/x//y", "'x//y' cannot be a repository (lower case, a-z 0-9 . _ - /)"),
        ("a.b/../x", "'../x' cannot be a repository (lower case, a-z 0-9 . _ - /)"),
        ("a.b/", "'' cannot be a repository (lower case, a-z 0-9 . _ - /)"),
        ("a.b/x:", "'' cannot be a tag"),
        ("a.b/x:-t", "'-t' cannot be a tag"),
        (f"a.b/x:{'t' * 129}", f"'{'t' * 129}' cannot be a tag"),
        ("a.b/x@sha256:12", "'sha256:12' is not sha256: and 64 hexadecimal digits"),
    ],
)
def test_what_is_no_reference(text, problem):
    with pytest.raises(UsageError) as raised:
        parse_reference(text)
    assert str(raised.value) == (
        f"This is not a reference: {problem}.\n"
        f"  found: {text!r}\n"
        "  expected: oci:DIR[:TAG] or HOST[:PORT]/REPO[:TAG][@DIGEST]"
    )


@pytest.mark.parametrize(
    ("text", "hub", "folder"),
    [
        ("debian:12-slim", "docker.io/library/debian:12-slim", "oci:debian"),
        ("org/image", "docker.io/org/image", "oci:org/image"),
    ],
)
def test_a_reference_without_host_gets_a_hint(text, hub, folder):
    with pytest.raises(UsageError) as raised:
        parse_reference(text)
    assert raised.value.hint == f"for Docker Hub write {hub}; for a folder write {folder}"


@pytest.mark.parametrize(
    "text", ["me:secret@a.b/x", "https://me:sec/ret@a.b/x", "me:s@ecret@a.b/x"]
)
def test_a_reference_with_credentials_is_not_repeated(text):
    with pytest.raises(UsageError) as raised:
        parse_reference(text)
    assert str(raised.value) == (
        "This is not a reference: a reference holds no user name and no password.\n"
        "  found: '...@a.b/x'\n"
        "  expected: oci:DIR[:TAG] or HOST[:PORT]/REPO[:TAG][@DIGEST]\n"
        "  hint: log in with `ocistacks login`, and write HOST/REPO alone"
    )
