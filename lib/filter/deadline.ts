/** What takes longer than it may. */

/** The work's outcome, or a rejection by what `late` gives; the work itself goes on. */
export function within<T>(ms: number, work: Promise<T>, late: () => Error): Promise<T> {
  // Not a race of promises: this is done for every exchange.
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(late());
    }, ms);
    const settled =
      <V>(then: (value: V) => void) =>
      (value: V): void => {
        clearTimeout(timer);
        then(value);
      };
    work.then(settled(resolve), settled<Error>(reject));
  });
}

/**
 * Work that is broken off after its time. The timer is our own: that of `AbortSignal.timeout` may be collected with a
 * body still to come.
 */
export async function bounded<T>(ms: number, why: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const timer = setTimeout(() => {
    abort.abort(new Error(why));
  }, ms);
  try {
    return await work(abort.signal);
  } finally {
    clearTimeout(timer);
  }
}
