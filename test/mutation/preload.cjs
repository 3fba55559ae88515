// Gives one file's text in a changed form to whoever reads it: the mutant of this process.
const fs = require("node:fs");

const { file, text } = JSON.parse(process.env.GATEWRIGHT_MUTANT);
const read = fs.readFileSync;
fs.readFileSync = (path, options) => {
  if (String(path) !== file) return read(path, options);
  return options === undefined ? Buffer.from(text) : text;
};
