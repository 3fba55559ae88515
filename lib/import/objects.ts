import { readFileSync } from "node:fs";
import { isMap, isScalar, LineCounter, parseAllDocuments, type Document } from "yaml";
import type { SourcePosition } from "../diagnostics";

/** What one object of a file says, and where: Kubernetes' objects as `kubectl apply` takes them. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  namespace: string;
  name: string;
  annotations: Readonly<Record<string, string>>;
  body: Readonly<Record<string, unknown>>;
  /** Where it begins. */
  source: SourcePosition;
  /** Where an annotation stands. */
  at(annotation: string): SourcePosition;
}

/** What an object asks for. */
export const specOf = ({ body }: KubernetesObject): object => body["spec"] ?? {};

/** What cannot be read at all; the message says the file and why. */
export class UnreadableFile extends Error {}

/** Members that are null are not there, as the API server reads them. */
function withoutNothing(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNothing);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(members.map(([name, member]) => [name, withoutNothing(member)]));
}

function objectIn(
  document: Document,
  lines: LineCounter,
  file: string,
  prefix: (string | number)[],
): KubernetesObject[] {
  const node = document.getIn(prefix, true);
  if (!isMap(node)) return [];
  const body = withoutNothing(node.toJS(document, { maxAliasCount: 10_000 })) as Record<string, unknown>;
  const position = (at: (string | number)[], key?: string): SourcePosition => {
    const found = document.getIn([...prefix, ...at], true);
    const item = isMap(found) ? found.items.find((i) => isScalar(i.key) && i.key.value === key) : undefined;
    const range = item && isScalar(item.key) ? item.key.range : (found as { range?: [number] } | undefined)?.range;
    return range ? { file, line: lines.linePos(range[0]).line } : { file };
  };
  if (body["kind"] === "List")
    return ((body["items"] as unknown[] | undefined) ?? []).flatMap((_, i) =>
      objectIn(document, lines, file, [...prefix, "items", i]),
    );
  const {
    apiVersion,
    kind,
    metadata = {},
  } = body as {
    apiVersion?: unknown;
    kind?: unknown;
    metadata?: { name?: unknown; namespace?: unknown; annotations?: Record<string, unknown> | null };
  };
  if (typeof apiVersion !== "string" || typeof kind !== "string" || typeof metadata.name !== "string")
    throw new UnreadableFile(`${file}:${String(position([]).line ?? 1)}: this is no Kubernetes object.`);
  const annotations = Object.entries(metadata.annotations ?? {}).map(([name, value]) => [name, String(value)]);
  return [
    {
      ...{ apiVersion, kind, name: metadata.name, body },
      namespace: typeof metadata.namespace === "string" ? metadata.namespace : "default",
      annotations: Object.fromEntries(annotations) as Record<string, string>,
      source: position([]),
      at: (annotation) => position(["metadata", "annotations"], annotation),
    },
  ];
}

/** Every object of some files, in order. Throws an {@link UnreadableFile}. */
export function readObjects(files: readonly string[]): KubernetesObject[] {
  return files.flatMap((file) => {
    let text: string;
    try {
      text = readFileSync(file, "utf8");
    } catch (error) {
      throw new UnreadableFile(`${file}: ${(error as Error).message}`);
    }
    if (/\{\{.*\}\}/.test(text))
      throw new UnreadableFile(`${file}: this is a template; render it first, for instance with "helm template".`);
    const lines = new LineCounter();
    const documents = parseAllDocuments(text, { lineCounter: lines, version: "1.2", merge: true });
    return [...documents].flatMap((document) => {
      const [error] = document.errors;
      if (error)
        throw new UnreadableFile(
          `${file}:${String(error.linePos?.[0].line ?? 1)}: ${error.message.split("\n")[0] ?? ""}`,
        );
      return objectIn(document, lines, file, []);
    });
  });
}
