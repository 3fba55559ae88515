import { hasErrors, formatDiagnostic } from "../lib/diagnostics";
import { compileAll } from "../lib/commands/load";
import { modelFiles } from "../lib/commands/models";
import { writeFiles } from "../lib/commands/synth";

/** The cdk8s app named by cdk8s.yaml: it writes the files that `gatewright synth` writes. */
const { compiled, diagnostics } = compileAll(modelFiles([]));
if (hasErrors(diagnostics)) {
  process.stderr.write(`${diagnostics.map(formatDiagnostic).join("\n\n")}\n`);
  process.exitCode = 1;
} else {
  writeFiles(
    ".",
    compiled.flatMap((c) => c.files),
    compiled.map((c) => c.model.name),
  );
}
