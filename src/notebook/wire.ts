import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";
import { ModlinguaError } from "../base/index.js";

/** How a client finds a kernel: the connection file of the Jupyter protocol. */
export interface Connection {
  readonly ip: string;
  readonly transport: "tcp";
  readonly shell_port: number;
  readonly iopub_port: number;
  readonly stdin_port: number;
  readonly control_port: number;
  readonly hb_port: number;
  readonly key: string;
  readonly signature_scheme: "hmac-sha256";
  readonly kernel_name: string;
}

export interface Message {
  readonly id: string;
  readonly type: string;
  /** `msg_id` of the request it answers. */
  readonly parent: string | undefined;
  readonly content: Readonly<Record<string, unknown>>;
}

const delimiter = Buffer.from("<IDS|MSG>");

function sign(key: string, parts: readonly (string | Buffer)[]): string {
  const hash = createHmac("sha256", key);
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

/** Frames of a request (protocol 5.3): delimiter, signature, header, parent header, metadata, content. */
export function encodeRequest(key: string, session: string, type: string, content: unknown): { id: string; frames: (string | Buffer)[] } {
  const id = randomUUID();
  const header = { msg_id: id, msg_type: type, session, username: "modlingua", date: new Date().toISOString(), version: "5.3" };
  const parts = [header, {}, {}, content].map((part) => JSON.stringify(part));
  return { id, frames: [delimiter, sign(key, parts), ...parts] };
}

/** A message from its frames; identities or a topic may stand before the delimiter. Refuses a wrong signature. */
export function decodeMessage(key: string, frames: readonly Buffer[]): Message {
  const at = frames.findIndex((frame) => frame.equals(delimiter));
  const [signature, ...parts] = frames.slice(at + 1);
  if (at < 0 || signature === undefined || parts.length < 4) throw new ModlinguaError("format", `a kernel message needs a delimiter and 5 frames, got ${frames.length} frames`);
  const signed = parts.slice(0, 4);
  const expected = Buffer.from(sign(key, signed));
  if (expected.length !== signature.length || !timingSafeEqual(expected, signature)) throw new ModlinguaError("format", "a kernel message has a wrong signature");
  const [header, parent, , content] = signed.map((part) => JSON.parse(part.toString()) as Record<string, unknown>);
  return { id: String(header!["msg_id"]), type: String(header!["msg_type"]), parent: parent!["msg_id"] === undefined ? undefined : String(parent!["msg_id"]), content: content! };
}
