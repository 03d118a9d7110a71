"""The builder image's tag follows from what the image is made of."""

import io
import tarfile

from ocistacks.builder.image import ImageOptions, image_tag
from ocistacks.builder.image_context import CONTAINERFILE, context_tar


def options(base_image=None, **environment):
    return ImageOptions(base_image=base_image, environment=environment, say=lambda _line: None)


def test_the_tag_depends_on_the_base_and_not_on_the_machine(tmp_path):
    bundle = tmp_path / "bundle.crt"
    bundle.write_text("certificates")
    tag = image_tag("builder", options())
    assert tag == image_tag("builder", options(SSL_CERT_FILE=str(bundle), HTTP_PROXY="http://p"))
    assert tag != image_tag("builder", options("another:base"))
    assert tag.startswith("localhost/ocistacks-builder:")
    assert image_tag("python-source", options()).startswith("localhost/ocistacks-python-source:")


def members(environment, target="builder"):
    with tarfile.open(fileobj=io.BytesIO(context_tar(target, environment))) as archive:
        return {
            member.name: (member.mode, archive.extractfile(member).read())
            for member in archive.getmembers()
        }


def test_the_context_is_laid_out_like_a_checkout_and_holds_what_runs_inside(tmp_path):
    found = members({})
    assert CONTAINERFILE in found
    assert "src/ocistacks/builder/inside.py" in found
    assert "src/ocistacks/tree/compile_bytecode.py" in found
    assert "src/ocistacks/builder/image/requirements.txt" in found
    assert not [name for name in found if "__pycache__" in name or "/cli/" in name]
    assert {mode for mode, _content in found.values()} == {0o644}
    assert "ca-bundle.crt" not in found


def test_the_puller_s_context_has_what_pulls():
    found = members({}, "puller")
    assert "src/ocistacks/cli/pull.py" in found
    assert "src/ocistacks/builder/image/puller-requirements.txt" in found
    assert image_tag("puller", options()).startswith("localhost/ocistacks-puller:")


def test_certificates_come_along(tmp_path):
    bundle = tmp_path / "bundle.crt"
    bundle.write_text("certificates")
    found = members({"SSL_CERT_FILE": "", "REQUESTS_CA_BUNDLE": str(bundle)})
    assert found["ca-bundle.crt"] == (0o644, b"certificates")
    assert "ca-bundle.crt" not in members({"SSL_CERT_FILE": str(tmp_path / "missing")})
