"""Any change of a request changes its digest; the order of inputs that have none does not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocistacks.digests import Digest
from ocistacks.platforms import Platform
from ocistacks.request.model import BuildRequest, ModulesInput, PythonInput, WheelInput
from ocistacks.spec.names import LayerKind

WORDS = st.text("abcxyz019-@é", min_size=1, max_size=8)
DIGESTS = st.binary(min_size=1, max_size=4).map(Digest.of_bytes)
VERSIONS = st.builds("3.{}.{}".format, st.integers(9, 15), st.integers(0, 20))
WHEELS = st.builds(
    WheelInput, name=WORDS, version=WORDS, filename=WORDS.map("{}.whl".format), digest=DIGESTS
)
REQUESTS = st.builds(
    BuildRequest,
    layer_format=st.integers(1, 3),
    kind=st.sampled_from(LayerKind),
    install_target=WORDS,
    platform=st.sampled_from(Platform),
    python=st.builds(
        PythonInput,
        implementation=st.sampled_from(["cpython", "pypy"]),
        version=VERSIONS,
        digest=st.none() | DIGESTS,
    ),
    lower_targets=st.lists(WORDS, max_size=3).map(tuple),
    wheels=st.lists(WHEELS, max_size=3).map(tuple),
    modules=st.none() | st.builds(ModulesInput, launch_module=WORDS, digest=DIGESTS),
    bytecode=st.booleans(),
    compression=st.sampled_from(["zstd", "gzip"]),
    compression_level=st.integers(1, 22),
)


@given(one=REQUESTS, other=REQUESTS)
def test_requests_have_one_digest_when_they_are_equal_and_two_when_not(one, other):
    assert (one.input_digest == other.input_digest) is (one == other)


@given(one=REQUESTS, other=REQUESTS, field=st.sampled_from(sorted(BuildRequest.model_fields)))
def test_each_field_alone_changes_the_digest(one, other, field):
    changed = one.model_copy(update={field: getattr(other, field)})
    same = getattr(one, field) == getattr(other, field)
    assert (changed.input_digest == one.input_digest) is same


@given(request=REQUESTS)
def test_a_request_is_read_as_it_was_written(request):
    read = BuildRequest.model_validate_json(request.canonical())
    assert (read, read.input_digest) == (request, request.input_digest)
