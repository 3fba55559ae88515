export { costDiff, type CostResult } from "./diff";
export { stalePrices } from "./prices";
export { pricedOf, reportOf, type Priced } from "./report";
export { readUsage, USAGE_FILE, type UsageFile } from "./usage";
