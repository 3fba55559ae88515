import { CfnPodIdentityAssociation } from "aws-cdk-lib/aws-eks";
import type { ICluster } from "aws-cdk-lib/aws-eks-v2";
import { ManagedPolicy, Role, ServicePrincipal, SessionTagsPrincipal, type PolicyStatement } from "aws-cdk-lib/aws-iam";
import type { Construct } from "constructs";

interface PodRole {
  cluster: ICluster;
  namespace: string;
  serviceAccount: string;
  statements?: readonly PolicyStatement[];
  /** Name of a policy that AWS keeps. */
  managedPolicy?: string;
}

/** What the pods of one service account may do, by EKS Pod Identity. */
export function podRole(
  scope: Construct,
  id: string,
  wanted: PodRole,
): { role: Role; association: CfnPodIdentityAssociation } {
  const { cluster, namespace, serviceAccount, statements = [], managedPolicy } = wanted;
  const role = new Role(scope, id, {
    assumedBy: new SessionTagsPrincipal(new ServicePrincipal("pods.eks.amazonaws.com")),
    description: `Pods of ${namespace}/${serviceAccount}`,
    ...(managedPolicy !== undefined && { managedPolicies: [ManagedPolicy.fromAwsManagedPolicyName(managedPolicy)] }),
  });
  for (const statement of statements) role.addToPolicy(statement);
  const association = new CfnPodIdentityAssociation(role, "Association", {
    clusterName: cluster.clusterName,
    namespace,
    serviceAccount,
    roleArn: role.roleArn,
  });
  return { role, association };
}
