"""Equal input digests give equal blobs: whichever builder, checkout, umask and number of jobs."""

import pytest

# Each value of each column meets most values of the others; the first row is what users have.
COMBINATIONS = {
    "docker": ("docker", "here", 0o022, 2),
    "podman": ("podman", "elsewhere", 0o077, 1),
    "local": ("local", "here", 0o077, 3),
    "local-elsewhere": ("local", "elsewhere", 0o022, 1),
}


@pytest.fixture(scope="module")
def checkouts(make_checkout):
    return {"here": make_checkout("a"), "elsewhere": make_checkout("another-and-longer-name")}


@pytest.mark.timeout(900)
def test_every_builder_gives_the_same_blobs(checkouts, engine_environments, fresh_store):
    built = {}
    for name, (builder, checkout, umask, jobs) in COMBINATIONS.items():
        built[name] = checkouts[checkout].build(
            *("--builder", builder, "--jobs", jobs, "--force"),
            environment=engine_environments[builder],
            store=fresh_store(name),
            umask=umask,
        )
    expected = built["docker"]
    assert len(expected) == 4, "a runtime, a framework and two applications"
    assert len(set(expected.values())) == 4
    assert built == dict.fromkeys(COMBINATIONS, expected)
