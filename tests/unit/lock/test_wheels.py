"""Which wheels a lock keeps, and which one a platform takes."""

import pytest
from packaging.pylock import Package, PackageWheel
from packaging.version import Version

from ocistacks.lock.wheels import choose_wheel
from ocistacks.platforms import Platform


def wheel(tags, *, version="1.0", build=""):
    return PackageWheel(name=f"x-{version}{build}-{tags}.whl", hashes={"sha256": "0" * 64})


def package(*wheels):
    return Package(name="x", version=Version("1.0"), wheels=wheels)


LINUX = Platform.LINUX_X86_64


@pytest.mark.parametrize(
    ("platform", "offered", "chosen"),
    [
        (LINUX, ["py3-none-any", "cp313-cp313-manylinux_2_17_x86_64"], 1),
        (LINUX, ["cp39-abi3-manylinux_2_17_x86_64", "cp313-cp313-manylinux_2_17_x86_64"], 1),
        (LINUX, ["cp313-cp313-manylinux2014_x86_64", "cp313-cp313-manylinux_2_28_x86_64"], 1),
        (LINUX, ["cp313-cp313-manylinux_2_35_x86_64"], None),
        (LINUX, ["cp313-cp313-musllinux_1_2_x86_64"], None),
        (LINUX, ["cp313-cp313-manylinux_2_17_aarch64"], None),
        (LINUX, ["cp313-cp313t-manylinux_2_17_x86_64"], None),
        (LINUX, ["cp315-abi3-manylinux_2_17_x86_64"], None),
        (LINUX, ["cp313-cp313-linux_x86_64"], 0),
        (Platform.LINUX_AARCH64, ["cp313-cp313-manylinux_2_17_aarch64"], 0),
        (Platform.WIN_AMD64, ["cp313-cp313-win32", "cp313-cp313-win_amd64"], 1),
        (Platform.WIN_ARM64, ["cp313-cp313-win_amd64"], None),
        (Platform.MACOSX_ARM64, ["cp313-cp313-macosx_11_0_arm64"], 0),
        (Platform.MACOSX_ARM64, ["cp313-cp313-macosx_13_0_universal2"], 0),
        (Platform.MACOSX_ARM64, ["cp313-cp313-macosx_14_0_arm64"], None),
        (Platform.MACOSX_X86_64, ["cp313-cp313-macosx_10_13_x86_64"], 0),
    ],
)
def test_a_platform_takes_the_most_special_wheel_that_its_floor_allows(
    layer, platform, offered, chosen
):
    wheels = [wheel(tags) for tags in offered]
    expected = None if chosen is None else wheels[chosen]
    for order in (wheels, wheels[::-1]):
        assert choose_wheel(package(*order), layer(), platform, "3.13") is expected


def test_floors_of_the_layer_count(layer):
    new = package(wheel("cp313-cp313-manylinux_2_35_x86_64"))
    assert choose_wheel(new, layer('linux_target = "glibc@2.35"'), LINUX, "3.13") is not None
    mac = package(wheel("cp313-cp313-macosx_14_0_arm64"))
    for target in ("14", "14.0", "14.0.1"):
        chosen = choose_wheel(
            mac, layer(f'macosx_target = "{target}"'), Platform.MACOSX_ARM64, "3.13"
        )
        assert chosen is not None


def test_of_equal_wheels_the_highest_build_is_taken(layer):
    builds = [wheel("py3-none-any", build=build) for build in ("", "-2", "-10")]
    assert choose_wheel(package(*builds), layer(), LINUX, "3.13") is builds[2]
    assert choose_wheel(package(*builds[::-1]), layer(), LINUX, "3.13") is builds[2]
