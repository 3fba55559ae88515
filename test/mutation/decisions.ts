import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";
import { KINDS, type KindName } from "../../lib/policy";

/** One condition of a `decide` that holds no more. */
export interface Mutant {
  kind: KindName;
  file: string;
  line: number;
  /** What the condition was. */
  was: string;
  text: string;
}

const FOLDER = path.join(__dirname, "../../lib/policy/kinds");

const isLogical = (node: ts.Node): node is ts.BinaryExpression =>
  ts.isBinaryExpression(node) &&
  [ts.SyntaxKind.AmpersandAmpersandToken, ts.SyntaxKind.BarBarToken].includes(node.operatorToken.kind);

/** Conditions below a node: those of branches, and each side of what is joined by `&&` and `||`. */
function conditions(node: ts.Node): { node: ts.Expression; value: string }[] {
  const found: { node: ts.Expression; value: string }[] = [];
  const visit = (at: ts.Node): void => {
    if (ts.isIfStatement(at)) found.push({ node: at.expression, value: "false" });
    if (isLogical(at)) {
      const neutral = at.operatorToken.kind === ts.SyntaxKind.AmpersandAmpersandToken ? "true" : "false";
      found.push({ node: at.left, value: neutral }, { node: at.right, value: neutral });
    }
    ts.forEachChild(at, visit);
  };
  visit(node);
  return found;
}

function kindOf(object: ts.ObjectLiteralExpression): KindName | undefined {
  for (const property of object.properties) {
    if (!ts.isPropertyAssignment(property) || property.name.getText() !== "kind") continue;
    const { initializer } = property;
    const known = KINDS.find((k) => ts.isStringLiteral(initializer) && k.kind === initializer.text);
    return known?.kind;
  }
  return undefined;
}

/** Every condition of every `decide`, each taken out on its own. */
export function decisionMutants(): Mutant[] {
  const mutants: Mutant[] = [];
  for (const name of readdirSync(FOLDER)
    .filter((f) => f.endsWith(".ts"))
    .sort()) {
    const file = path.join(FOLDER, name);
    const text = readFileSync(file, "utf8");
    const source = ts.createSourceFile(name, text, ts.ScriptTarget.ES2022, true);
    const visit = (node: ts.Node): void => {
      if (
        ts.isMethodDeclaration(node) &&
        node.name.getText() === "decide" &&
        ts.isObjectLiteralExpression(node.parent)
      ) {
        const kind = kindOf(node.parent);
        for (const { node: condition, value } of kind && node.body ? conditions(node.body) : []) {
          const [start, end] = [condition.getStart(), condition.getEnd()];
          mutants.push({
            kind: kind as KindName,
            file,
            line: source.getLineAndCharacterOfPosition(start).line + 1,
            was: text.slice(start, end).replace(/\s+/g, " "),
            text: `${text.slice(0, start)}(${value} as boolean)${text.slice(end)}`,
          });
        }
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return mutants;
}
