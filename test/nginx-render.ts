import { formatDiagnostic } from "../lib/diagnostics";
import type { GatewayModel } from "../lib/model";
import { compile } from "../lib/targets";
import { placedModel } from "../lib/conformance/system";

/** The nginx.conf of a model whose parts are on this machine. */
export function renderNginx(model: GatewayModel, environment: string, certificates = "/certificates"): string {
  const services = new Map(Object.keys(model.services).map((name, i) => [name, 20_001 + i]));
  const at = {
    services,
    keyServer: 20_000,
    filter: 20_090,
    through: 20_091,
    redis: "redis://127.0.0.1:6379",
    http: 20_080,
    https: 20_443,
    certificates,
  };
  const placed: GatewayModel = { ...placedModel(model, at), targets: ["nginx"], accept: [] };
  const { value, diagnostics } = compile(placed, environment);
  if (!value) throw new Error(diagnostics.map(formatDiagnostic).join("\n"));
  return value.files.find((f) => f.path.endsWith("nginx.conf"))?.content ?? "";
}
