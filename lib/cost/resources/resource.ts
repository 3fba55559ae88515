import type { Item } from "../lines";
import type { Pods } from "../pods";
import { isPrice, type PriceName } from "../prices";
import type { Traffic, Usage } from "../usage";
import type { PricedProperties } from "./priced-properties";

export type Properties = Readonly<Record<string, unknown>>;

/** A resource of a template, and the resources beside it. */
export interface Resource {
  /** Id of the stack, such as `Network`. */
  stack: string;
  id: string;
  type: string;
  properties: Properties;
  beside: Readonly<Record<string, { Type: string; Properties?: Properties }>>;
}

/** What a resource's price depends on beside its own properties. */
export interface Surroundings {
  usage: Usage;
  traffic: Traffic;
  pods: readonly Pods[];
  /** How many resources of a type all stacks have. */
  count: (type: string) => number;
}

/** Says what a resource costs; an empty list is nothing at this usage. Throws `Unpriced`. */
export type Pricer = (resource: Resource, around: Surroundings) => Item[] | "free";

/** How a type is priced, and what of its properties that knows of; whatever else a template says has no price. */
export interface Priced {
  takes: PricedProperties;
  price: Pricer;
}

/** Why a resource has no price. */
export class Unpriced extends Error {}

export const GIB = 1024 ** 3;
export const MILLION = 1e6;

/** What a template says at a path; nothing of it is taken for granted. */
export const at = (properties: unknown, ...path: (string | number)[]): unknown =>
  path.reduce((value, step) => (value as Record<string | number, unknown> | null | undefined)?.[step], properties);

export function text(properties: unknown, ...path: (string | number)[]): string {
  const value = at(properties, ...path);
  if (typeof value !== "string") throw new Unpriced(`${path.join(".")} is no plain text.`);
  return value;
}

export function number(properties: unknown, ...path: (string | number)[]): number {
  const value = at(properties, ...path);
  const parsed = typeof value === "string" && value !== "" ? Number(value) : value;
  if (typeof parsed !== "number" || !Number.isFinite(parsed))
    throw new Unpriced(`${path.join(".")} is no plain number.`);
  return parsed;
}

/** A switch, which CloudFormation takes as text as well; off where nothing is said. */
export function isOn(properties: unknown, ...path: (string | number)[]): boolean {
  const value = at(properties, ...path) ?? false;
  if (![true, false, "true", "false"].includes(value as never))
    throw new Unpriced(`${path.join(".")} is no plain switch.`);
  return value === true || value === "true";
}

export function length(properties: unknown, ...path: (string | number)[]): number {
  const value = at(properties, ...path);
  if (!Array.isArray(value)) throw new Unpriced(`${path.join(".")} is no plain list.`);
  return value.length;
}

/** A price whose name is made of what a template says. */
export function listed(name: string): PriceName {
  if (!isPrice(name)) throw new Unpriced(`lib/cost/prices.us-east-1.json has no "${name}".`);
  return name;
}
