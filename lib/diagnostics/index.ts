export { CATALOGUE, type DiagnosticCode } from "./catalogue";
export * from "./diagnostic";
