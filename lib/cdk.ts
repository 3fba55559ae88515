/** For those who have a CDK app of their own: `import { SystemStage } from "gatewright/cdk"`. */
export { SystemStage } from "./stacks";
export { synthesizeChecked, systemsApp } from "./stacks/app";
export type { SystemProps } from "./stacks/system-stack";
