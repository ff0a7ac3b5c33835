// Signs, sends and verifies with the Node libraries of others. What it reads and prints: see peer.py.
// All jobs of a run are sent at once: on four connections over HTTP/1.1, on one over HTTP/2.

import { Buffer } from "node:buffer";
import { once } from "node:events";
import fs from "node:fs";
import http2 from "node:http2";
import https from "node:https";
import { sign as signGithub, verify as verifyGithub } from "@octokit/webhooks-methods";
import * as standard from "standardwebhooks";
import Stripe from "stripe";
import * as svix from "svix";

const MESSAGE_ID = "msg_2mP8vXq1";
const stripe = new Stripe("sk_test_of_nobody");

const signStandard = (library, prefix) => (secret, body, time) => ({
  [`${prefix}-id`]: MESSAGE_ID,
  [`${prefix}-timestamp`]: String(time),
  [`${prefix}-signature`]: new library.Webhook(secret).sign(MESSAGE_ID, new Date(time * 1000), body),
});

const sign = {
  github: async (secret, body) => ({ "x-hub-signature-256": await signGithub(secret, body) }),
  "standard-webhooks": signStandard(standard, "webhook"),
  stripe: (secret, payload, timestamp) => ({
    "stripe-signature": stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp }),
  }),
  svix: signStandard(svix, "svix"),
};

// Runs a verifier that throws its own kind of error for "no"; every other error ends the run.
const refuses = (kind, verifier) => {
  try {
    verifier();
    return true;
  } catch (error) {
    if (error instanceof kind) return false;
    throw error;
  }
};

const verify = {
  github: (secret, body, headers) => verifyGithub(secret, body.toString(), headers["x-hub-signature-256"]),
  "standard-webhooks": (secret, body, headers) =>
    refuses(standard.WebhookVerificationError, () => new standard.Webhook(secret).verify(body, headers)),
  stripe: (secret, body, headers) =>
    refuses(Stripe.errors.StripeSignatureVerificationError, () =>
      stripe.webhooks.constructEvent(body, headers["stripe-signature"], secret),
    ),
  svix: (secret, body, headers) =>
    refuses(svix.WebhookVerificationError, () => new svix.Webhook(secret).verify(body, headers)),
};

// Writes in three pieces: chunked over HTTP/1.1 where no length is given, several DATA frames over HTTP/2.
const write = (request, body) => {
  const size = Math.max(1, Math.ceil(body.length / 3));
  for (let at = 0; at < body.length; at += size) request.write(body.subarray(at, at + size));
  request.end();
};

// What the request ended with. It may be answered before it was written, and be reset then.
const outcome = (request, what, read) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no end of ${what}: ${JSON.stringify(result)}`)), 60000);
    let result;
    request.on("response", (answer) => {
      result = read(answer);
    });
    request.on("error", reject);
    request.on("close", () => {
      clearTimeout(timer);
      if (result) resolve(result);
      else reject(new Error(`no answer to ${what}`));
    });
  });

const overHttp1 = (agent) => (url, headers, body, chunked) => {
  const framing = chunked ? { "transfer-encoding": "chunked" } : { "content-length": body.length };
  const request = https.request(url, { agent, method: "POST", headers: { ...headers, ...framing } });
  const ended = outcome(request, `${url}, ${body.length} bytes`, (answer) => {
    answer.resume();
    return { status: answer.statusCode, version: `HTTP/${answer.httpVersion}` };
  });
  write(request, body);
  return ended;
};

const overHttp2 = (session) => (url, headers, body) => {
  const stream = session.request({ ...headers, ":method": "POST", ":path": new URL(url).pathname });
  const version = session.alpnProtocol === "h2" ? "HTTP/2" : session.alpnProtocol;
  const ended = outcome(stream, `${url}, ${body.length} bytes, HTTP/2`, (answer) => ({
    status: answer[":status"],
    version,
  }));
  stream.resume();
  write(stream, body);
  return ended;
};

const sendAll = async (order) => {
  const ca = fs.readFileSync(order.ca);
  const agent = new https.Agent({ ca, keepAlive: true, maxSockets: 4 });
  const session = http2.connect(order.jobs[0].url, { ca });
  await once(session, "connect");
  const clients = { https: overHttp1(agent), http2: overHttp2(session) };
  const send = async (job) => {
    const body = Buffer.from(job.body, "base64").toString();
    const headers = await sign[job.provider](job.secret, body, job.time);
    const [client, chunked] = job.client.split("+");
    headers["content-type"] = "application/json";
    return clients[client](job.url, headers, Buffer.from(job.sent, "base64"), chunked !== undefined);
  };
  const results = await Promise.all(order.jobs.map(send));
  session.close();
  agent.destroy();
  return results;
};

const verifyAll = (order) =>
  Promise.all(
    order.jobs.map(async (job) => {
      const body = Buffer.from(job.body, "base64");
      return { accepted: await verify[job.provider](job.secret, body, job.headers) };
    }),
  );

const order = JSON.parse(fs.readFileSync(0, "utf8"));
const results = await (order.do === "send" ? sendAll(order) : verifyAll(order));
process.stdout.write(JSON.stringify(results));
