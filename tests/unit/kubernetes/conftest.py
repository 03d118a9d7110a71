"""A pinned application, and the PodSpec of each mode."""

import pytest

from ocistacks.digests import Digest
from ocistacks.kubernetes.image_mode import image_pod
from ocistacks.kubernetes.image_volume_mode import image_volume_pod
from ocistacks.kubernetes.init_mode import init_pod
from ocistacks.kubernetes.model import (
    Mode,
    NodeStore,
    PinnedApplication,
    PinnedLayer,
    Puller,
    Workload,
)
from ocistacks.kubernetes.node_mode import node_pod
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
        if mode is Mode.IMAGE:
            return image_pod(application, workload, image=application.image)
        base = application.base
        if mode is Mode.IMAGE_VOLUME:
            return image_volume_pod(application, workload, base=base)
        if mode is Mode.INIT:
            return init_pod(application, workload, base=base, puller=puller)
        store = store or NodeStore()
        return node_pod(application, workload, base=base, puller=puller, store=store)

    return pod_of


@pytest.fixture
def another_application():
    return make_application
