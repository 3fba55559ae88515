/* global module, process */
/** How many files are named as those where the time goes. */
const SLOWEST = 10;

/** Prints where the time went, and one line at the very end, for those who read the end only. */
module.exports = class SummaryReporter {
  onRunComplete(_contexts, results) {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, numRuntimeErrorTestSuites } = results;
    // A file that cannot be run has no tests to count: it is one failure.
    const failed = numFailedTests + numRuntimeErrorTestSuites;
    const files = results.testResults
      .filter(({ perfStats }) => perfStats.end > 0)
      .map(({ testFilePath, perfStats: { start, end } }) => ({ file: testFilePath, seconds: (end - start) / 1000 }))
      .sort((a, b) => b.seconds - a.seconds);
    const all = files.reduce((sum, { seconds }) => sum + seconds, 0);
    const rows = files
      .slice(0, SLOWEST)
      .map(({ file, seconds }) => `  ${seconds.toFixed(1).padStart(6)} s  ${file.replace(`${process.cwd()}/`, "")}`);
    // After the summary of the default reporter, which goes to stderr.
    process.once("exit", () => {
      if (files.length > SLOWEST)
        process.stdout.write(`The slowest of ${files.length} files (${all.toFixed(0)} s):\n${rows.join("\n")}\n`);
      process.stdout.write(`${numPassedTests} passed, ${failed} failed, ${numPendingTests + numTodoTests} skipped\n`);
    });
  }
};
