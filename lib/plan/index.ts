export type { Capabilities, Claim, Place } from "./capabilities";
export { costsOf, formatCosts, type RouteCost } from "./costs";
export { formatMatrix, matrixOf, type MatrixRow } from "./matrix";
export { isShownBody, placementsOf, planTarget, type Placement, type TargetPlan } from "./plan";
export { costsTable, placesTable } from "./page";
