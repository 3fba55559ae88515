import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";

/**
 * The page of reasons and the sources say the same. A reason is what stands
 *
 * - in an object literal as `reason`, or in a pair as `["x-gateway-reason", …]`: a literal, or what has the type of some;
 * - in a text as `X-Gateway-Reason: …`;
 * - as an argument of a function that puts one of its own parameters there, with or without a beginning (`jwt-…`).
 *
 * A form that is none of these fails. Not seen is what is put together in another way, such as by an assignment to
 * `refusal.reason`, and what no file of these folders gives.
 */
const ROOT = path.join(__dirname, "..");
const FOLDERS = ["content", "identity", "state", "policy", "policy/kinds", "decision", "filter"].map(
  (room) => `lib/${room}`,
);

const NAMES = FOLDERS.flatMap((folder) =>
  readdirSync(path.join(ROOT, folder))
    .filter((name) => name.endsWith(".ts"))
    .map((name) => path.join(ROOT, folder, name)),
);
/** What types say of our own files is enough: packages are left out, which would take seconds. */
const OPTIONS: ts.CompilerOptions = { noLib: true, types: [], strict: true };
const HOST = ts.createCompilerHost(OPTIONS, true);
HOST.resolveModuleNameLiterals = (literals, from, _redirected, options) =>
  literals.map(({ text }) =>
    text.startsWith(".") ? ts.resolveModuleName(text, from, options, HOST) : { resolvedModule: undefined },
  );
const program = ts.createProgram(NAMES, OPTIONS, HOST);
const checker = program.getTypeChecker();

/** Reasons, each with the statuses that stand beside it. */
class Reasons {
  readonly found = new Map<string, Set<number>>();
  readonly unknown: string[] = [];

  add(reason: string, status: number | undefined): void {
    const statuses = this.found.get(reason) ?? new Set();
    this.found.set(reason, statuses);
    if (status !== undefined) statuses.add(status);
  }
}

/** A function that makes a reason of an argument. */
interface Maker {
  name: string;
  argument: number;
  beginning: string;
  status: number | undefined;
  /** Nobody else can call it; all can where it is absent. */
  onlyIn?: ts.SourceFile;
}

type Given =
  { literals: string[] } | { parameter: ts.ParameterDeclaration; beginning: string } | "passed on" | "unknown";

function each(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => {
    each(child, visit);
  });
}

/** The nearest declaration of that name around a place. */
function declarationOf(name: string, from: ts.Node): ts.Node | undefined {
  for (let scope = from.parent as ts.Node | undefined; scope; scope = scope.parent as ts.Node | undefined) {
    if (!ts.isFunctionLike(scope) && !ts.isBlock(scope) && !ts.isSourceFile(scope) && !ts.isForOfStatement(scope))
      continue;
    let found: ts.Node | undefined;
    each(scope, (node) => {
      const declares = ts.isParameter(node) || ts.isVariableDeclaration(node) || ts.isBindingElement(node);
      if (declares && ts.isIdentifier(node.name) && node.name.text === name) found ??= node;
    });
    if (found) return found;
  }
  return undefined;
}

function given(expression: ts.Expression): Given {
  if (ts.isParenthesizedExpression(expression)) return given(expression.expression);
  if (ts.isStringLiteralLike(expression)) return { literals: [expression.text.replace(/^x-gateway-reason: /i, "")] };
  if (ts.isPropertyAccessExpression(expression)) return "passed on";
  const several = ts.isConditionalExpression(expression)
    ? [expression.whenTrue, expression.whenFalse]
    : ts.isBinaryExpression(expression) && expression.operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken
      ? [expression.left, expression.right]
      : undefined;
  if (several) {
    const all = several.map(given);
    const literals = all.flatMap((g) => (typeof g === "object" && "literals" in g ? g.literals : []));
    return all.every((g) => g === "passed on" || (typeof g === "object" && "literals" in g)) ? { literals } : "unknown";
  }
  if (ts.isTemplateExpression(expression)) {
    const [span, ...others] = expression.templateSpans;
    const inner = span && others.length === 0 && span.literal.text === "" ? given(span.expression) : "unknown";
    return typeof inner === "object" && "parameter" in inner
      ? { ...inner, beginning: expression.head.text }
      : "unknown";
  }
  if (!ts.isIdentifier(expression)) return "unknown";
  const declaration = declarationOf(expression.text, expression);
  if (!declaration) return "unknown";
  if (ts.isParameter(declaration)) return { parameter: declaration, beginning: "" };
  const type = checker.getTypeAtLocation(expression);
  const types = type.isUnion() ? type.types : [type];
  if (types.every((t) => t.isStringLiteral())) return { literals: types.map((t) => t.value) };
  if (ts.isVariableDeclaration(declaration) && declaration.initializer) return given(declaration.initializer);
  return ts.isBindingElement(declaration) && expression.text === "reason" ? "passed on" : "unknown";
}

