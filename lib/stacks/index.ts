import { Stage, type StageProps } from "aws-cdk-lib";
import type { ICluster } from "aws-cdk-lib/aws-eks-v2";
import type { Construct } from "constructs";
import { AccessStack } from "./access";
import { ClusterStack } from "./cluster";
import { DataStack } from "./data";
import { EdgeStack } from "./edge";
import { MessagingStack } from "./messaging";
import { NetworkStack } from "./network";
import { ObservabilityStack } from "./observability";
import { ownSecrets, SecretsStack } from "./secrets";
import type { SystemProps } from "./system-stack";
import { WebsiteStack } from "./website";

/** One environment of one system: what changes together stands in one stack, and data in its own. */
export class SystemStage extends Stage {
  constructor(scope: Construct, id: string, props: SystemProps & StageProps) {
    super(scope, id, props);
    const { model, environment, infrastructure } = props;
    const { vpc } = new NetworkStack(this, "Network", props);
    const { cluster } = new ClusterStack(this, "Cluster", { ...props, vpc });
    const pods = cluster.clusterSecurityGroup;
    const data = new DataStack(this, "Data", { ...props, vpc, clients: pods });
    const secrets = ownSecrets(model, environment).length > 0 ? new SecretsStack(this, "Secrets", props) : undefined;
    const edge = new EdgeStack(this, "Edge", { ...props, vpc, pods });
    const messaging = infrastructure.topics.length > 0 ? new MessagingStack(this, "Messaging", props) : undefined;
    new AccessStack(this, "Access", { ...props, cluster: cluster as ICluster, edge, data, secrets, messaging });
    new ObservabilityStack(this, "Observability", { ...props, edge, data, messaging });
    const { website } = infrastructure.edge;
    if (website && edge.website) {
      new WebsiteStack(this, "Website", { ...props, website, gateway: edge.website.balancer });
    }
  }
}
