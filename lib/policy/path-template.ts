/** Paths of a model with variables: `/groups/{id}/draw`, each standing for one segment that is not empty. */

const VARIABLE = /^\{([A-Za-z][A-Za-z0-9_]*)\}$/;

interface Segment {
  text: string;
  /** Its name, where it stands for any segment. */
  variable?: string;
}

const known = new Map<string, readonly Segment[]>();

/** The segments of a path in a model. */
export function segmentsOf(path: string): readonly Segment[] {
  let segments = known.get(path);
  if (!segments) {
    segments = path
      .split("/")
      .slice(1)
      .map((text) => {
        const variable = VARIABLE.exec(text)?.[1];
        return { text, ...(variable !== undefined && { variable }) };
      });
    known.set(path, segments);
  }
  return segments;
}

/** What the variables of a template stand for in a raw path; nothing where it does not fit. */
export function variablesIn(template: string, path: string): ReadonlyMap<string, string> | undefined {
  const wanted = segmentsOf(template);
  const said = path.split("/").slice(1);
  if (said.length !== wanted.length) return undefined;
  const found = new Map<string, string>();
  for (const [i, { text, variable }] of wanted.entries()) {
    const own = said[i] as string;
    if (variable === undefined ? own !== text : own === "") return undefined;
    if (variable !== undefined) found.set(variable, own);
  }
  return found;
}
