from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocistacks.digests import Digest
from ocistacks.errors import DigestError, UsageError
from ocistacks.oci.description import LayerDescription
from ocistacks.platforms import Platform
from ocistacks.registry.model import Descriptor
from ocistacks.registry.reference import parse_reference
from ocistacks.registry.source import verified_chunks
from ocistacks.spec.names import name_problem

tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", fullmatch=True)
digests = st.binary(min_size=32, max_size=32).map(lambda content: Digest.from_hex(content.hex()))
hosts = st.from_regex(
    r"(localhost|[a-z0-9]{1,9}\.[a-z]{1,9}|\[::1\])(:[0-9]{1,5})?", fullmatch=True
)
components = st.from_regex(r"[a-z0-9]{1,5}((\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}", fullmatch=True)
repositories = st.lists(components, min_size=1, max_size=4).map("/".join)
# The text of names and folders: no surrogates, which no file name on disk is given as.
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
names = texts.filter(lambda name: name_problem(name) is None)


@given(hosts, repositories, tags | st.none(), digests | st.none())
def test_registry_references_are_printed_as_they_are_parsed(host, repository, tag, digest):
    text = f"{host}/{repository}" + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    reference = parse_reference(text)
    assert (reference.host, reference.repository, reference.digest) == (host, repository, digest)
    assert reference.tag == (tag or (None if digest else "latest"))
    assert parse_reference(str(reference)) == reference


@given(texts, tags | st.none())
def test_layout_references_are_printed_as_they_are_parsed(folder, tag):
    text = f"oci:{folder}" + (f":{tag}" if tag else "")
    try:
        reference = parse_reference(text)
    except UsageError:
        assert ":" in folder or "\0" in folder or folder.startswith("//")
        return
    assert parse_reference(str(reference)) == reference


@given(st.text(max_size=60))
def test_any_text_is_a_reference_or_a_usage_error(text):
    try:
        reference = parse_reference(text)
    except UsageError:
        return
    assert parse_reference(str(reference)) == reference


@given(
    names,
    names,
    st.lists(names, max_size=5),
    digests,
    st.integers(min_value=0, max_value=999_999_999),
    st.sampled_from(Platform),
    names | st.none(),
)
def test_descriptions_are_read_as_they_are_written(
    name, target, requires, digest, version, platform, module
):
    description = LayerDescription(
        name=name,
        kind="framework",
        install_target=target,
        lock_hash=digest,
        input_digest=digest,
        lock_version=version,
        requires=tuple(requires),
        platform=platform,
        archive_name=f"{target}.tar.zst"[:100].strip(),
        launch_module=module,
    )
    read = LayerDescription.from_annotations(description.annotations(), platform, where="here")
    assert read == description


@given(st.lists(st.binary(max_size=20), max_size=8))
def test_right_chunks_pass(chunks):
    content = b"".join(chunks)
    promised = Descriptor(media_type="a/b", digest=Digest.of_bytes(content), size=len(content))
    assert b"".join(verified_chunks(chunks, promised, "here")) == content


@given(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=8), st.data())
def test_of_wrong_chunks_never_all_pass(chunks, data):
    content = b"".join(chunks)
    promised_content = data.draw(st.binary(max_size=len(content) + 2).filter(content.__ne__))
    size = data.draw(st.sampled_from((len(content), len(promised_content))))
    promised = Descriptor(media_type="a/b", digest=Digest.of_bytes(promised_content), size=size)
    passed = []
    with pytest.raises(DigestError):
        passed.extend(verified_chunks(chunks, promised, "here"))
    assert b"".join(passed) != content
