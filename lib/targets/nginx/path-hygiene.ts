import { uncleanPathLines } from "../nginx-syntax";
import type { Enforcer } from "../target";
import { addMap, serverOf, type NginxDraft } from "./draft";

export const pathHygiene: Enforcer<NginxDraft> = {
  supports: ["PathHygiene", "PathHygieneException"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    const { except } = placement.config as { except: string[] };
    const server = serverOf(draft, placement);
    const variable = `gateway_unclean_path_${server.id}`;
    const condition = addMap(draft, { from: "$gateway_path", variable, lines: uncleanPathLines(except) });
    server.checks.push({ condition, status: 400 }, { condition: '$request_uri ~ "#"', status: 400 },
      // It would be served as any other target is: http and https are what a gateway speaks for.
      { condition: '$request ~* "^[a-z]+ (?!https?:)[a-z][a-z0-9+.-]*://"', status: 400 },
    );
  },
};
