"""Which release a Debian that is made here is of, and for which system a toolchain is."""

import platform

import pytest

from ocistacks.builder.machine_release import debian_suite
from ocistacks.builder.toolchain_root import machine_identity

TRIXIE = {"ID": "debian", "VERSION_ID": "13", "VERSION_CODENAME": "trixie"}
JAMMY = {"ID": "ubuntu", "VERSION_ID": "22.04", "VERSION_CODENAME": "jammy"}
NOBLE = {"ID": "ubuntu", "VERSION_ID": "24.04", "VERSION_CODENAME": "noble"}


@pytest.fixture
def machine_runs(monkeypatch):
    return lambda system: monkeypatch.setattr(platform, "freedesktop_os_release", lambda: system)


@pytest.mark.parametrize(
    ("system", "suite"), [(TRIXIE, "trixie"), (JAMMY, "bookworm"), ({"ID": "debian"}, "bookworm")]
)
def test_a_debian_is_of_the_machines_own_release(machine_runs, system, suite):
    machine_runs(system)
    assert debian_suite() == suite


def test_a_machine_that_says_nothing_gets_the_release_of_the_public_images(monkeypatch):
    def missing():
        raise OSError

    monkeypatch.setattr(platform, "freedesktop_os_release", missing)
    assert debian_suite() == "bookworm"


def test_each_release_has_a_toolchain_of_its_own_whatever_the_system(machine_runs):
    identities = set()
    for system in (TRIXIE, JAMMY, NOBLE):
        machine_runs(system)
        identities.add(machine_identity())
    assert len(identities) == 3
