// Signs and verifies with the Node libraries of senders. What it reads and prints: see vendors.py.

import { Buffer } from "node:buffer";
import fs from "node:fs";
import * as contentful from "@contentful/node-apps-toolkit";
import EasyPost from "@easypost/api";
import * as fingerprint from "@fingerprint/node-sdk";
import hygraph from "@hygraph/utils";
import * as line from "@line/bot-sdk";
import Metronome from "@metronome/sdk";
import Mux from "@mux/mux-node";
import * as notion from "@notionhq/client";
import { Paddle } from "@paddle/paddle-node-sdk";
import * as sanity from "@sanity/webhook";
import Finch from "@tryfinch/finch-api";
import { WorkOS } from "@workos-inc/node";
import braintree from "braintree";
import cloudinary from "cloudinary";
import { Crisp } from "crisp-api";
import fintoc from "fintoc";
import * as gocardless from "gocardless-nodejs";
import * as mercadopago from "mercadopago";
import { webhooks as worldline } from "onlinepayments-sdk-nodejs";
import OpenAI from "openai";
import Orb from "orb-billing";
import Pusher from "pusher";
import Razorpay from "razorpay";
import { validateWebhook as validateReplicate } from "replicate";
import Retell from "retell-sdk";

const easypost = new EasyPost("nobody");
const finch = new Finch();
const metronome = new Metronome({ bearerToken: "nobody" });
const mux = new Mux({ tokenId: "nobody", tokenSecret: "nobody" });
const openai = new OpenAI({ apiKey: "nobody" });
const orb = new Orb({ apiKey: "nobody" });
const paddle = new Paddle("nobody");
const workos = new WorkOS("nobody").webhooks;

const crisp = new Crisp();
crisp.setRtmMode("webhooks");
await crisp.on("message:send", () => {});

const gateway = (message) =>
  new braintree.BraintreeGateway({
    environment: braintree.Environment.Sandbox,
    merchantId: "nobody",
    publicKey: message.params.public_key,
    privateKey: message.secret,
  });

const pathOf = (message) => message.url.slice(new URL(message.url).origin.length);
const fields = (message) => Object.fromEntries(new URLSearchParams(message.body));

const sign = {
  braintree: (m) => {
    const { bt_signature, bt_payload } = gateway(m).webhookTesting.sampleNotification("check", "evt_1");
    return { body: new URLSearchParams({ bt_signature, bt_payload }).toString() };
  },
  cloudinary: (m) => ({
    headers: {
      "x-cld-timestamp": String(m.time),
      "x-cld-signature": cloudinary.v2.utils.webhook_signature(m.body, m.time, { api_secret: m.secret }),
    },
  }),
  contentful: (m) => {
    const request = { method: m.method, path: pathOf(m), headers: m.headers, body: m.body };
    return { headers: contentful.signRequest(m.secret, request, m.time * 1000) };
  },
  // it signs with the clock
  hygraph: (m) => ({
    headers: { "gcms-signature": hygraph.generateWebhookSignature({ rawPayload: m.body, secret: m.secret }) },
  }),
  notion: async (m) => ({
    headers: { "x-notion-signature": await notion.signWebhookPayload({ body: m.body, verificationToken: m.secret }) },
  }),
  retell: (m) => ({ headers: { "x-retell-signature": Retell.sign(m.body, m.secret) } }),
  sanity: async (m) => ({
    headers: { "sanity-webhook-signature": await sanity.encodeSignatureHeader(m.body, m.time * 1000, m.secret) },
  }),
  workos: async (m) => {
    const signature = await workos.computeSignature(m.time * 1000, JSON.parse(m.body), m.secret);
    return { headers: { "workos-signature": `t=${m.time * 1000}, v1=${signature}` } };
  },
};

// Runs a verifier that throws for "no", told by the error's class or message; every other error ends the run.
const refuses = async (no, verifier) => {
  try {
    return (await verifier()) !== false;
  } catch (error) {
    if (no.test(`${error.constructor.name}: ${error.message}`)) return false;
    throw error;
  }
};

// What the libraries that Stainless generates say.
const STALE_OR_OTHER = /match(es|ing)? the expected signature|Webhook timestamp is too old/;

