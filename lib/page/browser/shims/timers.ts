/** Timers as Node has them, which may be told to keep nobody waiting; a page waits for none. */

interface Timer {
  id: number;
  unref(): Timer;
}

type Plain = (then: () => void, ms?: number) => number;

const made =
  (plain: Plain) =>
  (then: () => void, ms?: number): Timer => {
    const timer: Timer = { id: plain(then, ms), unref: () => timer };
    return timer;
  };

export const setTimeout = made((then, ms) => globalThis.setTimeout(then, ms) as unknown as number);
export const setInterval = made((then, ms) => globalThis.setInterval(then, ms) as unknown as number);
export const clearTimeout = (timer?: Timer): void => {
  globalThis.clearTimeout(timer?.id);
};
export const clearInterval = (timer?: Timer): void => {
  globalThis.clearInterval(timer?.id);
};
