import {
  FORMS,
  fresh,
  startStand,
  type Answer,
  type AuditLine,
  type Form,
  type Question,
  type Stand,
} from "./door-stand";

/** What the tests of hostile requests share: one stand for each file, and what a refusal is. */

let stand: Stand;
let stop: () => Promise<void> = () => Promise.resolve();
beforeAll(async () => {
  stand = await startStand();
  stop = stand.stop;
});
afterAll(() => stop());

export const ask: Stand["ask"] = (form, question) => stand.ask(form, question);
export const fetches = (): number => stand.fetches();

/** `how` makes the question anew for each form, so that no token is older than its test. */
export type Row = [
  n: number,
  what: string,
  how: (form: Form) => Question | Buffer,
  forms?: readonly Form[] | undefined,
];

async function eventually<T>(look: () => T | undefined): Promise<T | undefined> {
  for (let i = 0; i < 8; i += 1) {
    const found = look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return undefined;
}

const isRefusal = (line: AuditLine): boolean => line.audit === true && (line.status ?? 0) >= 400;

/** Nothing is allowed, and whatever the filter itself has refused stands in its audit. */
async function expectRefused(answer: Answer, from: number): Promise<void> {
  for (const status of answer.statuses) {
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
  }
  expect(answer.header("x-tenant-id")).toEqual([]);
  expect(answer.header("x-user-id")).toEqual([]);
  // Bytes that are no request are refused by the HTTP server: there is nobody to name in an audit.
  if (answer.header("x-gateway-reason").length === 0) return;
  const line = await eventually(() => stand.log.slice(from).find(isRefusal));
  expect(line?.reason ?? "no line in the audit").toBe(answer.header("x-gateway-reason")[0]);
}

export async function expectAlive(form: Form): Promise<void> {
  const { statuses, header } = await stand.ask(form, {});
  expect({ statuses, tenant: header("x-tenant-id"), user: header("x-user-id") }).toEqual({
    statuses: [200],
    tenant: ["t1"],
    user: ["user-1"],
  });
}

/** Every row is refused at both doors, unless it is for one, and a good request is answered behind it. */
export function refused(rows: readonly Row[]): void {
  const cases = rows.flatMap(([n, what, how, forms = FORMS]) =>
    forms.map((form) => ({ name: `${String(n)} ${what} (${form})`, how, form })),
  );
  test.each(cases)("$name", async ({ how, form }) => {
    const from = stand.log.length;
    await expectRefused(await stand.ask(form, how(form)), from);
    await expectAlive(form);
  });
}

export const user = (question: Question): Question => ({ token: fresh(), ...question });
export const nobody = (question: Question): Question => ({ ...question, token: null });
/** What a user without the role may not have. */
export const admin = { target: "/admin/users", route: "admin" };
export const shown = (text: string): string => JSON.stringify(text).slice(1, -1).slice(0, 60);
