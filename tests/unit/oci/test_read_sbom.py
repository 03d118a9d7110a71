"""SBOMs as they are read: ours among those of others."""

from __future__ import annotations

import json

import pytest

from ocistacks.errors import TransferError
from ocistacks.oci.read_sbom import read_sbom


def document(tools, components=()):
    return json.dumps(
        {"bomFormat": "CycloneDX", "metadata": {"tools": tools}, "components": components}
    ).encode()


def test_ours_is_known_by_its_tool():
    assert read_sbom(document({"components": [{"name": "ocistacks"}]}), where="here").is_ours
    assert not read_sbom(document({"components": [{"name": "syft"}]}), where="here").is_ours
    assert not read_sbom(document([{"vendor": "x", "name": "ocistacks"}]), where="here").is_ours
    assert not read_sbom(b"{}", where="here").is_ours


def test_a_components_sha256_is_found_among_its_hashes():
    hashes = [{"alg": "MD5", "content": "00"}, {"alg": "SHA-256", "content": "11"}]
    content = document({}, [{"type": "library", "name": "a", "hashes": hashes}])
    (component,) = read_sbom(content, where="here").components
    assert (component.sha256, component.version) == ("11", None)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"<bom/>", "the document: Invalid JSON"),
        (b'{"components":[{"name":"x"}]}', "components.0.type: Field required"),
    ],
)
def test_what_is_no_sbom_is_told(content, found):
    with pytest.raises(TransferError) as caught:
        read_sbom(content, where="here")
    assert caught.value.what == "An SBOM cannot be read."
    assert caught.value.found.startswith(found)
