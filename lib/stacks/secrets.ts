import { Key, type IKey } from "aws-cdk-lib/aws-kms";
import { Secret, type ISecret } from "aws-cdk-lib/aws-secretsmanager";
import type { Construct } from "constructs";
import { secretsOf, type GatewayModel } from "../model";
import { acknowledge } from "./acknowledge";
import { SystemStack, type SystemProps } from "./system-stack";

/** Those that the model names by id; an ARN is somebody else's. */
export const ownSecrets = (model: GatewayModel, environment: string): { name: string; id: string }[] =>
  Object.entries(secretsOf(model, environment)).flatMap(([name, { awsSecretsManager: id }]) =>
    id === undefined || id.startsWith("arn:") ? [] : [{ name, id }],
  );

/** A secret for each one that the model keeps in Secrets Manager. It is made with a random value, so that it is never empty. */
export class SecretsStack extends SystemStack {
  readonly secrets: ISecret[] = [];
  readonly key: IKey;

  constructor(scope: Construct, id: string, props: SystemProps) {
    super(scope, id, props);
    const key = new Key(this, "Key", {
      description: `Secrets of ${this.systemName}`,
      enableKeyRotation: true,
      removalPolicy: this.kept,
    });
    this.key = key;
    for (const { name, id: secretName } of ownSecrets(props.model, props.environment)) {
      const secret = new Secret(this, `Secret-${name}`, {
        secretName,
        encryptionKey: key,
        generateSecretString: { passwordLength: 64, excludePunctuation: true },
        removalPolicy: this.kept,
      });
      acknowledge(secret, "SMG4", "Put in by people, with overlap: the filter takes the version before as well.");
      this.secrets.push(secret as ISecret);
    }
  }
}
