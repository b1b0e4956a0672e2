import { existsSync, rmSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ModlinguaError, throwIfAborted } from "../base/index.js";
import type { ProgressListener } from "../base/index.js";
import { isOffline } from "./cacheRoot.js";
import { PartialFile, sha256OfFile } from "./partialFile.js";
import { TransferError, transfer } from "./transfer.js";
import type { Transferred } from "./transfer.js";

/** A file wanted from the network. */
export interface DownloadRequest {
  /** Addresses that serve the same bytes, the best first. */
  readonly addresses: readonly string[];
  /** Where it shall lie. */
  readonly file: string;
  /** Decides whether the bytes are the right ones. Without it the length the server states, or a sha256 it states, is all there is. */
  readonly sha256?: string;
  readonly bytes?: number;
  /** A word for progress and errors; default: the file's path. */
  readonly title?: string;
}

/** The world outside, so that tests need no waiting. */
export interface Clock {
  /** Resolves after the time, or as soon as the signal fires. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export interface DownloadOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: ProgressListener;
  readonly fetch?: typeof fetch;
  readonly clock?: Clock;
  /** Attempts an address. Default 5. */
  readonly attempts?: number;
  /** Longest silence of a server before the attempt counts as failed. Default 30,000. */
  readonly timeoutMilliseconds?: number;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export const hubEndpoint = "https://huggingface.co";

const realClock: Clock = { sleep: (milliseconds, signal) => sleep(milliseconds, undefined, signal === undefined ? {} : { signal }).catch(() => undefined) };

/**
 * Brings a file to `request.file` and returns its path. A file already there is used if its sha256 (else its length) is right.
 * Attempts resume where the last one ended (Range with If-Range), wait 0.5 s · 2ⁿ (at most 30 s, or what Retry-After says) after
 * 408, 425, 429, 5xx, silence and broken connections, and go on to the next address after anything else. The file appears complete or not at all,
 * and two processes may fetch it at once. Wrong bytes are removed. Throws kind "download" with each address and what it answered.
 */
export async function download(request: DownloadRequest, options: DownloadOptions = {}): Promise<string> {
  if (await isPresent(request)) return request.file;
  const env = options.env ?? process.env;
  if (isOffline(env)) {
    throw new ModlinguaError("download", "is not in the cache, and MODLINGUA_OFFLINE or HF_HUB_OFFLINE forbids fetching it",
      { file: request.file, remedy: `unset it, or fetch ${request.addresses[0] ?? "the file"} elsewhere and put it there` });
  }
  const part = PartialFile.claim(request.file);
  try {
    await complete(request, part, options, env);
    part.finish();
    return request.file;
  } finally {
    part.abandon();
  }
}

async function isPresent({ file, sha256, bytes }: DownloadRequest): Promise<boolean> {
  if (!existsSync(file)) return false;
  const right = sha256 !== undefined ? (await sha256OfFile(file)) === sha256 : bytes === undefined || statSync(file).size === bytes;
  if (!right) rmSync(file, { force: true });
  return right;
}

/** Goes through the addresses until one gives the right bytes. */
async function complete(request: DownloadRequest, part: PartialFile, options: DownloadOptions, env: NonNullable<DownloadOptions["env"]>): Promise<void> {
  const failures: string[] = [];
  for (const address of request.addresses) {
    const failure = await completeFrom(address, request, part, options, env);
    if (failure === undefined) return;
    failures.push(`${address}: ${failure}`);
  }
  throw new ModlinguaError("download", `could not be fetched (${failures.join("; ") || "no address is known"})`,
    { file: request.title ?? request.file, remedy: "check the network and the name, or put the file into the cache by hand and set MODLINGUA_OFFLINE=1" });
}

/** Attempts at one address; the reason why it was given up, or undefined when the bytes are here and right. */
async function completeFrom(address: string, request: DownloadRequest, part: PartialFile, options: DownloadOptions, env: NonNullable<DownloadOptions["env"]>): Promise<string | undefined> {
  const { attempts = 5, clock = realClock, signal } = options;
  let reason = "no attempt was made";
  for (let attempt = 0; attempt < attempts; attempt++) {
    throwIfAborted(signal, `the download of ${request.title ?? request.file}`);
    try {
      const transferred = await transfer(address, part, transferOptions(request, options, env));
      const fault = await faultOf(part, request, transferred);
      if (fault === undefined) return undefined;
      part.restart();
      reason = fault;
      if (!transferred.resumed) return reason; // all of it is this server's: asking again brings the same bytes
    } catch (error) {
      if (!(error instanceof TransferError)) throw error;
      reason = error.message;
      if (!error.passing) return reason;
      if (attempt + 1 < attempts) await clock.sleep(error.waitMilliseconds ?? Math.min(30_000, 500 * 2 ** attempt), signal);
    }
  }
  return `${reason}, after ${attempts} attempts`;
}

function transferOptions(request: DownloadRequest, options: DownloadOptions, env: NonNullable<DownloadOptions["env"]>): Parameters<typeof transfer>[2] {
  const { fetch: fetchIt = fetch, timeoutMilliseconds = 30_000, signal, onProgress } = options;
  const onBytes = (done: number, total: number | undefined): void => onProgress?.({ task: `fetch ${request.title ?? request.file}`, done, total: request.bytes ?? total ?? done, unit: "bytes" });
  return { fetch: fetchIt, token: env["HF_TOKEN"] || undefined, tokenHost: new URL(env["HF_ENDPOINT"] || hubEndpoint).host, timeoutMilliseconds, signal, onBytes };
}

/** Why the bytes held are not the file wanted, if they are not. */
async function faultOf(part: PartialFile, request: DownloadRequest, { statedSha256 }: Transferred): Promise<string | undefined> {
  if (request.bytes !== undefined && part.size !== request.bytes) return `${part.size} bytes came, expected ${request.bytes}`;
  const expected = request.sha256 ?? statedSha256;
  if (expected === undefined) return part.size === 0 ? "an empty body came" : undefined;
  const sha256 = await part.sha256();
  return sha256 === expected ? undefined : `the bytes have sha256 ${sha256.slice(0, 12)}…, expected ${expected.slice(0, 12)}…, so they were removed`;
}
