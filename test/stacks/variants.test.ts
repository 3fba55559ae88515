import type { Template } from "aws-cdk-lib/assertions";
import { goodModel, small } from "../support";
import { synthesized } from "./synthesized";

// Each of these is synthesized with cdk-nag's rules, which throws where one does not hold.

const base = { edge: { hostedZone: "shop.test" } };
const model = goodModel(
  small({
    hosts: { "api.shop.test": {} },
    front: { kind: "alb", networks: ["10.0.0.0/16"] },
    secrets: { partner: { awsSecretsManager: "shop/partner" }, other: { env: "OTHER" } },
    infrastructure: { production: base },
  }),
);
const stack = (all: ReadonlyMap<string, Template>, name: string): Template => all.get(name) as Template;

test("a system that asks for nothing has no database, no store, no search, no website", () => {
  expect([...synthesized(model, base).keys()]).toEqual([
    "Network",
    "Cluster",
    "Data",
    "Secrets",
    "Edge",
    "Access",
    "Observability",
  ]);
});

test("a secret that the model keeps in Secrets Manager is made, and the filter may read it", () => {
  const all = synthesized(model, base);
  stack(all, "Secrets").hasResourceProperties("AWS::SecretsManager::Secret", { Name: "shop/partner" });
  stack(all, "Secrets").resourceCountIs("AWS::SecretsManager::Secret", 1);
  stack(all, "Access").hasResourceProperties("AWS::EKS::PodIdentityAssociation", { ServiceAccount: "gateway-filter" });
});

test("Auto Mode has no nodes and no add-ons of its own", () => {
  const cluster = stack(synthesized(model, { ...base, cluster: { compute: "auto" } }), "Cluster");
  cluster.hasResourceProperties("AWS::EKS::Cluster", { ComputeConfig: { Enabled: true } });
  cluster.resourceCountIs("AWS::EKS::Nodegroup", 0);
  cluster.resourceCountIs("AWS::EKS::Addon", 0);
});

test("nodes of another architecture have another image", () => {
  const cluster = stack(synthesized(model, { ...base, cluster: { nodes: { instanceType: "m7i.large" } } }), "Cluster");
  cluster.hasResourceProperties("AWS::EKS::Nodegroup", { AmiType: "AL2023_x86_64_STANDARD" });
});

test("an environment that may go is deleted with what it holds", () => {
  const database = { engine: "mysql" as const, multiAz: false, class: "t4g.medium", readReplicas: 1 };
  const all = synthesized(model, { ...base, protect: false, database, cache: { nodeType: "cache.t4g.micro" } });
  const data = stack(all, "Data");
  data.allResources("AWS::RDS::DBInstance", { DeletionPolicy: "Delete" });
  data.resourceCountIs("AWS::RDS::DBInstance", 2);
  data.hasResourceProperties("AWS::RDS::DBParameterGroup", { Parameters: { require_secure_transport: "ON" } });
  stack(all, "Edge").hasResourceProperties("AWS::ElasticLoadBalancingV2::LoadBalancer", {});
});

test("another region, two zones, one way out, endpoints, Shield Advanced and an admin", () => {
  const all = synthesized(model, {
    region: "eu-west-1",
    zones: ["a", "b"],
    network: { natGateways: 1, interfaceEndpoints: ["ecr.api"] },
    cluster: { admins: ["platform"] },
    edge: { hostedZone: "shop.test", shieldAdvanced: true, website: { host: "api.shop.test" } },
  });
  stack(all, "Network").resourceCountIs("AWS::EC2::NatGateway", 1);
  stack(all, "Network").resourceCountIs("AWS::EC2::Subnet", 6);
  stack(all, "Network").hasResourceProperties("AWS::EC2::VPCEndpoint", { VpcEndpointType: "Interface" });
  stack(all, "Cluster").hasResourceProperties("AWS::EKS::AccessEntry", {});
  stack(all, "Edge").resourceCountIs("AWS::Shield::Protection", 1);
  stack(all, "Website").resourceCountIs("AWS::Shield::Protection", 1);
});
