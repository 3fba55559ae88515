import { readdirSync, readFileSync } from "node:fs";
import http, { type ServerResponse } from "node:http";
import path from "node:path";
import type { AddressInfo } from "node:net";

/**
 * The Kubernetes API as istiod needs it when its configuration comes from files: every list is empty but those of
 * namespaces and of the certificates' secrets, watches never say anything. istiod panics without an API server.
 */
const NAMESPACES = ["istio-system", "default", "gateway"].map((name) => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name, uid: name, resourceVersion: "1" },
  spec: {},
  status: { phase: "Active" },
}));

export interface Secret {
  apiVersion: "v1";
  kind: "Secret";
  type: string;
  metadata: { name: string; namespace: string; resourceVersion: string };
  data: Record<string, string>;
}

/** Certificates from the files of a folder. */
export function secretOf(name: string, namespace: string, folder: string): Secret {
  const files = readdirSync(folder).filter((file) => /\.(crt|key)$/.test(file));
  const data = files.map((file) => [file, readFileSync(path.join(folder, file)).toString("base64")]);
  return {
    apiVersion: "v1",
    kind: "Secret",
    type: "Opaque",
    metadata: { name, namespace, resourceVersion: "1" },
    data: Object.fromEntries(data) as Record<string, string>,
  };
}

/** Whoever asks for configuration is the gateway, and may read its certificates. */
const GATEWAY = {
  authenticated: true,
  user: { username: "system:serviceaccount:istio-system:gateway", groups: ["system:serviceaccounts"] },
};

/** Informers of these resources insist on the kind of the list. */
const LIST_KINDS: Readonly<Record<string, string>> = {
  endpointslices: "EndpointSliceList",
  ingresses: "IngressList",
  ingressclasses: "IngressClassList",
  validatingwebhookconfigurations: "ValidatingWebhookConfigurationList",
  mutatingwebhookconfigurations: "MutatingWebhookConfigurationList",
  customresourcedefinitions: "CustomResourceDefinitionList",
  leases: "LeaseList",
  secrets: "SecretList",
};

const RESOURCE = /^\/(?:api\/(v1)|apis\/([^/]+\/[^/]+))(?:\/namespaces\/[^/]+(?=\/))?(?:\/([^/]+))?(?:\/([^/]+))?$/;

function send(response: ServerResponse, status: number, value: object): void {
  const body = JSON.stringify(value);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  response.end(body);
}

const failure = (code: number, reason: string): object => ({
  kind: "Status",
  apiVersion: "v1",
  metadata: {},
  status: "Failure",
  reason,
  code,
});

function answer(url: URL, accept: string, secrets: readonly Secret[], response: ServerResponse): void {
  if (url.pathname === "/version") {
    send(response, 200, { major: "1", minor: "34", gitVersion: "v1.34.0", platform: "linux/amd64" });
    return;
  }
  if (url.pathname === "/api") {
    send(response, 200, { kind: "APIVersions", versions: ["v1"] });
    return;
  }
  if (url.pathname === "/apis") {
    send(response, 200, { kind: "APIGroupList", apiVersion: "v1", groups: [] });
    return;
  }
  const [whole, core, group, resource, name] = RESOURCE.exec(url.pathname) ?? [];
  const known: Readonly<Record<string, readonly { metadata: { name: string } }[]>> = {
    namespaces: NAMESPACES,
    secrets,
  };
  const items = known[resource ?? ""] ?? [];
  if (whole === undefined) {
    send(response, 404, failure(404, "NotFound"));
  } else if (resource === undefined) {
    send(response, 200, { kind: "APIResourceList", apiVersion: "v1", groupVersion: core ?? group, resources: [] });
  } else if (name !== undefined) {
    const found = items.find((item) => item.metadata.name === name);
    send(response, found ? 200 : 404, found ?? failure(404, "NotFound"));
  } else if (url.searchParams.has("watch")) {
    // A refused streaming list makes the client ask for a plain one.
    if (url.searchParams.get("sendInitialEvents") === "true") send(response, 400, failure(400, "BadRequest"));
    else response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
  } else {
    const partial = accept.includes("as=PartialObjectMetadataList");
    const kind = partial ? "PartialObjectMetadataList" : (LIST_KINDS[resource] ?? "List");
    const apiVersion = partial ? "meta.k8s.io/v1" : (core ?? group);
    send(response, 200, { kind, apiVersion, metadata: { resourceVersion: "1" }, items });
  }
}

export async function startKubeStub(secrets: readonly Secret[] = []): Promise<{ port: number; stop(): Promise<void> }> {
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (request.method === "GET") {
        answer(new URL(request.url ?? "/", "http://stub"), request.headers.accept ?? "", secrets, response);
        return;
      }
      const sent = chunks.length > 0 ? (JSON.parse(Buffer.concat(chunks).toString()) as object) : {};
      const status = request.url?.includes("/tokenreviews") ? GATEWAY : { allowed: true };
      send(response, request.method === "POST" ? 201 : 200, { ...sent, status });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}
