export type { Capabilities, Claim, Place } from "./capabilities";
export { costsOf, formatCosts, type RouteCost } from "./costs";
export { formatMatrix, matrixOf, type MatrixRow } from "./matrix";
export { isShownBody, placementsOf, type Placement, type TargetPlan } from "./placement";
export { planTarget } from "./plan";
export { costsTable, placesTable } from "./tables";
