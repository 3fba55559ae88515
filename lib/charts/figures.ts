/** Figures of the workloads that others must know; apart from them, since cdk8s takes a while to load. */

/** Where the filter listens in its container when it is the gateway itself. */
export const GATEWAY_PORTS = { http: 3000, https: 3443 };

/** The most that the autoscaler makes of the filter. */
export const MOST_REPLICAS = 10;
