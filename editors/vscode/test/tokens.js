"use strict";
// Tokenises files as VS Code does: prints, as JSON, for every file its tokens as [start, end, scopes], in UTF-16 units.
// usage: node tokens.js FILE...

const fs = require("node:fs");
const path = require("node:path");
const { Registry, INITIAL, parseRawGrammar } = require("vscode-textmate");
const oniguruma = require("vscode-oniguruma");

const GRAMMAR = path.join(__dirname, "..", "syntaxes", "cord.tmLanguage.json");

function tokens(grammar, text) {
  const found = [];
  let state = INITIAL;
  let begin = 0;
  for (const line of text.split("\n")) {
    const done = grammar.tokenizeLine(line, state);
    for (const { startIndex, endIndex, scopes } of done.tokens) {
      found.push([begin + startIndex, begin + Math.min(endIndex, line.length), scopes]);
    }
    state = done.ruleStack;
    begin += line.length + 1;
  }
  return found;
}

(async () => {
  const engine = require.resolve("vscode-oniguruma/release/onig.wasm");
  await oniguruma.loadWASM(fs.readFileSync(engine).buffer);
  const registry = new Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
      createOnigString: (text) => new oniguruma.OnigString(text),
    }),
    loadGrammar: async (scope) =>
      scope === "source.cord" ? parseRawGrammar(fs.readFileSync(GRAMMAR, "utf8"), GRAMMAR) : null,
  });
  const grammar = await registry.loadGrammar("source.cord");
  const files = process.argv.slice(2);
  console.log(JSON.stringify(files.map((file) => tokens(grammar, fs.readFileSync(file, "utf8")))));
})();
