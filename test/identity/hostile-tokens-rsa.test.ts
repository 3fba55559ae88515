import { constants, createHash, privateEncrypt } from "node:crypto";
import { always, make, only, pairs, refused, rsaPair, verdict, verify, type Making, type Row } from "./token-maker";

// No. 22 of the list: what an RSA key can sign that is no signature by RFC 8017.

const { publicKey, privateKey } = pairs.rsa;
const modulus = Buffer.from(publicKey.export({ format: "jwk" }).n ?? "", "base64url");
const n = BigInt(`0x${modulus.toString("hex")}`);
const SIZE = modulus.length;
const bytesOf = (value: bigint, length = SIZE): Buffer =>
  Buffer.from(value.toString(16).padStart(2 * length, "0"), "hex");
const numberOf = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString("hex")}`);

/** The key's operation on an encoded message as it is. */
const raw = (message: Buffer): Buffer =>
  privateEncrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, message);

/** The token whose signature is the key's, over whatever encoded message is made of what it says. */
const over = (encoded: (input: Buffer) => Buffer, making: Making = {}): string =>
  make({
    ...making,
    after: (head, payload) =>
      `${head}.${payload}.${raw(encoded(Buffer.from(`${head}.${payload}`))).toString("base64url")}`,
  });

const hash = (name: string, data: Buffer): Buffer => createHash(name).update(data).digest();
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
const filler = (length: number, byte = 0xff): Buffer => Buffer.alloc(Math.max(0, length), byte);

const NONE: Buffer = Buffer.alloc(0);

/** EMSA-PKCS1-v1_5 with its parts put wrong. */
const padded = (info: Buffer, { start = "0001", byte = 0xff, end = "00", behind = NONE } = {}): Buffer => {
  const [first, last] = [hex(start), hex(end)];
  return Buffer.concat([
    first,
    filler(SIZE - first.length - last.length - info.length - behind.length, byte),
    last,
    info,
    behind,
  ]);
};

const SHA256 = "60 86 48 01 65 03 04 02 01";
const oid = (text: string): Buffer => Buffer.concat([Buffer.from([6, hex(text).length]), hex(text)]);
const der = (tag: number, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  const length = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
};
const NULL = hex("0500");
const octets = (data: Buffer): Buffer => der(4, data);
const info = (data: Buffer, algorithm = oid(SHA256), parameters = NULL): Buffer =>
  der(0x30, der(0x30, algorithm, parameters), octets(data));
const sha256 = (data: Buffer): Buffer => hash("sha256", data);
const right = (m: Buffer): Buffer => info(sha256(m));

const pkcs1: Record<string, (m: Buffer) => Buffer> = {
  "no NULL": (m) => padded(info(sha256(m), oid(SHA256), Buffer.alloc(0))),
  "parameters that are no NULL": (m) => padded(info(sha256(m), oid(SHA256), hex("0400"))),
  "parameters with rubbish": (m) => padded(info(sha256(m), oid(SHA256), octets(filler(64, 0x41)))),
  "a long NULL": (m) => padded(info(sha256(m), oid(SHA256), hex("058100"))),
  "a long form of the outer length": (m) => padded(Buffer.concat([hex("308131"), right(m).subarray(2)])),
  "a longer form of the outer length": (m) => padded(Buffer.concat([hex("30820031"), right(m).subarray(2)])),
  "a long form of the hash's length": (m) => padded(der(0x30, der(0x30, oid(SHA256), NULL), hex("048120"), sha256(m))),
  "an indefinite length": (m) => padded(Buffer.concat([hex("3080"), right(m).subarray(2), hex("0000")])),
  "another tag outside": (m) => padded(Buffer.concat([hex("31"), right(m).subarray(1)])),
  "another tag of the hash": (m) => padded(der(0x30, der(0x30, oid(SHA256), NULL), der(3, sha256(m)))),
  "another outer length": (m) => padded(Buffer.concat([hex("3032"), right(m).subarray(2)])),
  "rubbish behind the hash": (m) =>
    padded(der(0x30, der(0x30, oid(SHA256), NULL), octets(sha256(m)), filler(32, 0x41))),
  "rubbish behind all of it": (m) => padded(right(m), { behind: filler(32, 0) }),
  "rubbish behind a short padding": (m) =>
    Buffer.concat([hex("0001"), filler(8), hex("00"), right(m), filler(SIZE - 11 - right(m).length, 0x41)]),
  "rubbish behind no padding": (m) =>
    Buffer.concat([hex("000100"), right(m), filler(SIZE - 3 - right(m).length, 0x41)]),
  "seven bytes of padding, zeros in front": (m) => {
    const tail = Buffer.concat([hex("01"), filler(7), hex("00"), right(m)]);
    return Buffer.concat([filler(SIZE - tail.length, 0), tail]);
  },
  "the hash alone": (m) => padded(sha256(m)),
  "the hash in an octet string": (m) => padded(octets(sha256(m))),
  "the hash by no padding at all": (m) => Buffer.concat([filler(SIZE - 32, 0), sha256(m)]),
  "the message itself": (m) => padded(m.subarray(0, 100)),
  "an empty hash": () => padded(info(Buffer.alloc(0))),
  "no DigestInfo": () => padded(Buffer.alloc(0)),
  "a hash cut short": (m) => padded(info(sha256(m).subarray(0, 31))),
  "a hash with a byte more": (m) => padded(info(Buffer.concat([sha256(m), hex("00")]))),
  "the hash of another text": () => padded(info(sha256(Buffer.from("other")))),
  "the hash twice": (m) => padded(info(sha256(sha256(m)))),
  "block type 0": (m) => padded(right(m), { start: "0000", byte: 0 }),
  "block type 0 and its padding of 0xff": (m) => padded(right(m), { start: "0000" }),
  "block type 2": (m) => padded(right(m), { start: "0002", byte: 0xaa }),
  "no zero before the DigestInfo": (m) => padded(right(m), { end: "ff" }),
  "one there": (m) => padded(right(m), { end: "01" }),
  "a first byte of 1": (m) => padded(right(m), { start: "0101" }),
  "padding of 0x00": (m) => padded(right(m), { byte: 0 }),
  "padding of 0xfe": (m) => padded(right(m), { byte: 0xfe }),
  "one byte of the padding": (m) => {
    const message = padded(right(m));
    message[100] = 0xfe;
    return message;
  },
  "the mark 2 bytes late": (m) => padded(right(m), { start: "000001" }),
  "SHA-1": (m) => padded(info(hash("sha1", m), oid("2b 0e 03 02 1a"))),
  MD5: (m) => padded(info(hash("md5", m), oid("2a 86 48 86 f7 0d 02 05"))),
  "MD5 and SHA-1 as in TLS": (m) => padded(Buffer.concat([hash("md5", m), hash("sha1", m)])),
  "SHA-224": (m) => padded(info(hash("sha224", m), oid("60 86 48 01 65 03 04 02 04"))),
  "SHA-384": (m) => padded(info(hash("sha384", m), oid("60 86 48 01 65 03 04 02 02"))),
  "SHA-512": (m) => padded(info(hash("sha512", m), oid("60 86 48 01 65 03 04 02 03"))),
  "SHA-512/256": (m) => padded(info(hash("sha512-256", m), oid("60 86 48 01 65 03 04 02 06"))),
  "SHA3-256": (m) => padded(info(hash("sha3-256", m), oid("60 86 48 01 65 03 04 02 08"))),
  "SHA-256 under the name of SHA-1": (m) => padded(info(sha256(m), oid("2b 0e 03 02 1a"))),
  "an identifier cut short": (m) => padded(info(sha256(m), oid("60 86 48 01 65 03 04 02"))),
  "an identifier with a leading zero": (m) => padded(info(sha256(m), oid("60 86 48 01 65 03 04 02 80 01"))),
  "the identifier of RSA with SHA-256": (m) => padded(info(sha256(m), oid("2a 86 48 86 f7 0d 01 01 0b"))),
};

/** EMSA-PSS with salt and hash functions as one likes (RFC 8017 section 9.1.1). */
function pss(
  m: Buffer,
  { salt = 32, mgf = "sha256", digest = "sha256", trailer = 0xbc, mark = 1, bits = SIZE * 8 - 1 } = {},
): Buffer {
  const size = hash(digest, m).length;
  const salted = Buffer.alloc(salt, 0x5a);
  const digestOfAll = hash(digest, Buffer.concat([Buffer.alloc(8), hash(digest, m), salted]));
  const block = Buffer.concat([filler(SIZE - salt - size - 2, 0), Buffer.from([mark]), salted]);
  const mask: Buffer[] = [];
  for (let i = 0; mask.length * hash(mgf, m).length < block.length; i += 1) {
    mask.push(hash(mgf, Buffer.concat([digestOfAll, bytesOf(BigInt(i), 4)])));
  }
  const masked = Buffer.concat(mask);
  const hidden = Buffer.from(block.map((byte, i) => byte ^ (masked[i] ?? 0)));
  hidden[0] = (hidden[0] ?? 0) & (0xff >> (SIZE * 8 - bits));
  return Buffer.concat([hidden, digestOfAll, Buffer.from([trailer])]);
}

const salts = [0, 1, 16, 20, 31, 33, 48, 64, SIZE - 34];

const numbers: Record<string, (s: Buffer) => Buffer> = {
  "0": () => bytesOf(0n),
  "1": () => bytesOf(1n),
  "n - 1": () => bytesOf(n - 1n),
  n: () => bytesOf(n),
  "n + 1": () => bytesOf(n + 1n),
  "all ones": () => filler(SIZE),
  "-s": (s) => bytesOf(n - numberOf(s)),
  "s + n": (s) => bytesOf(numberOf(s) + n, SIZE + 1),
  "a zero before": (s) => Buffer.concat([Buffer.alloc(1), s]),
  "a zero behind": (s) => Buffer.concat([s, Buffer.alloc(1)]),
  "its first byte gone": (s) => s.subarray(1),
  "its last byte gone": (s) => s.subarray(0, SIZE - 1),
  "half of it": (s) => s.subarray(0, SIZE / 2),
  twice: (s) => Buffer.concat([s, s]),
  "the other way round": (s) => Buffer.from(s).reverse(),
  "empty but for zeros": () => Buffer.alloc(1_024),
  "in hexadecimal": (s) => Buffer.from(s.toString("hex")),
  "in base64url": (s) => Buffer.from(s.toString("base64url")),
};

const PS = { rules: only("PS256") };

test("the tools make what is right, too", async () => {
  expect(verdict(await verify(over((m) => padded(right(m)))))).toBe("accepted");
  expect(
    verdict(
      await verify(
        over((m) => pss(m), { alg: "PS256" }),
        PS,
      ),
    ),
  ).toBe("accepted");
});

describe("padding of PKCS #1 v1.5", () => {
  refused(Object.entries(pkcs1).map(([what, encoded]): Row => [22, what, () => over(encoded)]));
});

describe("padding of PSS", () => {
  const wrong: Record<string, Parameters<typeof pss>[1]> = {
    "MGF1 by SHA-1": { mgf: "sha1" },
    "MGF1 by SHA-512": { mgf: "sha512" },
    "SHA-1 within": { digest: "sha1", salt: 20 },
    "SHA-384 within": { digest: "sha384", salt: 48 },
    "another trailer": { trailer: 0xcc },
    "a trailer of zero": { trailer: 0 },
    "another mark": { mark: 2 },
    "no mark": { mark: 0 },
    "a high bit that stands": { bits: SIZE * 8 },
  };
  refused([
    ...salts.map((salt): Row => [
      22,
      `a salt of ${String(salt)}`,
      () => over((m) => pss(m, { salt }), { alg: "PS256" }),
      PS,
    ]),
    ...Object.entries(wrong).map(([what, how]): Row => [
      22,
      what,
      // The high bit is random, and the message must stay below the modulus.
      () => {
        for (let i = 0; ; i += 1) {
          const claims = { jti: String(i) };
          let odd = how?.bits === undefined;
          const token = over(
            (m) => {
              const message = pss(m, how);
              odd ||= (message[0] ?? 0) > 127 && numberOf(message) < n;
              return odd ? message : pss(m);
            },
            { alg: "PS256", claims },
          );
          if (odd) return token;
        }
      },
      PS,
    ]),
    [22, "PKCS #1 v1.5 for PSS", () => over((m) => padded(right(m)), { alg: "PS256" }), PS],
    [22, "PSS for PKCS #1 v1.5", () => over((m) => pss(m))],
  ]);
});

describe("a signature that is a number of another size", () => {
  refused([
    ...["RS256", "PS256"].flatMap((alg) =>
      Object.entries(numbers).map(([what, signed]): Row => [
        22,
        `${alg}: ${what}`,
        () => make({ alg, signed }),
        { rules: only("RS256", "PS256") },
      ]),
    ),
    ...["RS256", "PS256"].map((alg): Row => [
      22,
      `${alg}: a leading zero stripped`,
      () => {
        for (let i = 0; ; i += 1) {
          const [head = "", payload = "", tail = ""] = make({ alg, claims: { jti: String(i) } }).split(".");
          const bytes = Buffer.from(tail, "base64url");
          if (bytes[0] === 0) return `${head}.${payload}.${bytes.subarray(1).toString("base64url")}`;
        }
      },
      { rules: only("RS256", "PS256") },
    ]),
  ]);
});

describe("keys that are too weak, whoever gives them", () => {
  const weak = [512, 1024, 2040].map((bits) => ({ bits, pair: rsaPair(bits) }));
  refused(
    weak.flatMap(({ bits, pair }) =>
      ["RS256", ...(bits > 600 ? ["PS256"] : [])].map((alg): Row => [
        24,
        `${alg} by RSA of ${String(bits)} bits`,
        () => make({ alg, key: pair.privateKey }),
        { rules: only("RS256", "PS256"), keys: always(pair.publicKey) },
      ]),
    ),
  );
});
