import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { trustOf } from "../../lib/conformance/certificates";
import { readIdentities } from "../../lib/conformance/identity-file";
import { tokenVariable } from "../../lib/conformance/live";
import { freePorts, portOpen, startPart, until } from "../../lib/conformance/parts/process";
import { wheels } from "../../lib/conformance/parts/wheels";
import { STANDS } from "../../lib/conformance/stands";
import { RealStand } from "../../lib/conformance/stands/real-stand";
import { runCommand } from "../../lib/commands";
import { loadModel } from "../../lib/model";
import { Tally } from "../tally";

/** `gatewright verify` against a live nginx, as it should be and with a fault planted: each must be found. */

const MODEL = path.join(__dirname, "model.yaml");
const CASES = path.join(__dirname, "cases");

type Fault = (conf: string) => string;

const without =
  (directive: RegExp): Fault =>
  (conf) =>
    conf.replace(new RegExp(`^ *${directive.source}.*;\\n`, "gm"), "");
const instead =
  (from: string | RegExp, to: string): Fault =>
  (conf) =>
    conf.replaceAll(typeof from === "string" ? from : new RegExp(from.source, "g"), to);
/** In the location of one route, or of what the gateway answers itself. */
const within =
  (location: string, fault: Fault): Fault =>
  (conf) =>
    conf.replaceAll(new RegExp(`location = /\\.gateway/${location} \\{\\n(?:(?! {8}\\}).*\\n)*`, "g"), fault);
const open = instead("internal;\n", "internal;\n            auth_request off;\n");

