"""A pinned application, and the PodSpec of each mode."""

import pytest

from ocistacks.digests import Digest
from ocistacks.kubernetes.choices import Mode
from ocistacks.kubernetes.model import (
    Images,
    NodeStore,
    PinnedApplication,
    PinnedLayer,
    Puller,
    Workload,
)
from ocistacks.kubernetes.modes import pod
from ocistacks.platforms import Platform

REPOSITORY = "registry.example.com/team/stack"


def pinned(what):
    return f"{REPOSITORY}@{Digest.of_bytes(what.encode())}"


def make_application(**fields):
    layers = tuple(
        PinnedLayer(install_target=name, image=pinned(name))
        for name in ("cpython-3.13", "framework-x@2", "app-demo")
    )
    given = {
        "reference": f"{REPOSITORY}:latest",
        "stack": pinned("stack"),
        "name": "demo",
        "install_target": "app-demo",
        "launch_module": "demo.main",
        "platforms": (Platform.LINUX_X86_64,),
        "layers": (layers,),
        "image": pinned("image"),
        "base": "docker.io/library/debian@" + Digest.of_bytes(b"base"),
    }
    return PinnedApplication(**(given | fields))


def images_of(mode, application, puller):
    """The images that the command looks up for a mode."""
    if mode is Mode.IMAGE:
        return Images(application=application.image)
    return Images(base=application.base, puller=puller if mode.pulls else None)


@pytest.fixture
def images_for(application, puller):
    """A function that gives a mode's images."""
    return lambda mode: images_of(mode, application, puller)


@pytest.fixture
def application():
    return make_application()


@pytest.fixture
def puller():
    return Puller(image="registry.example.com/ocistacks/puller@" + Digest.of_bytes(b"puller"))


@pytest.fixture
def pod_of(application, puller):
    """A function that gives the PodSpec of a mode."""

    def pod_of(mode, workload=None, *, application=application, puller=puller, store=None):
        workload = workload or Workload(name="demo")
        images = images_of(mode, application, puller)
        return pod(mode, application, workload, images, store or NodeStore())

    return pod_of


@pytest.fixture
def another_application():
    return make_application
