/**
 * The annotations that we write, and what their values must look like. The controller's admission webhook lets misspelt
 * names and many wrong values pass, and then ignores them or answers 503, so they are checked here.
 * Source: kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations (controller 1.11).
 */
const NUMBER = /^\d+$/;
const BOOLEAN = /^(true|false)$/;
const LIST = /^[A-Za-z0-9-]+(, ?[A-Za-z0-9-]+)*$/;

const KNOWN: Readonly<Record<string, RegExp>> = {
  "auth-proxy-set-headers": /^[a-z0-9-]+\/[a-z0-9-]+$/,
  "auth-response-headers": LIST,
  "auth-url": /^https?:\/\/[\w.-]+(:\d+)?\/[\w./?=&-]*$/,
  "cors-allow-credentials": BOOLEAN,
  "cors-allow-headers": LIST,
  "cors-allow-methods": LIST,
  "cors-allow-origin": /^[a-z][a-z0-9+.-]*:\/\/[\w.:-]+(, ?[a-z][a-z0-9+.-]*:\/\/[\w.:-]+)*$/,
  "cors-expose-headers": LIST,
  "cors-max-age": NUMBER,
  "enable-cors": BOOLEAN,
  "limit-burst-multiplier": NUMBER,
  "limit-rpm": NUMBER,
  "limit-rps": NUMBER,
  "proxy-body-size": /^\d+[km]?$/,
  "proxy-buffering": /^(on|off)$/,
  "proxy-connect-timeout": NUMBER,
  "proxy-next-upstream": /^(error|timeout|http_50[234])( (error|timeout|http_50[234]))*$|^off$/,
  "proxy-next-upstream-tries": NUMBER,
  "proxy-read-timeout": NUMBER,
  "proxy-request-buffering": /^(on|off)$/,
  "proxy-send-timeout": NUMBER,
  "rewrite-target": /^\/[\w./$~:@!&'()*+,=-]*$/,
  "ssl-redirect": BOOLEAN,
  "use-regex": BOOLEAN,
};

const PREFIX = "nginx.ingress.kubernetes.io/";

/** Puts the controller's prefix before the names, and refuses what the controller would not understand. */
export function annotations(values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      const form = KNOWN[name];
      if (!form) throw new Error(`ingress-nginx has no annotation "${name}".`);
      if (!form.test(value)) throw new Error(`ingress-nginx would not take ${name}: ${value}`);
      return [PREFIX + name, value];
    }),
  );
}