/** What somebody has done by hand, and what it makes of the configuration. */
const FAULTS: Readonly<Record<string, Fault>> = {
  "orders are open": within("routes/orders", open),
  "administration is open": within("routes/admin", open),
  "what is limited is open": within("routes/limited", open),
  "answers lack the origin": within("routes/version", without(/add_header Access-Control-Allow-Origin/)),
  "refusals lack the origin": within("error", without(/add_header Access-Control-Allow-Origin/)),
  "every origin may read": instead(/(map \$http_origin \$gateway_cors_origin\w+ \{\n\s*default) ""/, "$1 $http_origin"),
  "no credentials": without(/add_header Access-Control-Allow-Credentials/),
  "no Vary": without(/add_header Vary/),
  "no exposed headers": without(/add_header Access-Control-Expose-Headers/),
  "fewer methods in a preflight": instead('"GET, HEAD, POST, PUT, PATCH, DELETE"', '"GET"'),
  "fewer headers in a preflight": instead('"authorization, content-type"', '"content-type"'),
  "a shorter preflight": instead('"~^204:1:." "600"', '"~^204:1:." "60"'),
  "no HSTS": without(/add_header strict-transport-security/),
  "a shorter HSTS": instead("max-age=31536000", "max-age=3600"),
  "no nosniff": without(/add_header x-content-type-options/),
  "no Referrer-Policy": without(/add_header referrer-policy/),
  "no header of its own": without(/add_header x-release/),
  "another value in it": instead(/("route:\w+") "7"/, '$1 "8"'),
  "another constant": instead('version\\":7', 'version\\":8'),
  "another status of a redirect": instead(/return 308/, "return 302"),
  "another place of a redirect": instead("/orders$gateway_query", "/order$gateway_query"),
  "strange methods pass": (conf) => conf.replace(/^ *if \(\$request_method !~.*\n/gm, ""),
  "no Allow": without(/add_header Allow/),
  "unclean paths pass": (conf) => conf.replace(/^ *if \(\$gateway_unclean_path.*\n/gm, ""),
  "hosts that are not named are served": instead(
    /location \/ \{\n\s*return 404;/,
    "location / {\n            return 200;",
  ),
  "an address list is open": instead(/(geo \$gateway_client \$gateway_allowed\w+ \{\n\s*default) ""/, "$1 1"),
  "bodies of any size": within("routes/small", instead(/client_max_body_size \d+;/, "client_max_body_size 0;")),
  "errors of another form": instead('\\"message\\":', '\\"text\\":'),
  "errors as plain text": instead("default_type application/json;", "default_type text/plain;"),
  "no Retry-After": without(/add_header Retry-After/),
  "handshakes pass": (conf) => conf.replace(/^ *if \(\$gateway_upgrade\) .*\n/gm, ""),
  "another request id": instead("default $http_x_request_id;", "default $request_id;"),
  "another service": within("routes/orders", instead(/proxy_pass http:\/\/orders/, "proxy_pass http://files")),
  "another method is taken": instead('"^(GET)$"', '"^(GET|POST)$"'),
};

async function main(): Promise<number> {
  const tally = new Tally();
  const { value: model } = loadModel(MODEL);
  const programs = await wheels();
  const identities = readIdentities(path.join(CASES, "identities.yaml"))["shop"];
  if (!model || !identities) throw new Error("there is no model");
  const system = { name: "shop", model, identities, trust: trustOf(model) };
  const stand = await STANDS["nginx"]?.({ system, environment: "production", replicas: 1 });
  if (!programs || !(stand instanceof RealStand)) {
    tally.skip(Object.keys(FAULTS).length, "nginx cannot be had");
    return tally.end();
  }
  const { around, instances } = stand;
  const [{ http, https }] = instances as [{ http: number; https: number }];
  const conf = readFileSync(path.join(around.directory, "nginx-0/nginx.conf"), "utf8");
  for (const name of Object.keys(identities.identities))
    process.env[tokenVariable(name)] = stand.identities.token(name);

  /** The exit code of `verify` against an nginx with that configuration, and what it said. */
  const verify = async (name: string, text: string, ...more: string[]): Promise<{ code: number; out: string }> => {
    const [ownHttp = 0, ownHttps = 0] = await freePorts(2);
    const prefix = around.makeDirectory(`fault-${String(ownHttps)}`);
    around.makeDirectory(`fault-${String(ownHttps)}/logs`);
    const file = path.join(prefix, "nginx.conf");
    writeFileSync(file, text.replaceAll(String(https), String(ownHttps)).replaceAll(String(http), String(ownHttp)));
    const args = ["-p", prefix, "-c", file, "-g", "daemon off; pid nginx.pid;"];
    const part = startPart(programs.nginx, args, { logFile: around.logFile(`${path.basename(prefix)}.log`) });
    try {
      await until(`nginx, ${name},`, () => portOpen(ownHttps), part);
      await around.valkey.flush();
      let out = "";
      const url = `https://127.0.0.1:${String(ownHttps)}`;
      const options = ["--cases", CASES, "--insecure", "--all", "--rate", "1000", ...more];
      const code = await runCommand(["verify", url, MODEL, ...options], {
        out: (said) => (out += said),
        err: (said) => (out += said),
      });
      return { code, out };
    } finally {
      await part.stop();
    }
  };
  try {
    const right = await verify("as it should be", conf);
    tally.note("nothing is found where nothing is wrong", right.code === 0 ? [] : [right.out]);
    const against = ["--against", `https://127.0.0.1:${String(https)}`, "--name", "origin"];
    const same = await verify("beside itself", conf, ...against);
    tally.note("two that are alike are told alike", same.code === 0 ? [] : [same.out]);
    const other = await verify("beside another", FAULTS["no Vary"]?.(conf) ?? "", ...against);
    const told = other.code === 1 && other.out.includes("vary: absent, against Origin");
    tally.note("two that differ are told apart", told ? [] : [other.out]);
    for (const [name, fault] of Object.entries(FAULTS)) {
      const faulty = fault(conf);
      if (faulty === conf) tally.note(name, ["the fault is not in the configuration"]);
      else tally.note(name, (await verify(name, faulty)).code === 1 ? [] : ["it was not found"]);
    }
  } finally {
    await stand.stop();
  }
  return tally.end();
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(2);
  },
);
