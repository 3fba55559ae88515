/** The Kubernetes objects of cdk8s-plus, without its constructs: the package that is built holds this file of it alone (ADR 18). */
export * from "cdk8s-plus-27/lib/imports/k8s";
