import { UNCLEAN_PATH } from "../../policy/path-hygiene";
import type { Enforcer } from "../target";
import { addMap, serverOf, type NginxDraft } from "./draft";
import { regexText } from "./escape";

export const pathHygiene: Enforcer<NginxDraft> = {
  supports: ["PathHygiene", "PathHygieneException"],
  stage: "beforeDoor",
  apply(placement, draft) {
    const { except } = placement.config as { except: string[] };
    const server = serverOf(draft, placement);
    const unclean = addMap(draft, {
      from: "$gateway_path",
      variable: `gateway_unclean_path_${server.id}`,
      lines: [
        ["default", '""'],
        ...except.map((prefix) => [`"~^${regexText(prefix)}"`, '""'] as const),
        ...UNCLEAN_PATH.map((pattern) => [`"~${pattern.replace(/[\\"]/g, "\\$&")}"`, "1"] as const),
      ],
    });
    server.checks.push({ condition: unclean, status: 400 });
  },
};
