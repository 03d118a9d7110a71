"""Digests."""

import hashlib

import pytest
from pydantic import BaseModel, ValidationError

from ocistacks.digests import Digest
from ocistacks.errors import DigestError

HEXADECIMAL = hashlib.sha256(b"abc").hexdigest()


def test_all_ways_to_make_one_agree(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    digests = {
        Digest(f"sha256:{HEXADECIMAL}"),
        Digest.from_hex(HEXADECIMAL),
        Digest.of_bytes(b"abc"),
        Digest.of_chunks([b"a", b"", b"bc"]),
        Digest.of_file(path),
    }
    assert digests == {f"sha256:{HEXADECIMAL}"}
    (digest,) = digests
    assert (digest.hex, digest.short) == (HEXADECIMAL, HEXADECIMAL[:12])


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEXADECIMAL,
        f"sha256:{HEXADECIMAL.upper()}",
        f"sha256:{HEXADECIMAL}\n",
        f"sha256:{HEXADECIMAL[:-1]}",
        f"sha512:{HEXADECIMAL}",
        f"sha256:../{HEXADECIMAL[3:]}",
    ],
)
def test_what_is_no_digest_is_refused(text):
    with pytest.raises(DigestError) as caught:
        Digest(text)
    assert str(caught.value) == (
        "This is not a digest that ocistacks can check.\n"
        f"  found: {text!r}\n"
        "  expected: sha256: and 64 lower-case hexadecimal digits"
    )


def test_models_hold_digests_and_refuse_others():
    class Model(BaseModel):
        digest: Digest

    model = Model.model_validate({"digest": f"sha256:{HEXADECIMAL}"})
    assert type(model.digest) is Digest
    assert model.model_dump_json() == f'{{"digest":"sha256:{HEXADECIMAL}"}}'
    with pytest.raises(ValidationError, match="not a digest that ocistacks can check"):
        Model.model_validate({"digest": "sha256:0"})
