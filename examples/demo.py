"""The main job, end to end: lock, build, publish, push, pull and run the sklearn stack.

    python examples/demo.py [FOLDER]

Runs the commands that a user would type, and tells at the end what was made, what was shared and
how long each stage took. What it makes goes into FOLDER, the repository's root if none is given.
A registry is started on 127.0.0.1 for its time where Debian's docker-registry is installed;
otherwise, or where OCISTACKS_BUILDER is local, an OCI image layout on disk takes its place.
Layers are pulled and run with a store of their own, as on another machine.
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
FOLDER = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT
ARTIFACTS = FOLDER / "demo_artifacts"
DEPLOYMENT = FOLDER / "demo_deployment"
CACHE = FOLDER / ".cache" / "demo"
OCISTACKS = Path(sys.executable).with_name("ocistacks")

NOTHING_NEW = {"build": "up to date", "push": "sent 0 blobs", "pull": ": 0 of "}
PUBLIC_BASE = "gcr.io"
BASE_LAYOUT = CACHE / "debian-base"


def main() -> None:
    began = time.monotonic()
    CACHE.mkdir(parents=True, exist_ok=True)
    here = {**os.environ, "OCISTACKS_BASE_IMAGE": base_image()}
    elsewhere = {**os.environ, "OCISTACKS_STORE": str(CACHE / "other-machine")}
    seconds: dict[str, float] = {}
    told: dict[str, str] = {}
    with stack_place() as place:
        reference = f"{place}:latest"
        for environment, *arguments in (
            (here, "lock", SPEC),
            (here, "build", SPEC),
            (here, "publish", SPEC, "--output-dir", ARTIFACTS),
            (here, "push", SPEC, reference),
            (elsewhere, "pull", reference, DEPLOYMENT),
            (elsewhere, "run", reference, "classification-demo"),
        ):
            started = time.monotonic()
            stage = str(arguments[0])
            told[stage] = run_stage(arguments, environment)
            seconds[stage] = time.monotonic() - started
    summarise(seconds, time.monotonic() - began)
    if all(told[stage].count(words) for stage, words in NOTHING_NEW.items()):
        print("\nEverything was there already: nothing was built, sent or fetched again.")
    print(f"\nWhat the application said\n  {told['run'].strip()}")


def run_stage(arguments: list[str | Path], environment: dict[str, str]) -> str:
    """Run one command of ocistacks and return its stdout, which is shown too; end if it fails."""
    print(f"\n$ ocistacks {' '.join(map(shown, arguments))}", flush=True)
    command = [str(OCISTACKS), *map(str, arguments)]
    lines = []
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line)
    if process.returncode != 0:
        sys.exit(f"The demo ended at: ocistacks {arguments[0]}")
    return "".join(lines)


def shown(argument: str | Path) -> str:
    if isinstance(argument, Path):
        return os.path.relpath(argument)
    return argument


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


def summarise(seconds: dict[str, float], total: float) -> None:
    metadata = json.loads((ARTIFACTS / "__venvstacks__" / "venvstacks.json").read_text())["layers"]
    kinds = ("runtimes", "frameworks", "applications")
    layers = {layer["install_target"]: layer for kind in kinds for layer in metadata[kind]}
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
    print(f"\nWhere it is\n  archives     {shown(ARTIFACTS)}\n  deployment   {shown(DEPLOYMENT)}")
    print("\nHow long it took")
    for name, spent in seconds.items():
        print(f"  {name:8} {spent:6.1f} s")
    print(f"  all      {total:6.1f} s")


def megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"


if __name__ == "__main__":
    main()
