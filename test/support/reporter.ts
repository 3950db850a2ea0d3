import type { Reporter, TestModule } from 'vitest/node';

/** Makes `N passed, N failed, N skipped` the last line of the run, alone on its line, whatever becomes of the run. */
export default class TotalsReporter implements Reporter {
  /** What a run that never came to its end has to show for itself. */
  private totals = { passed: 0, failed: 1, skipped: 0 };

  onInit(): void {
    process.once('exit', (code) => {
      const { passed, skipped } = this.totals;
      const failed = code === 0 ? this.totals.failed : Math.max(1, this.totals.failed); // A set-up may fail by itself.
      process.stdout.write(`\n${passed} passed, ${failed} failed, ${skipped} skipped\n`);
    });
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    this.totals = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) this.count(module);
  }

  /** A file that could not be collected, or a suite whose hooks failed, is one failure more. */
  private count(module: TestModule): void {
    this.totals.failed += module.errors().length;
    for (const suite of module.children.allSuites()) this.totals.failed += suite.errors().length;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'pending') this.totals.skipped += 1;
      else this.totals[state] += 1;
    }
  }
}
