#!/usr/bin/env node
import { runCommand } from "../lib/commands";

// Whoever reads the output may have seen enough of it.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit();
  throw error;
});

/** The command line: exit code 0 ok, 1 errors found, 2 wrong use. */
runCommand(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
})
  .then((code) => {
    process.exitCode = code;
  })
  .catch((error: unknown) => {
    process.stderr.write(
      `This is a bug in Gatewright.\n${error instanceof Error ? (error.stack ?? "") : String(error)}\n`,
    );
    process.exitCode = 2;
  });
