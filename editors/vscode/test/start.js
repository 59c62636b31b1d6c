"use strict";
// Starts the extension on a stand-in for the `vscode` module, to see which program it starts and that it ends it again.
// Prints, as JSON, the messages that it showed.
// usage: node start.js EXTENSION-DIRECTORY PATH-SETTING [restricted]

const Module = require("node:module");
const path = require("node:path");

const [directory, setting, mode] = process.argv.slice(2);
const commands = {};
const shown = [];

/** Anything at all: the client subscribes to many events and constructs many classes that do not matter here. */
const anything = () =>
  new Proxy(class {}, {
    get: (target, name) => (name === "prototype" || typeof name === "symbol" ? target[name] : anything()),
    apply: () => ({ dispose() {} }),
  });
/** As in `vscode`: `event` is a function that subscribes. */
class EventEmitter {
  listeners = new Set();
  event = (listener) => (this.listeners.add(listener), { dispose: () => this.listeners.delete(listener) });
  fire = (value) => this.listeners.forEach((listener) => listener(value));
  dispose() {}
}
const output = { appendLine() {}, append() {}, show() {}, dispose() {} };
const configuration = { get: (name, otherwise) => (name === "path" ? setting : otherwise) };
const withDefaults = (known) => new Proxy(known, { get: (target, name) => (name in target ? target[name] : anything()) });
const vscode = withDefaults({
  version: "1.90.0",
  EventEmitter,
  env: { appName: "test", language: "en" },
  commands: withDefaults({
    registerCommand: (name, run) => ((commands[name] = run), { dispose() {} }),
    executeCommand: async () => undefined,
  }),
  window: withDefaults({
    createOutputChannel: () => output,
    showErrorMessage: async (message) => void shown.push(message),
  }),
  workspace: withDefaults({
    isTrusted: mode !== "restricted",
    workspaceFolders: undefined,
    textDocuments: [],
    notebookDocuments: [],
    getConfiguration: () => configuration,
  }),
});
const load = Module._load;
Module._load = (name, ...rest) => (name === "vscode" ? vscode : load(name, ...rest));

(async () => {
  const extension = require(path.resolve(directory, require(path.resolve(directory, "package.json")).main));
  await extension.activate({ subscriptions: [] });
  await commands["cordspec.restart"]();
  await extension.deactivate();
  console.log(JSON.stringify({ shown }));
})();
