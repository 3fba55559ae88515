import type { OPTIONS } from "./context";

/** What each command is for and takes: the one place for `--help`, for completion, and for what is refused. */

export type OptionName = keyof typeof OPTIONS;

export interface Usage {
  summary: string;
  /** What stands behind its name. */
  args?: string;
  /** What each option says, with its value's name in front where it has one. */
  options?: Readonly<Partial<Record<OptionName, readonly [what: string, value?: string]>>>;
  examples?: readonly string[];
}

const MODELS = "[MODEL…]";

const json = ["the result as JSON"] as const;
const system = ["this system only", "NAME"] as const;
const environment = ["this environment; production by default", "NAME"] as const;
const identities = ["who calls; identities.yaml beside the cases by default", "FILE"] as const;
const cases = ["the folder of the cases; cases by default", "DIR"] as const;
const chosenCases = ["cases with this in their name, or of the file that is called so", "TEXT"] as const;
const junit = ["the results as JUnit's XML as well, for CI", "FILE"] as const;

export const USAGES = {
  init: {
    summary: "writes a model, its cases and what runs them, where there is none yet",
    options: {
      name: ["of the system", "NAME"],
      host: ["its host", "NAME"],
      issuer: ["of its tokens; none: nobody signs in", "URL"],
      target: ["where it runs; several times for several", "NAME"],
      yes: ["asks nothing: what is not said is as it is by default"],
      out: ["where to; this folder by default", "DIR"],
      json,
    },
    examples: ["gatewright init --yes --name shop --host api.shop.example --target nginx"],
  },
  import: {
    summary: "writes a model from Ingresses (ingress-nginx), Gateway API or OpenAPI, and says what is not taken",
    args: "FILE…",
    options: {
      name: ["of the system; imported by default", "NAME"],
      target: ["that the model is for; nginx by default, several times for several", "NAME"],
      out: ["the model's file; policies/NAME.yaml by default", "FILE"],
      cases: ["writes a first case for each route into this folder, as NAME.yaml", "DIR"],
      accept: ["leaves out what has this name in the report; several times for several", "NAME"],
      class: ["of Ingresses; nginx by default, others are left alone", "NAME"],
      service: ["of OpenAPI: where it is served", "HOST:PORT"],
      host: ["of OpenAPI: its host, where the document names none", "NAME"],
      issuer: ["of OpenAPI: who signs its tokens", "URL"],
      json,
    },
    examples: [
      "kubectl get ingress -A -o yaml > ingresses.yaml",
      "gatewright import ingresses.yaml --name shop --cases cases",
    ],
  },
  check: {
    summary: "checks models: every fault of form, then every fault of meaning",
    args: MODELS,
    options: { json },
  },
  plan: {
    summary: "shows where each promise is kept: the enforcement matrix",
    args: MODELS,
    options: { system, environment, costs: ["what a request on each route costs beside the proxy itself"], json },
  },
  synth: {
    summary: "writes the output of all models and targets",
    args: MODELS,
    options: { system, out: ["where to; this folder by default", "DIR"], json },
  },
  explain: {
    summary: "says what happens to a request",
    args: `"METHOD https://host/path [with token NAME]" ${MODELS}`,
    options: {
      environment,
      header: ["a header of the request; several times for several", '"name: value"'],
      client: ["the client's address", "ADDRESS"],
      claims: ["the token's claims", "JSON"],
      issuer: ["who signs it", "NAME"],
      identities,
      json,
    },
    examples: ['gatewright explain "GET https://api.shop.example/orders with token customer"'],
  },
  access: { summary: "says who may use what", args: MODELS, options: { json } },
  diff: {
    summary: "says what has changed of that since a revision",
    args: `REVISION ${MODELS}`,
    options: { json },
    examples: ["gatewright diff main"],
  },
  page: {
    summary: "writes one file for a browser: routes, who may, where each promise is kept, and a request to try",
    args: MODELS,
    options: {
      system,
      environment: ["this environment only", "NAME"],
      out: ["the file; gatewright.html by default", "FILE"],
      diff: ["begins with what has changed since a commit, branch or tag", "REVISION"],
      cases: ["the folder whose identities can be chosen; cases by default", "DIR"],
      identities,
      json,
    },
  },
  cost: {
    summary: "prints the cost report: what the synthesized infrastructure costs in a month",
    args: MODELS,
    options: { diff: ["what has changed since a commit, branch or tag, as Markdown", "REVISION"], json },
  },
  test: {
    summary: "runs your cases on your models: by decide, the Node gateway, and a real nginx",
    args: MODELS,
    options: {
      cases,
      identities,
      target: ["on this target only; several times for several", "NAME"],
      name: chosenCases,
      junit,
      watch: ["again whenever a model or a case is written"],
      json,
    },
  },
  verify: {
    summary: "asks your cases of a gateway that runs somewhere",
    args: `URL ${MODELS}`,
    options: {
      cases,
      identities,
      name: chosenCases,
      against: ["compares with what answers there", "URL"],
      ignore: ["a header that may differ there; several times for several", "NAME"],
      rate: ["requests a second; 10 by default, 1000 at most", "N"],
      insecure: ["takes any certificate"],
      all: ["unsafe methods and many requests as well"],
      junit,
      json,
    },
    examples: ["TOKEN_CUSTOMER=… gatewright verify https://gateway.example"],
  },
  try: {
    summary: "a real gateway for one of your models here, with services that echo and tokens by name",
    args: MODELS,
    options: {
      system,
      environment,
      target: ["nginx, node-gateway; the model's first of them by default", "NAME"],
      cases: ["the folder whose identities are known; cases by default", "DIR"],
      identities,
    },
  },
  rollout: {
    summary: "moves a service's requests to another one, step by step while its gate holds, and back",
    args: `[status | next NAME | back NAME] ${MODELS}`,
    options: {
      environment,
      prometheus: ["which knows whether the gate holds; PROMETHEUS_URL, with PROMETHEUS_TOKEN for a bearer", "URL"],
      selector: ["labels that tell this gateway's series from others'", "'name=\"value\"'"],
      force: ["next: whatever the gate says"],
      all: ["back: to 0 at once"],
      out: ["where the output goes; this folder by default", "DIR"],
      json,
    },
    examples: ["gatewright rollout next iam-v2 --prometheus http://127.0.0.1:9090"],
  },
  serve: {
    summary: "is the gateway of one model itself: no proxy, one process",
    args: "[MODEL]",
    options: {
      system,
      environment,
      host: ["address of all ports", "ADDRESS"],
      http: ["port for plain text", "PORT"],
      https: ["port for TLS", "PORT"],
      admin: ["port for metrics and health", "PORT"],
      redis: ["the shared store; without one it counts for itself", "URL"],
      certificate: ["PEM; by default of the model's folder", "FILE"],
      key: ["PEM", "FILE"],
      plain: ["the https port speaks plain text: TLS ends in front of it"],
      service: ["a service's address in place of the model's; several times for several", "NAME=HOST:PORT"],
    },
  },
  schema: {
    summary: "prints the JSON Schema of a model, for editors",
    options: { write: ["writes it beside the models, as policies/gatewright.schema.json"] },
  },
  completion: {
    summary: "prints what makes a shell complete commands and options",
    args: "bash|zsh|fish",
    examples: ["source <(gatewright completion bash)"],
  },
  help: {
    summary: "says more of a command or of a diagnostic",
    args: "[COMMAND|CODE]",
    examples: ["gatewright help plan/unenforceable-policy"],
  },
} as const satisfies Readonly<Record<string, Usage>>;