const verify = {
  braintree: (m) => {
    const { bt_signature, bt_payload } = fields(m);
    return refuses(/does not match payload/, () => gateway(m).webhookNotification.parse(bt_signature, bt_payload));
  },
  cloudinary: (m) => {
    cloudinary.v2.config({ api_secret: m.secret });
    const [time, signature] = [m.headers["x-cld-timestamp"], m.headers["x-cld-signature"]];
    return cloudinary.v2.utils.verifyNotificationSignature(m.body, time, signature);
  },
  contentful: (m) => {
    const request = { method: m.method, path: pathOf(m), headers: m.headers, body: m.body };
    return refuses(/ExpiredRequestException/, () => contentful.verifyRequest(m.secret, request, 300));
  },
  crisp: (m) => {
    const [time, signature] = [m.headers["x-crisp-request-timestamp"], m.headers["x-crisp-signature"]];
    return crisp.verifyHook(m.secret, JSON.parse(m.body), time, signature);
  },
  easypost: (m) =>
    refuses(/did not originate from/, () =>
      easypost.Utils.validateWebhook(Buffer.from(m.body), m.headers, m.secret),
    ),
  finch: (m) => refuses(STALE_OR_OTHER, () => finch.webhooks.verifySignature(m.body, m.headers, m.secret)),
  fingerprint: (m) =>
    fingerprint.isValidWebhookSignature({
      header: m.headers["fpjs-event-signature"],
      data: Buffer.from(m.body),
      secret: m.secret,
    }),
  fintoc: (m) =>
    refuses(/WebhookSignatureError/, () =>
      fintoc.WebhookSignature.verifyHeader(m.body, m.headers["fintoc-signature"], m.secret),
    ),
  gocardless: (m) =>
    refuses(/signature header secret does not match/, () =>
      gocardless.parse(m.body, m.secret, m.headers["webhook-signature"]),
    ),
  hygraph: (m) =>
    hygraph.verifyWebhookSignature({ signature: m.headers["gcms-signature"], rawPayload: m.body, secret: m.secret }),
  line: (m) => line.validateSignature(m.body, m.secret, m.headers["x-line-signature"]),
  mercadopago: (m) =>
    refuses(/InvalidWebhookSignatureError/, () =>
      mercadopago.WebhookSignatureValidator.validate({
        xSignature: m.headers["x-signature"],
        xRequestId: m.headers["x-request-id"],
        dataId: new URL(m.url).searchParams.get("data.id"),
        secret: m.secret,
      }),
    ),
  metronome: (m) => refuses(STALE_OR_OTHER, () => metronome.webhooks.verifySignature(m.body, m.headers, m.secret)),
  mux: (m) => refuses(STALE_OR_OTHER, () => mux.webhooks.verifySignature(m.body, m.headers, m.secret)),
  notion: (m) =>
    notion.verifyWebhookSignature({
      body: m.body,
      signature: m.headers["x-notion-signature"],
      verificationToken: m.secret,
    }),
  openai: (m) =>
    refuses(/InvalidWebhookSignatureError/, () => openai.webhooks.unwrap(m.body, m.headers, m.secret)),
  orb: (m) => refuses(STALE_OR_OTHER, () => orb.webhooks.verifySignature(m.body, m.headers, m.secret)),
  "paddle-billing": (m) => paddle.webhooks.isSignatureValid(m.body, m.secret, m.headers["paddle-signature"]),
  pusher: (m) => {
    const app = new Pusher({ appId: "1", key: m.params.key, secret: m.secret });
    return app.webhook({ headers: m.headers, rawBody: m.body }).isValid();
  },
  razorpay: (m) => Razorpay.validateWebhookSignature(m.body, m.headers["x-razorpay-signature"], m.secret),
  replicate: (m) => validateReplicate({ headers: m.headers, body: m.body }, m.secret),
  retell: (m) => Retell.verify(m.body, m.secret, m.headers["x-retell-signature"]),
  sanity: (m) => sanity.isValidSignature(m.body, m.headers["sanity-webhook-signature"], m.secret),
  workos: (m) =>
    refuses(/SignatureVerificationException/, () =>
      workos.constructEvent({
        payload: JSON.parse(m.body),
        sigHeader: m.headers["workos-signature"],
        secret: m.secret,
      }),
    ),
  worldline: (m) => {
    const store = { getSecretKey: async () => m.secret };
    return refuses(/failed to validate signature/, () => worldline.init(store).validate(m.body, m.headers));
  },
};

const done = async (job) => {
  const message = { ...job, body: Buffer.from(job.body, "base64").toString() };
  if (job.do === "verify") return { accepted: await verify[job.provider](message) };
  const { headers = {}, body = message.body } = await sign[job.provider](message);
  return { headers, body: Buffer.from(body).toString("base64") };
};

const { jobs } = JSON.parse(fs.readFileSync(0, "utf8"));
const results = [];
// one after the other: some libraries are configured as a whole
for (const job of jobs) results.push(await done(job));
process.stdout.write(JSON.stringify(results));
