import { segmentsOf } from "../policy/path-template";
import type { PathMatch } from "./route-match";

interface Node<T> {
  literals: Map<string, Node<T>>;
  variable?: Node<T>;
  ends: { type: PathMatch["type"]; item: T }[];
}

const segments = ({ value }: PathMatch): ReturnType<typeof segmentsOf> => (value === "/" ? [] : segmentsOf(value));

/** Paths of a model by their segments, to ask which of them may share a request with another one. */
export class PathTree<T> {
  readonly #root: Node<T> = { literals: new Map(), ends: [] };

  add(path: PathMatch, item: T): void {
    let node = this.#root;
    for (const { text, variable } of segments(path)) {
      let next = variable === undefined ? node.literals.get(text) : node.variable;
      if (!next) {
        next = { literals: new Map(), ends: [] };
        if (variable === undefined) node.literals.set(text, next);
        else node.variable = next;
      }
      node = next;
    }
    node.ends.push({ type: path.type, item });
  }

  /** Those that some request would fit as well as this path. */
  sharing(path: PathMatch): T[] {
    const found: T[] = [];
    this.someSharing(path, (item) => {
      found.push(item);
      return false;
    });
    return found;
  }

  /** Whether one of those that some request would fit as well as this path is as wanted. */
  someSharing(path: PathMatch, wanted: (item: T) => boolean): boolean {
    const own = segments(path);
    const below = (node: Node<T>): boolean =>
      node.ends.some(({ item }) => wanted(item)) ||
      (node.variable !== undefined && below(node.variable)) ||
      [...node.literals.values()].some(below);
    const from = (node: Node<T>, at: number): boolean => {
      const segment = own[at];
      if (!segment) return path.type === "PathPrefix" ? below(node) : node.ends.some(({ item }) => wanted(item));
      if (node.ends.some(({ type, item }) => type === "PathPrefix" && wanted(item))) return true;
      if (node.variable && from(node.variable, at + 1)) return true;
      if (segment.variable !== undefined) return [...node.literals.values()].some((next) => from(next, at + 1));
      const next = node.literals.get(segment.text);
      return next !== undefined && from(next, at + 1);
    };
    return from(this.#root, 0);
  }
}
