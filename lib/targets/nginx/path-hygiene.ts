import { UNCLEAN_PATH } from "../../policy/path-hygiene";
import type { Enforcer } from "../target";
import { addMap, serverOf, type NginxDraft } from "./draft";
import { regexText } from "./escape";

const [dotSegment, ...others] = UNCLEAN_PATH;

const unclean = (pattern: string): readonly [string, string] => [`"~${pattern.replace(/[\\"]/g, "\\$&")}"`, "1"];

export const pathHygiene: Enforcer<NginxDraft> = {
  supports: ["PathHygiene", "PathHygieneException"],
  stage: "beforeDoor",
  apply(placement, draft) {
    const { except } = placement.config as { except: string[] };
    const server = serverOf(draft, placement);
    const variable = addMap(draft, {
      from: "$gateway_path",
      variable: `gateway_unclean_path_${server.id}`,
      lines: [
        ["default", '""'],
        unclean(dotSegment),
        ...except.map((prefix) => [`"~^${regexText(prefix)}"`, '""'] as const),
        ...others.map(unclean),
      ],
    });
    server.checks.push({ condition: variable, status: 400 });
  },
};
