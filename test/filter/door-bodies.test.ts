import { startStand, type Form, type Question, type Stand } from "./door-stand";

/** Bodies that proxies show at the door (`ext-auth-body`): judged there, in the order that holds everywhere. */

const FORMS: readonly Form[] = ["nginx-with-body", "envoy"];

let stand: Stand;
beforeAll(async () => {
  stand = await startStand();
});
afterAll(() => stand.stop());

const question = (body: string, more: Partial<Question> = {}): Question => ({
  ...{ method: "POST", target: "/judged/1", route: "judged", body, lines: ["Content-Type: application/json"] },
  ...more,
});

const reasonOf = async (form: Form, asked: Question): Promise<[number | undefined, string | undefined]> => {
  const { statuses, header } = await stand.ask(form, asked);
  // Handed back where it is admitted, and nowhere else.
  const back = form === "nginx-with-body" && statuses[0] === 200 ? ["@admitted"] : [];
  expect(header("x-accel-redirect")).toEqual(back);
  return [statuses[0], header("x-gateway-reason")[0]];
};

describe.each(FORMS)("at the door of %s", (form) => {
  test.each<[string, Question, number, string | undefined]>([
    ["a body that fits", question('{"a":1}'), 200, undefined],
    ["one that does not", question('{"a":"1"}'), 400, "body-schema"],
    ["one that is no JSON", question("a=1"), 400, "body-schema"],
    ["one of another type", question('{"a":1}', { lines: ["Content-Type: text/plain"] }), 400, "body-schema"],
    ["none, as where Envoy shows none", question(""), 400, "body-schema"],
    ["one that is too large", question(`{"a":1,"b":"${"x".repeat(2000)}"}`), 413, "body-too-large"],
    ["one that does not fit, without a token", question('{"a":"1"}', { token: null }), 401, "jwt-missing"],
    ["one that is too large, without a token", question("x".repeat(5000), { token: null }), 401, "jwt-missing"],
    ["a body where none is judged", question("x".repeat(5000), { target: "/public", route: "public" }), 200, undefined],
    [
      "two lengths that differ",
      question('{"a":1}', { lines: ["Content-Type: application/json", "Content-Length: 3"] }),
      400,
      undefined,
    ],
  ])("%s", async (_, asked, status, reason) => {
    expect(await reasonOf(form, asked)).toEqual([status, reason]);
  });
});

test("a body that stops in the middle is an answer for nobody, and lets nothing pass", async () => {
  const whole = question('{"a":1}');
  const head = Buffer.from(
    [
      "POST /door/envoy/judged/1 HTTP/1.1",
      "Host: api.shop.test",
      "X-Gateway-Client: 203.0.113.7",
      "X-Gateway-Route: judged",
      "Content-Type: application/json",
      "Content-Length: 50",
      "",
      whole.body ?? "",
    ].join("\r\n"),
  );
  const { statuses } = await stand.ask("envoy", head);
  expect(statuses.filter((status) => status < 400)).toEqual([]);
});

test("a token is handed on to Envoy alone, and not while its keys are new", async () => {
  const said = async (form: Form, target: string, route: string): Promise<string[][]> => {
    const { statuses, header } = await stand.ask(form, { target, route });
    expect(statuses).toEqual([200]);
    return [header("x-gateway-token"), header("x-gateway-verified")];
  };
  expect(await said("envoy", "/orders/1", "orders")).toEqual([[], ["once"]]);
  expect(await said("nginx", "/orders/1", "orders")).toEqual([[], []]);
});
