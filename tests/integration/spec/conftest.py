"""Taplo, the TOML tools behind many editors: its linter, and its language server under Node.js."""

import json
import queue
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ocistacks.cli.main import app

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
ANSWER_SECONDS = 60.0


def required(program, package):
    path = shutil.which(program)
    assert path, f"these tests need {program}: apt-get install {package}"
    return path


@pytest.fixture
def folder(tmp_path):
    """A folder with the schema that `ocistacks schema` prints."""
    result = CliRunner().invoke(app, ["schema"])
    assert result.exit_code == 0
    (tmp_path / "venvstacks.schema.json").write_text(result.stdout)
    return tmp_path


@pytest.fixture
def lint(folder):
    """A function from the text of a venvstacks.toml to what `taplo check` says of it."""
    program = Path(sys.executable).with_name("taplo")
    assert program.exists(), "these tests need taplo: it is one of the development dependencies"

    def lint(text):
        (folder / "venvstacks.toml").write_text(text)
        return subprocess.run(
            [program, "check", "--no-auto-config", "venvstacks.toml"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS,
            check=False,
        )

    return lint


@pytest.fixture(scope="session")
def server_folder():
    """Where the language server is installed; it stays between runs."""
    folder = ROOT / ".cache" / "tests" / "editor"
    wanted = (HERE / "editor" / "package-lock.json").read_text()
    installed = folder / "package-lock.json"
    if not (folder / "done").exists() or installed.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(HERE / "editor", folder)
        subprocess.run(
            [required("npm", "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=folder,
            check=True,
            timeout=300,
        )
        (folder / "done").touch()
    shutil.copy(HERE / "editor" / "language_server.cjs", folder)
    return folder


class Editor:
    """An editor with one document open, as far as the language server can tell."""

    def __init__(self, process, folder):
        self._process = process
        self._messages = queue.Queue()
        self._uri = (folder / "venvstacks.toml").as_uri()
        self._last = 0
        threading.Thread(target=self._read, daemon=True).start()
        place = {"uri": folder.as_uri(), "name": "stack"}
        self._ask(
            "initialize",
            {
                "processId": None,
                "rootUri": folder.as_uri(),
                "workspaceFolders": [place],
                "capabilities": {"workspace": {"configuration": True}},
            },
        )
        self._tell("initialized", {})

    def open(self, text):
        """Open the document, and wait until the server knows the schema that it names."""
        document = {"uri": self._uri, "languageId": "toml", "version": 1, "text": text}
        self._tell("textDocument/didOpen", {"textDocument": document})
        deadline = time.monotonic() + ANSWER_SECONDS
        while not self.completions(len(text.splitlines())):
            assert time.monotonic() < deadline, "nothing is offered at the end of the document"
            time.sleep(0.1)

    def completions(self, line, character=0):
        """Return what the server offers at a place, by label."""
        document = {"textDocument": {"uri": self._uri}}
        place = {"position": {"line": line, "character": character}}
        return {
            item["label"]: item for item in self._ask("textDocument/completion", document | place)
        }

    def _read(self):
        for line in self._process.stdout:
            self._messages.put(json.loads(line))

    def _tell(self, method, params, **more):
        message = {"jsonrpc": "2.0", "method": method, "params": params, **more}
        self._process.stdin.write(f"{json.dumps(message)}\n")
        self._process.stdin.flush()

    def _ask(self, method, params):
        self._last += 1
        number = self._last
        self._tell(method, params, id=number)
        answer = self._wait(lambda message: message.get("id") == number and "method" not in message)
        return answer["result"]

    def _wait(self, wanted):
        while True:
            message = self._messages.get(timeout=ANSWER_SECONDS)
            if message.get("method") == "workspace/configuration":
                result = [{"schema": {"enabled": True, "catalogs": []}}] * len(
                    message["params"]["items"]
                )
                answer = {"jsonrpc": "2.0", "id": message["id"], "result": result}
                self._process.stdin.write(f"{json.dumps(answer)}\n")
                self._process.stdin.flush()
            if wanted(message):
                return message


@pytest.fixture
def editor(server_folder, folder):
    """An editor on the folder with the schema."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [required("node", "nodejs"), "language_server.cjs"],
            cwd=server_folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            yield Editor(process, folder)
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