export type CommandName = keyof typeof USAGES;

export const isCommand = (name: string): name is CommandName => Object.hasOwn(USAGES, name);

/** Options of a command, by name. */
export const optionsOf = (name: CommandName): NonNullable<Usage["options"]> => (USAGES[name] as Usage).options ?? {};

const rows = (all: readonly (readonly [string, string])[]): string => {
  const width = Math.max(0, ...all.map(([left]) => left.length));
  return all.map(([left, right]) => `  ${left.padEnd(width)}  ${right}\n`).join("");
};

const EXIT = "Exit: 0 ok, 1 errors found, 2 wrong use. With any error nothing is written.\n";

/** `gatewright --help`. */
export function commandList(): string {
  const commands = Object.entries(USAGES).map(([name, { summary }]) => [name, summary] as const);
  const more = [
    ["MODEL", "a .ts, .yaml or .json file, or the name of one in policies/; all of policies/ by default"],
    ["COMMAND --help", "what a command takes"],
    ["--version", "of Gatewright"],
  ] as const;
  return `gatewright COMMAND [MODEL…] [options]\n\n${rows(commands)}\n${rows(more)}\n${EXIT}`;
}

/** `gatewright COMMAND --help`. */
export function usageOf(name: CommandName): string {
  const { summary, args, options, examples }: Usage = USAGES[name];
  const all = Object.entries(options ?? {}).map(
    ([option, [what, value]]) => [`--${option}${value === undefined ? "" : ` ${value}`}`, what] as const,
  );
  return [
    `gatewright ${[name, args, all.length > 0 ? "[options]" : ""].filter(Boolean).join(" ")}\n\n  ${summary}\n`,
    ...(all.length > 0 ? [`\n${rows(all)}`] : []),
    ...(examples ? [`\n${examples.map((line) => `  $ ${line}\n`).join("")}`] : []),
  ].join("");
}
