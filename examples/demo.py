"""The main job, end to end: lock, build, publish, push, pull and run the sklearn stack.

    python examples/demo.py

Runs the commands that a user would type, and tells at the end what was made, what was shared and
how long each stage took. A registry is started on 127.0.0.1 for its time where Debian's
docker-registry is installed; otherwise, or where OCISTACKS_BUILDER is local, an OCI image layout
on disk takes its place.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
SPEC = ROOT / "examples" / "sklearn" / "venvstacks.toml"
ARTIFACTS = ROOT / "demo_artifacts"
DEPLOYMENT = ROOT / "demo_deployment"
CACHE = ROOT / ".cache" / "demo"
OCISTACKS = Path(sys.executable).with_name("ocistacks")

PUBLIC_BASE = "gcr.io"
BASE_LAYOUT = CACHE / "debian-base"


def main() -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "OCISTACKS_BASE_IMAGE": base_image()}
    seconds: dict[str, float] = {}
    with stack_place() as place:
        reference = f"{place}:latest"
        stages = {
            "lock": ["lock", SPEC],
            "build": ["build", SPEC],
            "publish": ["publish", SPEC, "--output-dir", ARTIFACTS],
            "push": ["push", SPEC, reference],
            "pull": ["pull", reference, DEPLOYMENT],
            "run": ["run", reference, "classification-demo"],
        }
        for name, arguments in stages.items():
            seconds[name] = run_stage(name, arguments, environment)
    summarise(seconds)


def run_stage(name: str, arguments: list[str | Path], environment: dict[str, str]) -> float:
    """Run one command of ocistacks and return its seconds; end with its exit code if it fails."""
    shown = " ".join(
        str(part.relative_to(ROOT)) if isinstance(part, Path) else part for part in arguments
    )
    print(f"\n$ ocistacks {shown}", flush=True)
    started = time.monotonic()
    finished = subprocess.run([OCISTACKS, *arguments], env=environment, check=False)
    if finished.returncode != 0:
        sys.exit(f"The demo ended at the stage {name}.")
    return time.monotonic() - started


def base_image() -> str:
    """Return what the application images stand on: what can be had here."""
    named = os.environ.get("OCISTACKS_BASE_IMAGE")
    if named:
        return named
    if (BASE_LAYOUT / "index.json").exists():
        return f"oci:{BASE_LAYOUT}"
    try:
        socket.create_connection((PUBLIC_BASE, 443), timeout=3).close()
    except OSError:
        pass
    else:
        return "gcr.io/distroless/cc-debian12"
    if shutil.which("mmdebstrap") is None:
        print("No base image can be had here: the demo makes no application images.")
        return "none"
    print("Making a Debian base image with mmdebstrap, once.", flush=True)
    made = subprocess.run([OCISTACKS, "builder", "base", BASE_LAYOUT, "--quiet"], check=False)
    return f"oci:{BASE_LAYOUT}" if made.returncode == 0 else "none"


@contextmanager
def stack_place() -> Iterator[str]:
    """Give the place that the stack is pushed to, as references name it."""
    program = shutil.which("docker-registry")
    if program is None or os.environ.get("OCISTACKS_BUILDER") == "local":
        yield f"oci:{CACHE / 'layout'}"
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as configuration:
        # The registry reads YAML, which JSON is.
        json.dump(registry_configuration(port), configuration)
        configuration.flush()
        registry = subprocess.Popen(
            [program, "serve", configuration.name],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/v2/", registry)
            yield f"127.0.0.1:{port}/demo/sklearn"
        finally:
            registry.terminate()
            registry.wait()


def registry_configuration(port: int) -> dict[str, object]:
    return {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(CACHE / "registry")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    for _attempt in range(100):
        try:
            urlopen(url, timeout=1).close()
        except (URLError, OSError):
            if process.poll() is not None:
                break
            time.sleep(0.1)
        else:
            return
    sys.exit("Debian's docker-registry does not start.")


def summarise(seconds: dict[str, float]) -> None:
    metadata = json.loads((ARTIFACTS / "__venvstacks__" / "venvstacks.json").read_text())["layers"]
    layers = {layer["install_target"]: layer for kind in metadata.values() for layer in kind}
    print("\nWhat was made")
    for name, layer in layers.items():
        digest = layer["ocistacks"]["blob_digest"]
        print(f"  {name:26} {megabytes(layer['archive_size']):>9}  {digest}")
    apart = 0
    for application in metadata["applications"]:
        needed = [application["runtime_layer"], *application["required_layers"]]
        apart += application["archive_size"] + sum(layers[name]["archive_size"] for name in needed)
    together = sum(layer["archive_size"] for layer in layers.values())
    print(
        f"\nWhat was shared\n  {len(metadata['applications'])} applications take "
        f"{megabytes(together)} together; apart they would take {megabytes(apart)}: "
        f"{megabytes(apart - together)} are shared."
    )
    print(f"\nWhere it is\n  archives     {ARTIFACTS.relative_to(ROOT)}")
    print(f"  deployment   {DEPLOYMENT.relative_to(ROOT)}")
    print("\nHow long it took")
    for name, spent in seconds.items():
        print(f"  {name:8} {spent:6.1f} s")
    print(f"  all      {sum(seconds.values()):6.1f} s")


def megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"


if __name__ == "__main__":
    main()
