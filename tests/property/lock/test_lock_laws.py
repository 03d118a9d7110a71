"""Laws of markers and of the lock hash."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.pylock import Package, PackageWheel, Pylock
from packaging.version import Version

from ocistacks.lock.document import to_toml
from ocistacks.lock.hashes import requirements_hash
from ocistacks.lock.parse import parse_pylock
from ocistacks.lock.shared import (
    as_shared,
    is_shared,
    marker_text,
    own_marker,
    shared_marker_text,
)

COMPARISONS = st.builds(
    "{} {} '{}'".format,
    st.sampled_from(["sys_platform", "platform_machine", "os_name"]),
    st.sampled_from(["==", "!="]),
    st.sampled_from(["linux", "win32", "darwin", "x86_64", "AMD64", "nt"]),
)
MARKERS = st.recursive(
    COMPARISONS,
    lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner),
    max_leaves=8,
)


@given(text=MARKERS)
def test_a_marker_survives_being_shared(text):
    package = Package(name="x", version=Version("1"), marker=Marker(text))
    shared = as_shared(package)
    assert is_shared(shared)
    assert not is_shared(package)
    assert marker_text(own_marker(shared)) == marker_text(package.marker)
    written = shared_marker_text(own_marker(shared))
    assert marker_text(Marker(written)) == marker_text(shared.marker)


NAMES = st.sampled_from(["alpha", "beta-two", "gamma"])
HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)


@st.composite
def packages(draw):
    name, version = draw(NAMES), Version(draw(st.sampled_from(["1.0", "2.0+local", "3rc1"])))
    file = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    wheel = PackageWheel(
        name=file, url=f"https://x.example/{file}", hashes={"sha256": draw(HASHES)}
    )
    marker = draw(st.none() | MARKERS.map(Marker))
    package = Package(name=name, version=version, marker=marker, wheels=[wheel])
    return as_shared(package) if draw(st.booleans()) else package


@st.composite
def locks(draw):
    several = draw(st.lists(packages(), max_size=4, unique_by=str))
    return Pylock(lock_version=Version("1.0"), created_by="uv", packages=several)


@given(lock=locks())
def test_a_lock_is_read_as_it_was_written(lock):
    read = parse_pylock(to_toml(lock, "x"))
    assert read == lock
    assert requirements_hash(read) == requirements_hash(lock)


@given(lock=locks(), data=st.data())
def test_the_order_of_packages_does_not_matter_to_the_lock_hash(lock, data):
    mixed = replace(lock, packages=data.draw(st.permutations(lock.packages)))
    assert requirements_hash(mixed) == requirements_hash(lock)


@given(lock=locks(), digest=HASHES)
def test_the_digest_of_a_wheel_matters_to_the_lock_hash(lock, digest):
    for position, package in enumerate(lock.packages):
        if package.wheels:
            wheels = [replace(package.wheels[0], hashes={"sha256": digest})]
            changed = [*lock.packages]
            changed[position] = replace(package, wheels=wheels)
            same = digest == package.wheels[0].hashes["sha256"]
            other = requirements_hash(replace(lock, packages=changed))
            assert (other == requirements_hash(lock)) is same
