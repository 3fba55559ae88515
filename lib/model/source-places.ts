import { readFileSync } from "node:fs";
import path from "node:path";
import type ts from "typescript";

/** Where in a module a part of the model is written that it exports: its program is read, as far as names lead to literals. */

/** Line and column, from 1. */
interface Place {
  line: number;
  column: number;
}

type Compiler = typeof ts;

/** The compiler of whoever has models in TypeScript: without one, no line is told. */
function compilerNear(file: string): Compiler | undefined {
  try {
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    return require(require.resolve("typescript", { paths: [path.dirname(file), __dirname] })) as Compiler;
  } catch {
    return undefined;
  }
}

/** How many names are followed: a module may go in a circle. */
const MOST_STEPS = 64;

class Module {
  readonly #constants = new Map<string, ts.Expression>();
  #exported: ts.Expression | undefined;
  #steps = 0;

  constructor(
    private readonly compiler: Compiler,
    private readonly source: ts.SourceFile,
  ) {
    for (const statement of source.statements) this.#note(statement);
  }

  #note(statement: ts.Statement): void {
    const { compiler } = this;
    if (compiler.isExportAssignment(statement)) this.#exported = statement.expression;
    if (!compiler.isVariableStatement(statement)) return;
    for (const { name, initializer } of statement.declarationList.declarations)
      if (compiler.isIdentifier(name) && initializer) this.#constants.set(name.text, initializer);
  }

  /** The literal that an expression comes to; nothing where only running it would say. */
  #literal(expression: ts.Expression | undefined): ts.Expression | undefined {
    const { compiler } = this;
    this.#steps += 1;
    if (!expression || this.#steps > MOST_STEPS) return undefined;
    if (
      compiler.isAsExpression(expression) ||
      compiler.isSatisfiesExpression(expression) ||
      compiler.isParenthesizedExpression(expression)
    )
      return this.#literal(expression.expression);
    if (compiler.isIdentifier(expression)) return this.#literal(this.#constants.get(expression.text));
    if (compiler.isArrowFunction(expression) && !compiler.isBlock(expression.body))
      return this.#literal(expression.body);
    if (compiler.isCallExpression(expression)) {
      // `defineGateway({ … })` is its argument, and a function of the module what it gives.
      const own = compiler.isIdentifier(expression.expression) && this.#constants.has(expression.expression.text);
      return this.#literal(own ? expression.expression : expression.arguments[0]);
    }
    return expression;
  }

  /** The member of that name, the last one first, as they overwrite each other. */
  #member(object: ts.Expression | undefined, name: string): ts.Expression | undefined {
    const { compiler } = this;
    const literal = this.#literal(object);
    if (!literal || !compiler.isObjectLiteralExpression(literal)) return undefined;
    for (const property of [...literal.properties].reverse()) {
      if (compiler.isSpreadAssignment(property)) {
        const found = this.#member(property.expression, name);
        if (found) return found;
      } else if (this.#nameOf(property.name) === name) {
        if (compiler.isPropertyAssignment(property)) return property.initializer;
        if (compiler.isShorthandPropertyAssignment(property)) return property.name;
      }
    }
    return undefined;
  }

  #nameOf(name: ts.PropertyName): string | undefined {
    const { compiler } = this;
    return compiler.isIdentifier(name) || compiler.isStringLiteralLike(name) ? name.text : undefined;
  }

  /** All items, of lists within the list too. */
  #items(list: ts.Expression | undefined): ts.Expression[] {
    const { compiler } = this;
    const literal = this.#literal(list);
    if (!literal || !compiler.isArrayLiteralExpression(literal)) return [];
    return literal.elements.flatMap((item) => (compiler.isSpreadElement(item) ? this.#items(item.expression) : [item]));
  }

  /** An item that has a name is known by it, others by their number where nothing stands between. */
  #item(list: ts.Expression | undefined, at: number, value: unknown): ts.Expression | undefined {
    const { compiler } = this;
    const name = (value as { name?: unknown } | undefined)?.name;
    const literal = this.#literal(list);
    if (typeof name !== "string") {
      const isPlain =
        literal && compiler.isArrayLiteralExpression(literal) && !literal.elements.some(compiler.isSpreadElement);
      return isPlain ? literal.elements[at] : undefined;
    }
    return this.#items(list).find((item) => {
      this.#steps = 0;
      const said = this.#member(item, "name");
      return said && compiler.isStringLiteralLike(said) && said.text === name;
    });
  }

  /** The deepest part of an address that the program says in so many words. */
  find(address: readonly PropertyKey[], value: unknown, atKey: boolean): Place | undefined {
    let [found, seen]: [ts.Expression | undefined, unknown] = [this.#exported, value];
    for (const key of address) {
      this.#steps = 0;
      seen = (seen as Record<PropertyKey, unknown> | undefined)?.[key];
      const next = typeof key === "number" ? this.#item(found, key, seen) : this.#member(found, String(key));
      if (!next) break;
      found = next;
    }
    if (!found) return undefined;
    const shown = atKey && this.compiler.isPropertyAssignment(found.parent) ? found.parent : found;
    const { line, character } = this.source.getLineAndCharacterOfPosition(shown.getStart(this.source));
    return { line: line + 1, column: character + 1 };
  }
}

/** Finds places in a module that exports `value`. What is found is looked for when somebody asks: it takes a compiler. */
export function placesIn(
  file: string,
  value: unknown,
): (address: readonly PropertyKey[], key?: string) => Partial<Place> {
  let read: { module: Module | undefined } | undefined;
  const moduleOf = (): Module | undefined => {
    const compiler = compilerNear(file);
    if (!compiler) return undefined;
    const source = compiler.createSourceFile(file, readFileSync(file, "utf8"), compiler.ScriptTarget.Latest, true);
    return new Module(compiler, source);
  };
  return (address, key) => {
    let found: { place: Place | undefined } | undefined;
    const place = (): Place | undefined => {
      read ??= { module: moduleOf() };
      found ??= { place: read.module?.find(key === undefined ? address : [...address, key], value, key !== undefined) };
      return found.place;
    };
    const lazily = (part: keyof Place): PropertyDescriptor => ({ enumerable: true, get: () => place()?.[part] });
    return Object.defineProperties({}, { line: lazily("line"), column: lazily("column") });
  };
}
