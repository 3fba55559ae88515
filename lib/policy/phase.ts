/**
 * What a request goes through, in order. The numbers are those of docs/architecture.md; a kind states its phase in its
 * own file, and every place that runs kinds sorts by it.
 */
export const PHASES = {
  listener: 1,
  requestLine: 2,
  path: 3,
  route: 4,
  headers: 5,
  cors: 6,
  declaredBody: 7,
  address: 8,
  credentials: 9,
  identity: 10,
  tenant: 11,
  authorization: 12,
  limits: 13,
  body: 14,
  upstream: 15,
  response: 16,
} as const;

export type Phase = keyof typeof PHASES;

const between = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** The only promises of order: a refusal of the first phase is never hidden by one of the others. */
const BEFORE: readonly (readonly [number, readonly number[]])[] = [
  [1, between(3, 16)],
  [3, between(4, 16)],
  [4, between(9, 13)],
  [6, between(8, 14)],
  [7, between(9, 13)],
  [9, [13, 15]],
  [10, [13, 15]],
  [11, [13, 15]],
  [12, [13, 15]],
  [13, [15]],
];

/** True when a refusal in `first` must win over one in `second`. */
export function precedes(first: Phase, second: Phase): boolean {
  return BEFORE.some(([from, to]) => from === PHASES[first] && to.includes(PHASES[second]));
}
