"use strict";

const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

/** The client that runs, if any. */
let client;

/** Starts and stops happen one after the other, however fast the settings change. */
let work = Promise.resolve();

function activate(context) {
  const output = vscode.window.createOutputChannel("cordspec");
  const restart = () => {
    work = work.then(stop).then(() => start(output));
    return work;
  };
  context.subscriptions.push(
    output,
    vscode.commands.registerCommand("cordspec.restart", restart),
    vscode.workspace.onDidGrantWorkspaceTrust(restart),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("cordspec.path")) {
        restart();
      }
    }),
  );
  return restart();
}

function deactivate() {
  work = work.then(stop);
  return work;
}

/** A workspace's settings choose the program, so none is started before the user trusts the workspace. */
async function start(output) {
  if (!vscode.workspace.isTrusted) {
    return;
  }
  const command = program();
  const starting = new LanguageClient(
    "cordspec",
    "cordspec",
    { command, args: ["lsp"] }, // no named transport: it means stdio, without an argument `--stdio`
    {
      documentSelector: [
        { language: "cord", scheme: "file" },
        { language: "cord", scheme: "untitled" },
      ],
      outputChannel: output,
    },
  );
  try {
    await starting.start();
    client = starting;
  } catch {
    tellHowToInstall(command);
  }
}

async function stop() {
  const running = client;
  client = undefined;
  try {
    await running?.dispose();
  } catch {
    // it had ended by itself
  }
}

/** The program that the settings name. */
function program() {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? "";
  const path = vscode.workspace.getConfiguration("cordspec").get("path") || "cordspec";
  return path.replaceAll("${workspaceFolder}", folder);
}

async function tellHowToInstall(command) {
  const settings = "Open settings";
  const message = `\`${command} lsp\` does not start. Install cordspec (pip install cordspec), or name it in cordspec.path.`;
  if ((await vscode.window.showErrorMessage(message, settings)) === settings) {
    await vscode.commands.executeCommand("workbench.action.openSettings", "cordspec.path");
  }
}

module.exports = { activate, deactivate };
