/** A request as somebody types it. */
export interface Typed {
  method: string;
  url: string;
  /** A line each, `name: value`. */
  headers: string;
  client: string;
  /** Claims as JSON; nothing: no token. */
  claims: string;
}
