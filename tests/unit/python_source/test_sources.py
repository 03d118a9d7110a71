import pytest

from ocistacks.builder.python_source.apt_mirrors import installed_mirrors, mirrors_of_files
from ocistacks.builder.python_source.sources import KNOWN_RELEASES, source_release
from ocistacks.digests import Digest
from ocistacks.errors import LockError

OTHER = Digest.of_bytes(b"another release")


def test_a_known_release_is_pinned_and_has_python_org_before_the_mirrors():
    release = source_release(
        "3.13.5", debian_mirrors=["http://mirror.test/debian/", "https://second.test/debian"]
    )
    assert release.file_name == "Python-3.13.5.tar.xz"
    assert release.digest == KNOWN_RELEASES["3.13.5"].digest
    assert release.size == 22_856_016
    path = "pool/main/p/python3.13/python3.13_3.13.5.orig.tar.xz"
    assert release.urls == (
        "https://www.python.org/ftp/python/3.13.5/Python-3.13.5.tar.xz",
        f"http://mirror.test/debian/{path}",
        f"https://second.test/debian/{path}",
    )


def test_a_pre_release_lies_in_its_releases_folder_and_sorts_before_it_in_debian():
    release = source_release("3.14.0rc2", debian_mirrors=["http://mirror.test"], digest=OTHER)
    assert (release.digest, release.size) == (OTHER, None)
    assert release.urls == (
        "https://www.python.org/ftp/python/3.14.0/Python-3.14.0rc2.tar.xz",
        "http://mirror.test/pool/main/p/python3.14/python3.14_3.14.0~rc2.orig.tar.xz",
    )


def test_an_unknown_release_needs_a_sha256():
    with pytest.raises(LockError) as caught:
        source_release("3.12.99")
    assert str(caught.value) == (
        "No sha256 is known for the release tarball of CPython 3.12.99.\n"
        "  found: 3.12.99\n"
        "  expected: one of 3.13.5, or a sha256 beside the version\n"
        "  hint: name a finished archive in [tool.ocistacks.python_sources]"
    )


def test_a_sha256_must_not_contradict_the_known_one():
    with pytest.raises(LockError) as caught:
        source_release("3.13.5", digest=OTHER)
    assert str(caught.value) == (
        "The sha256 given for the release tarball of CPython 3.13.5 is not the known one.\n"
        f"  found: {OTHER}\n"
        f"  expected: {KNOWN_RELEASES['3.13.5'].digest}\n"
        "  hint: leave the sha256 away, or correct it"
    )


@pytest.mark.parametrize(
    "version", ["3.13", "3.13.5.1", "3.13.5+local", "3.13.5.post1", "3.13.5.dev1", "1!3.13.5", "x"]
)
def test_a_version_must_name_one_release(version):
    with pytest.raises(LockError) as caught:
        source_release(version, digest=OTHER)
    assert str(caught.value) == (
        "This does not name one release of CPython.\n"
        f"  found: '{version}'\n"
        "  expected: a full version, such as 3.13.5 or 3.14.0rc2"
    )


ONE_LINE = """\
# deb http://commented.test/debian bookworm main
deb http://plain.test/debian/ bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/a.gpg] https://options.test/debian bookworm main
deb-src http://plain.test/debian bookworm main
deb cdrom:[Debian]/ bookworm main
deb http://user:secret@private.test/debian bookworm main
deb http://[broken/debian bookworm main
deb http://incomplete.test/debian
"""

DEB822 = """\
Types: deb deb-src
# a comment between two fields
URIs: http://first.test/debian
  http://second.test/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://disabled.test/debian
Suites: bookworm
Enabled: no

types: deb
uris: mirror+file:/etc/mirrors http://first.test/debian https://third.test/debian
suites: bookworm
"""


def test_both_forms_of_apt_sources_are_read():
    assert mirrors_of_files({"a.list": ONE_LINE, "b.sources": DEB822}) == (
        "http://plain.test/debian",
        "https://options.test/debian",
        "http://first.test/debian",
        "http://second.test/debian",
        "https://third.test/debian",
    )


def test_the_files_of_a_machine_are_read_in_apts_order(tmp_path):
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text("deb http://main.test/debian bookworm main\n")
    (parts / "b.sources").write_text("Types: deb\nURIs: http://b.test/debian\n")
    (parts / "a.list").write_text("deb http://a.test/debian bookworm main\n")
    (parts / "c.list.disabled").write_text("deb http://c.test/debian bookworm main\n")
    assert installed_mirrors(tmp_path) == (
        "http://main.test/debian",
        "http://a.test/debian",
        "http://b.test/debian",
    )


def test_a_machine_without_apt_offers_no_mirror(tmp_path):
    assert installed_mirrors(tmp_path / "nowhere") == ()
