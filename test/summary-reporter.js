/* global module, process */
/** Prints one line at the very end, for those who read the end only. */
module.exports = class SummaryReporter {
  onRunComplete(_contexts, results) {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, numRuntimeErrorTestSuites } = results;
    // A file that cannot be run has no tests to count: it is one failure.
    const failed = numFailedTests + numRuntimeErrorTestSuites;
    // After the summary of the default reporter, which goes to stderr.
    process.once("exit", () => {
      process.stdout.write(`${numPassedTests} passed, ${failed} failed, ${numPendingTests + numTodoTests} skipped\n`);
    });
  }
};
