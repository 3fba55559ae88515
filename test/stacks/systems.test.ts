import { readFileSync } from "node:fs";
import { Stack } from "aws-cdk-lib";
import { Match, type Template } from "aws-cdk-lib/assertions";
import { loadAll } from "js-yaml";
import { modelFiles } from "../../lib/commands/models";
import { loadModel, type GatewayModel } from "../../lib/model";
import { systemsApp } from "../../lib/stacks/app";
import { namedSecrets, secretsIn } from "../secrets-by-look";
import { synthesized } from "./synthesized";

/** Each system's own needs stand in its own templates; `synthesized` throws where a rule of cdk-nag does not hold. */

const models = new Map(
  modelFiles([]).flatMap((file) => {
    const { value } = loadModel(file);
    return value ? [[value.name, value] as const] : [];
  }),
);

function typesOf(system: string): Map<string, number> {
  const model = models.get(system) as GatewayModel;
  const types = new Map<string, number>();
  for (const template of synthesized(model, model.infrastructure["production"] as never).values()) {
    for (const { Type } of Object.values((template.toJSON() as { Resources: Record<string, Resource> }).Resources)) {
      types.set(Type, (types.get(Type) ?? 0) + 1);
    }
  }
  return types;
}

test("every system has a production on AWS", () => {
  const named = [...models.values()].filter(({ infrastructure }) => "production" in infrastructure);
  expect(named.map(({ name }) => name).sort()).toEqual(["equb", "maternal", "mmr", "serhafen"]);
});

test.each([
  // Small, PostgreSQL, a store, and documents.
  [
    "maternal",
    {
      "AWS::RDS::DBInstance": 1,
      "AWS::DocDB::DBInstance": 2,
      "AWS::ElastiCache::ReplicationGroup": 1,
      "AWS::EC2::NatGateway": 1,
      "AWS::CloudFront::Distribution": 0,
      "AWS::OpenSearchService::Domain": 0,
    },
  ],
  // MySQL and the CDN.
  [
    "mmr",
    {
      "AWS::RDS::DBInstance": 1,
      "AWS::CloudFront::Distribution": 1,
      "AWS::DocDB::DBCluster": 0,
      "AWS::SecretsManager::Secret": 2,
    },
  ],
  // Payments: messages, and a firewall that refuses.
  [
    "equb",
    { "AWS::RDS::DBInstance": 1, "AWS::WAFv2::WebACL": 1, "AWS::SQS::Queue": 2, "AWS::CloudFront::Distribution": 0 },
  ],
  ["serhafen", { "AWS::OpenSearchService::Domain": 1, "AWS::CloudFront::Distribution": 1, "AWS::SNS::Topic": 2 }],
])("%s has what it needs and no more", (system, wanted) => {
  const types = typesOf(system);
  expect(Object.fromEntries(Object.keys(wanted).map((type) => [type, types.get(type) ?? 0]))).toEqual(wanted);
});

test("every stack has what a bill is split by, and so have the nodes, which EKS starts", () => {
  const model = models.get("serhafen") as GatewayModel;
  const stacks = systemsApp([model])
    .node.findAll()
    .filter((construct) => Stack.isStack(construct));
  const tags = { environment: "production", "managed-by": "gatewright", system: "serhafen" };
  expect(stacks.map((stack) => stack.tags.tagValues())).toEqual(stacks.map(() => tags));
  expect(stacks.length).toBeGreaterThan(5);
  const template = synthesized(model, model.infrastructure["production"] as never).get("Cluster") as Template;
  const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  template.hasResourceProperties("AWS::EC2::LaunchTemplate", {
    LaunchTemplateData: {
      TagSpecifications: Match.arrayWith(
        ["instance", "volume"].map((ResourceType) => ({ ResourceType, Tags: Match.arrayWith(Tags) })),
      ),
    },
  });
});

test("the engines are the systems' own", () => {
  const engine = (system: string): unknown => models.get(system)?.infrastructure["production"]?.database?.engine;
  expect(["maternal", "mmr", "equb", "serhafen"].map(engine)).toEqual(["postgres", "mysql", "postgres", "postgres"]);
});

/** What the cluster's side asks AWS for by name must be there by that name: nobody else would notice before a deployment. */
test.each([...models.keys()])("%s: aws.yaml names what the templates make", (system) => {
  const model = models.get(system) as GatewayModel;
  const resources = [...synthesized(model, model.infrastructure["production"] as never).values()].flatMap((template) =>
    Object.values((template.toJSON() as { Resources: Record<string, Resource> }).Resources),
  );
  const named = (type: string): unknown[] =>
    resources.filter(({ Type }) => Type === type).map(({ Properties }) => Properties?.["Name"]);
  const file = readFileSync(`kubernetes/${system}/production/aws/aws.yaml`, "utf8");
  const objects = loadAll(file) as { kind: string; spec: Spec }[];
  const of = (kind: string): Spec[] => objects.filter((object) => object.kind === kind).map(({ spec }) => spec);
  const asked = of("ExternalSecret").flatMap(({ data = [] }) => data.map(({ remoteRef }) => remoteRef.key));
  const there = [...named("AWS::SecretsManager::Secret"), ...named("AWS::SSM::Parameter")];
  expect([asked.length > 0, asked.filter((key) => !there.includes(key))]).toEqual([true, []]);
  const bound = of("TargetGroupBinding").map(({ targetGroupName }) => targetGroupName);
  const website = model.infrastructure["production"]?.edge.website;
  expect([bound.length, named("AWS::ElasticLoadBalancingV2::TargetGroup")]).toEqual([website ? 2 : 1, bound]);
  const users = resources.filter(({ Type }) => Type === "AWS::ElastiCache::User");
  expect(file).toContain(`rediss://${String(users[0]?.Properties?.["UserName"])}:`);
});

interface Resource {
  Type: string;
  Properties?: Record<string, unknown>;
}

interface Spec {
  data?: { remoteRef: { key: string } }[];
  targetGroupName?: string;
}

test.each([...models.keys()])("%s: no template has a secret, by its look or where one would stand", (system) => {
  const model = models.get(system) as GatewayModel;
  const templates = Object.values(model.infrastructure).flatMap((infrastructure) => [
    ...synthesized(model, infrastructure).values(),
  ]);
  expect(templates.length).toBeGreaterThan(5);
  for (const template of templates) {
    const json: unknown = template.toJSON();
    expect([secretsIn(JSON.stringify(json)), namedSecrets(json)]).toEqual([[], []]);
  }
});