/** Where reasons stand: the expression, and the status beside it. */
function places(file: ts.SourceFile): { expression: ts.Expression; status: number | undefined }[] {
  const found: { expression: ts.Expression; status: number | undefined }[] = [];
  const statusIn = (object: ts.ObjectLiteralExpression): number | undefined =>
    object.properties
      .filter(
        (p) => ts.isPropertyAssignment(p) && p.name.getText(file) === "status" && ts.isNumericLiteral(p.initializer),
      )
      .map((p) => Number((p as ts.PropertyAssignment).initializer.getText(file)))[0];
  each(file, (node) => {
    if (ts.isObjectLiteralExpression(node)) {
      for (const property of node.properties) {
        if (property.name?.getText(file) !== "reason") continue;
        if (ts.isShorthandPropertyAssignment(property)) {
          found.push({ expression: property.name, status: statusIn(node) });
        } else if (ts.isPropertyAssignment(property)) {
          // The word for a status in the error body, not ours.
          if (property.initializer.getText(file).startsWith("reasonPhrase(")) continue;
          found.push({ expression: property.initializer, status: statusIn(node) });
        }
      }
    }
    const inText = ts.isStringLiteralLike(node) && /^x-gateway-reason: /i.test(node.text);
    if (inText) found.push({ expression: node, status: undefined });
    if (!ts.isArrayLiteralExpression(node)) return;
    const [name, value] = node.elements;
    if (name && value && ts.isStringLiteral(name) && name.text.toLowerCase() === "x-gateway-reason") {
      found.push({ expression: value, status: undefined });
    }
  });
  return found;
}

const ownOf = (
  modifiers: ts.NodeArray<ts.ModifierLike> | undefined,
  file: ts.SourceFile,
): { onlyIn?: ts.SourceFile } =>
  modifiers?.some((m) => m.kind === ts.SyntaxKind.ExportKeyword) ? {} : { onlyIn: file };

function makerOf(parameter: ts.ParameterDeclaration, beginning: string, status: number | undefined): Maker | undefined {
  const made = parameter.parent;
  const argument = made.parameters.indexOf(parameter);
  const file = made.getSourceFile();
  if (ts.isFunctionDeclaration(made) && made.name) {
    return { name: made.name.text, argument, beginning, status, ...ownOf(made.modifiers, file) };
  }
  const variable = made.parent;
  if (!ts.isVariableDeclaration(variable) || !ts.isIdentifier(variable.name)) return undefined;
  const { modifiers } = variable.parent.parent as ts.VariableStatement;
  return { name: variable.name.text, argument, beginning, status, ...ownOf(modifiers, file) };
}

function collect(): Reasons {
  const reasons = new Reasons();
  const files = NAMES.flatMap((name) => program.getSourceFile(name) ?? []);
  const makers: Maker[] = [];
  const take = (expression: ts.Expression, status: number | undefined, beginning = ""): void => {
    const what = given(expression);
    if (what === "passed on") return;
    const maker = typeof what === "object" && "parameter" in what && makerOf(what.parameter, what.beginning, status);
    if (typeof what === "object" && "literals" in what) {
      for (const literal of what.literals) reasons.add(beginning + literal, status);
    } else if (maker && beginning === "") makers.push(maker);
    else reasons.unknown.push(`${path.relative(ROOT, expression.getSourceFile().fileName)}: ${expression.getText()}`);
  };
  for (const file of files) for (const { expression, status } of places(file)) take(expression, status);
  // It grows where a maker's argument is a parameter as well.
  for (const { name, argument, beginning, status, onlyIn } of makers) {
    for (const file of onlyIn ? [onlyIn] : files) {
      each(file, (node) => {
        if (!ts.isCallExpression(node) || node.expression.getText(file) !== name) return;
        const value = node.arguments[argument];
        if (value) take(value, status, beginning);
      });
    }
  }
  return reasons;
}

/** What nginx writes into its own log, by status. */
function ofNginx(): string[] {
  const source = readFileSync(path.join(ROOT, "lib/targets/nginx/errors.ts"), "utf8");
  const [, table = ""] = /const NATIVE_REASONS[^{]*\{([^}]*)\}/.exec(source) ?? [];
  return [...table.matchAll(/\d{3}: "([^"]*)"/g)].map((m) => m[1] ?? "");
}

const { found, unknown } = collect();
const page = readFileSync(path.join(ROOT, "docs/reasons.md"), "utf8");
const rows = new Map([...page.matchAll(/^\| `([^`]+)` +\| ([^|]*) \|/gm)].map((m) => [m[1] ?? "", m[2] ?? ""]));

test("every form in which the sources give a reason is understood", () => {
  expect(unknown).toEqual([]);
  // A collector that finds little says little: one of each form.
  const known = [
    "flood",
    "preflight-unlisted",
    "jwt-expired",
    "store-away",
    "api-key-missing",
    "overload",
    "not-answered",
  ];
  expect(known.filter((reason) => !found.has(reason))).toEqual([]);
});

test("reasons are lower-case words with hyphens", () => {
  expect([...found.keys()].filter((reason) => !/^[a-z]+(-[a-z]+)*$/.test(reason))).toEqual([]);
});

test("the page has every reason, and none that nobody gives", () => {
  expect(ofNginx().length).toBeGreaterThan(10);
  expect([...rows.keys()].sort()).toEqual([...new Set([...found.keys(), ...ofNginx()])].sort());
  expect(page.match(/^\| `/gm)).toHaveLength(rows.size);
});

test("the page says the statuses that stand beside them", () => {
  const wrong = [...found].flatMap(([reason, statuses]) =>
    [...statuses].filter((s) => !rows.get(reason)?.includes(String(s))).map((s) => `${reason}: ${String(s)}`),
  );
  expect(wrong).toEqual([]);
});
