"use strict";
// Loaded before the filter: one name is resolved as a file says, whoever asks through node's own look-up.
const dns = require("node:dns");
const { readFileSync } = require("node:fs");

const own = dns.lookup;
dns.lookup = function lookup(name, options, callback) {
  if (name !== process.env.DRILL_NAME) return own.call(dns, name, options, callback);
  const done = typeof options === "function" ? options : callback;
  const all = typeof options === "object" && options.all === true;
  const word = readFileSync(process.env.DRILL_RESOLVER, "utf8");
  if (word === "hang") return {};
  setImmediate(() => {
    if (word !== "ok") {
      const error = new Error(`getaddrinfo ENOTFOUND ${name}`);
      done(Object.assign(error, { code: "ENOTFOUND", syscall: "getaddrinfo", hostname: name }));
    } else if (all) done(null, [{ address: "127.0.0.1", family: 4 }]);
    else done(null, "127.0.0.1", 4);
  });
  return {};
};
