"""What is taken of the machine's apt settings, and what is read from apt's answers."""

from pathlib import Path

import pytest

from ocistacks.builder.private_apt import Package, own_configuration, parse_packages
from ocistacks.digests import Digest
from ocistacks.errors import EngineError

DUMP = """\
APT "";
APT::Architecture "arm64";
APT::Architectures "";
APT::Architectures:: "arm64";
APT::Architectures:: "armhf";
APT::Update::Post-Invoke-Success:: "touch /var/lib/somewhere";
APT::Default-Release "stable";
DPkg::Post-Invoke:: "rm -f /var/cache/apt/archives/*.deb || true";
Dir "/";
Dir::State "var/lib/apt";
Dir::Etc "etc/apt";
Dir::Etc::sourcelist "sources.list";
Dir::Etc::parts "apt.conf.d";
Acquire::http::Proxy "http://proxy.example:3128";
Acquire::Languages:: "de";
Acquire::IndexTargets::deb::DEP-11::MetaKey "$(COMPONENT)/dep11/Components";
"""

KEPT = """\
APT::Architecture "arm64";
APT::Default-Release "stable";
Dir::Etc "etc/apt";
Dir::Etc::sourcelist "sources.list";
Dir::Etc::parts "apt.conf.d";
Acquire::http::Proxy "http://proxy.example:3128";
"""


def test_sources_and_proxies_are_kept_and_hooks_and_further_indexes_are_not():
    settings = own_configuration(DUMP, Path("/somewhere"))
    assert settings.startswith(KEPT)
    own = settings.removeprefix(KEPT).splitlines()
    # What comes later holds, so the machine's own configuration files are not read again.
    assert 'Dir::Etc::parts "/dev/null";' in own
    assert 'Dir::State "/somewhere/state";' in own
    assert 'Dir::State::status "/somewhere/status";' in own
    assert 'APT::Architectures { "arm64"; };' in own
    assert "Invoke" not in settings


def test_settings_without_an_architecture_are_refused():
    with pytest.raises(EngineError) as caught:
        own_configuration('Dir "/";\n', Path("/somewhere"))
    assert str(caught.value) == (
        "The settings of this machine's apt cannot be read.\n"
        "  where: apt-config dump\n"
        "  found: no APT::Architecture"
    )


def test_packages_are_read_and_sorted():
    listed = (
        f"'http://m.example/z%2b_1.deb' zlib1g_1%3a1.2_amd64.deb 86700 SHA256:{'b' * 64}\n"
        f"'file:/srv/a.deb' awk+_1_all.deb 7 SHA256:{'a' * 64}\n"
    )
    assert parse_packages(listed) == (
        Package(
            uri="file:/srv/a.deb",
            file_name="awk+_1_all.deb",
            size=7,
            digest=Digest.from_hex("a" * 64),
        ),
        Package(
            uri="http://m.example/z%2b_1.deb",
            file_name="zlib1g_1%3a1.2_amd64.deb",
            size=86700,
            digest=Digest.from_hex("b" * 64),
        ),
    )


@pytest.mark.parametrize(
    "rest",
    [
        "gcc_12_amd64.deb 10 MD5Sum:8e7e741807b1e1939df8f58323affdcb",
        f"../gcc_12_amd64.deb 10 SHA256:{'a' * 64}",
        f"gcc_12_amd64.deb ten SHA256:{'a' * 64}",
    ],
)
def test_a_package_without_sha256_or_with_a_path_as_its_name_is_refused(rest):
    with pytest.raises(EngineError) as caught:
        parse_packages(f"'http://me:secret@m.example/gcc.deb' {rest}\n")
    assert str(caught.value) == (
        "A source of this machine's apt offers a package without a usable digest.\n"
        f"  found: 'http://m.example/gcc.deb' {rest}\n"
        "  expected: an address, a file name, a size and a SHA-256"
    )
