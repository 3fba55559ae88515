/** What Envoy is told the same, whoever configures it. */

/** Offers other than WebSocket are passed over (RFC 9110 section 7.8): any word but that one, which has no shorter spelling. RE2 knows no negation. */
export const OTHER_UPGRADES = `(?i)(${Array.from("websocket")
  .flatMap((letter, i) => [`${"websocket".slice(0, i)}[^${letter}].*`, ...(i > 0 ? ["websocket".slice(0, i)] : [])])
  .join("|")}|websocket.+)`;

/** Above what is refused, so that it is we who answer: of a head in KiB, and of its lines. */
export const MOST_HEAD_KIB = 96;
export const MOST_HEADERS = 1000;
