// Makes and judges tokens with `jose`. What it reads and prints: see tokens.py.

import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import * as jose from "jose";

const LEEWAY = 60;
const ALGORITHMS = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"],
  ...["HS256", "HS384", "HS512"],
];
const isSecret = (algorithm) => algorithm.startsWith("HS");

// A key, its public half, and the JWK to publish.
const generate = async (algorithm) => {
  if (isSecret(algorithm)) {
    const key = await jose.generateSecret(algorithm, { extractable: true });
    const jwk = await jose.exportJWK(key);
    return { key, jwk: { ...jwk, alg: algorithm, kid: `jose-${algorithm}` } };
  }
  const { privateKey, publicKey } = await jose.generateKeyPair(algorithm, { extractable: true });
  const jwk = await jose.exportJWK(publicKey);
  const kid = await jose.calculateJwkThumbprint(jwk);
  return { key: privateKey, publicKey, jwk: { ...jwk, alg: algorithm, use: "sig", kid } };
};

const fileOf = async (algorithm, form, keys) => {
  const { jwk, publicKey } = keys[algorithm];
  if (form === "secret") return Buffer.from(jwk.k, "base64url").toString("base64");
  if (form === "pem") return jose.exportSPKI(publicKey);
  if (form === "jwk") return JSON.stringify(jwk);
  // secrets and public keys are not published together
  const alike = ALGORITHMS.filter((name) => isSecret(name) === isSecret(algorithm));
  return JSON.stringify({ keys: alike.map((name) => keys[name].jwk) });
};

const message = (token, body) => ({ token, body: body.toString("base64") });

const issueWith = async (algorithm, form, keys, others, order) => {
  const { key, jwk } = keys[algorithm];
  const { now, issuer, audience } = order;
  const token = (body, changed = {}, signer = key) => {
    const claims = { iss: issuer, aud: audience, exp: now + 300, nbf: now - 1, iat: now, ...changed };
    return new jose.SignJWT({ scope: "webhook", body_sha256: createHash("sha256").update(body).digest("hex") })
      .setProtectedHeader({ alg: algorithm, typ: "JWT", ...(form === "jwks" ? { kid: jwk.kid } : {}) })
      .setIssuer(claims.iss)
      .setAudience(claims.aud)
      .setExpirationTime(claims.exp)
      .setNotBefore(claims.nbf)
      .setIssuedAt(claims.iat)
      .setJti(randomBytes(16).toString("hex"))
      .sign(signer);
  };
  const bodies = order.bodies.map((body) => Buffer.from(body, "base64"));
  const audiences = [audience, [audience], ["https://other.example", audience]];
  const genuine = await Promise.all(
    bodies.map(async (body, at) => message(await token(body, { aud: audiences[at % audiences.length] }), body)),
  );
  const body = bodies[0];
  const forge = async (reason, changed, signer, sent = body) => ({
    ...message(await token(body, changed, signer), sent),
    reason,
  });
  const [head, , signature] = (await token(body)).split(".");
  const changed = [head, (await token(body)).split(".")[1], signature].join(".");
  const forged = await Promise.all([
    forge("audience_mismatch", { aud: "https://other.example" }),
    forge("audience_mismatch", { aud: ["https://other.example", `${audience}/`] }),
    forge("issuer_mismatch", { iss: "https://other.example" }),
    forge("token_expired", { exp: now - 90, iat: now - 300, nbf: now - 300 }),
    forge("token_not_yet_valid", { nbf: now + 250 }),
    forge("signature_mismatch", {}, others[algorithm].key),
    forge("body_hash_mismatch", {}, key, Buffer.concat([body, Buffer.from(" ")])),
    { ...message(changed, body), reason: "signature_mismatch" },
  ]);
  const file = await fileOf(algorithm, form, keys);
  return { library: "jose", algorithm, form, file, genuine, forged };
};

const issue = async (order) => {
  const named = await Promise.all(ALGORITHMS.map(async (name) => [name, await generate(name)]));
  const keys = Object.fromEntries(named);
  // keys that no policy knows; making those of RSA takes time, and one is enough
  const rsa = await generate("RS256");
  const isRsa = (name) => /^[RP]S/.test(name);
  const unknown = await Promise.all(ALGORITHMS.map(async (name) => [name, isRsa(name) ? rsa : await generate(name)]));
  const others = Object.fromEntries(unknown);
  const forms = (algorithm) => [isSecret(algorithm) ? "secret" : "pem", "jwk", "jwks"];
  return Promise.all(
    ALGORITHMS.flatMap((algorithm) => forms(algorithm).map((form) => issueWith(algorithm, form, keys, others, order))),
  );
};

// The keys of a source as the library takes them.
const keysOf = async ({ form, file, algorithms }) => {
  if (form === "secret") return Buffer.from(file, "base64");
  if (form === "pem") return jose.importSPKI(file, algorithms[0]);
  return jose.createLocalJWKSet(JSON.parse(file));
};

const judge = async ({ issuer, audience, sources, tokens }) => {
  const judges = {};
  for (const source of sources) {
    const options = {
      algorithms: source.algorithms,
      issuer,
      audience,
      requiredClaims: ["exp", "iss", "aud"],
      clockTolerance: LEEWAY,
      ...(source.form === "jwks" ? { typ: "JWT" } : {}),
    };
    judges[source.name] = { key: await keysOf(source), options };
  }
  const refusal = async ({ source, token, times }) => {
    const { key, options } = judges[source];
    const bytes = new Uint8Array(Buffer.from(token, "base64"));
    let refused = null;
    for (const time of times) {
      try {
        await jose.jwtVerify(bytes, key, { ...options, currentDate: new Date(time * 1000) });
        return null;
      } catch (error) {
        // whatever a stranger's token makes a library throw, it does not accept it
        refused = `${error.name}: ${error.message}`;
      }
    }
    return refused;
  };
  const verdicts = [];
  for (const row of tokens) verdicts.push(await refusal(row));
  return { jose: verdicts };
};

const order = JSON.parse(fs.readFileSync(0, "utf8"));
const answer = await { issue, judge }[order.do](order);
process.stdout.write(JSON.stringify(answer));
