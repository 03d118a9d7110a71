"""What a toolchain root is made of, and what it is called."""

from pathlib import Path

import ocistacks.builder
from ocistacks.builder.private_apt import Package
from ocistacks.builder.toolchain_root import root_identity, toolchain_packages
from ocistacks.digests import Digest

IMAGE = Path(ocistacks.builder.__file__).parent / "image"


def package(name, content=b"package", mirror="http://m.example"):
    return Package(uri=f"{mirror}/{name}", file_name=name, size=7, digest=Digest.of_bytes(content))


FIRST, SECOND = package("gcc_12_amd64.deb"), package("make_4_amd64.deb")


def test_a_root_is_called_by_its_packages_and_not_by_mirror_or_order():
    identity = root_identity([FIRST, SECOND])
    elsewhere = package("make_4_amd64.deb", mirror="https://other.example/debian")
    assert root_identity([elsewhere, FIRST]) == identity
    assert root_identity([FIRST]) != identity
    assert root_identity([FIRST, package("make_5_amd64.deb")]) != identity
    assert root_identity([FIRST, package("make_4_amd64.deb", b"rebuilt")]) != identity


def test_images_and_the_local_builder_share_one_list():
    listed = (IMAGE / "toolchain-packages.txt").read_text().split()
    assert set(listed) <= set(toolchain_packages())
    containerfile = (IMAGE / "Containerfile.builder").read_text()
    assert "$(cat /opt/ocistacks/image/toolchain-packages.txt)" in containerfile
    assert [name for name in listed if name.endswith("-dev") and name in containerfile] == []


def test_no_package_is_named_twice():
    names = toolchain_packages()
    assert len(set(names)) == len(names)
