// Taplo's language server, as its editor extensions run it: one JSON-RPC message a line, both ways.
const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");
const { fileURLToPath } = require("node:url");
const { TaploLsp } = require("@taplo/lsp");

const environment = {
  now: () => new Date(),
  envVar: () => undefined,
  envVars: () => [],
  stdErrAtty: () => false,
  stdin: () => Promise.resolve(new Uint8Array()),
  stdout: process.stderr,
  stderr: process.stderr,
  glob: () => [],
  readFile: (file) => fs.promises.readFile(file),
  writeFile: () => Promise.reject(new Error("nothing is written")),
  urlToFilePath: (url) => (url.startsWith("file:") ? fileURLToPath(url) : ""),
  isAbsolute: path.isAbsolute,
  cwd: () => process.cwd(),
  findConfigFile: () => undefined,
};
// The server asks for a catalog of schemas before it reads its configuration.
globalThis.fetch = () => Promise.reject(new Error("no network"));

TaploLsp.initialize(environment, {
  onMessage: (message) => process.stdout.write(`${JSON.stringify(message)}\n`),
}).then((server) => {
  const lines = readline.createInterface({ input: process.stdin });
  lines.on("line", (line) => server.send(JSON.parse(line)));
  lines.on("close", () => process.exit(0));
});
