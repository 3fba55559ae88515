import type { Trust } from "../../lib/conformance/certificates";

/** What the lab's services show, and what its model asks of them, in right and in wrong ways. */
export const CA = "lab-ca";
export const OTHER_CA = "lab-other-ca";
export const CLIENT = "lab-client";
/** A host's own. */
export const OF_HOST = "lab-of-host";
export const HOST_NAME = "certified.lab.test";
/** Whom the services' one certificate is of. */
export const SERVER_NAME = "sealed.lab.internal";

export const TRUST: Trust = { serverNames: [SERVER_NAME], strangers: [OTHER_CA] };
