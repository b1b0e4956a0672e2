import { Readable } from "node:stream";
import { ModlinguaError } from "../base/index.js";
import type { PartialFile } from "./partialFile.js";

/** A failure of one attempt: `passing` ones are worth another try at the same address, after `waitMilliseconds` if the server named a time. */
export class TransferError extends Error {
  constructor(message: string, readonly passing: boolean, readonly waitMilliseconds?: number) {
    super(message);
    this.name = "TransferError";
  }
}

export interface TransferOptions {
  readonly fetch: typeof fetch;
  /** Sent as bearer token, but only to hosts of `tokenHost`. */
  readonly token: string | undefined;
  readonly tokenHost: string;
  /** Longest silence of the server. */
  readonly timeoutMilliseconds: number;
  readonly signal: AbortSignal | undefined;
  readonly onBytes: (done: number, total: number | undefined) => void;
}

/** What a finished transfer knows about the body. */
export interface Transferred {
  /** sha256 that the server states for the file (the hub does, in X-Linked-ETag, for large files). */
  readonly statedSha256: string | undefined;
  /** True where the body continues bytes of an earlier attempt. */
  readonly resumed: boolean;
}

const maxRedirects = 5;

/** One attempt to complete `part` from `address`: asks for the missing bytes where the earlier ones are still valid, else for all. */
export async function transfer(address: string, part: PartialFile, options: TransferOptions): Promise<Transferred> {
  const watch = new SilenceWatch(options.timeoutMilliseconds, options.signal);
  try {
    const { response, statedSha256 } = await request(address, part, options, watch.signal);
    watch.heard();
    if (response.status !== 200 && response.status !== 206) await response.body?.cancel();
    const resumed = acceptStatus(address, response, part);
    if (response.status !== 416) await receive(address, response, part, options, watch, resumed);
    return { statedSha256, resumed };
  } catch (error) {
    throw explained(error, address, options, watch);
  } finally {
    watch.stop();
  }
}

async function request(address: string, part: PartialFile, options: TransferOptions, signal: AbortSignal): Promise<{ response: Response; statedSha256: string | undefined }> {
  let url = new URL(address);
  let statedSha256: string | undefined;
  for (let hops = 0; hops <= maxRedirects; hops++) {
    const response = await options.fetch(url, { headers: headersFor(url, part, options), redirect: "manual", signal });
    statedSha256 ??= /^"?([0-9a-f]{64})"?$/.exec(response.headers.get("x-linked-etag") ?? "")?.[1];
    const location = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || location === null) return { response, statedSha256 };
    await response.body?.cancel();
    url = new URL(location, url);
  }
  throw new TransferError(`more than ${maxRedirects} redirects`, false);
}

function headersFor(url: URL, part: PartialFile, { token, tokenHost }: TransferOptions): Record<string, string> {
  const source = part.source;
  return {
    "accept-encoding": "identity",
    "user-agent": "modlingua",
    ...(source === undefined ? {} : { range: `bytes=${part.size}-`, "if-range": source.etag }),
    ...(token !== undefined && url.host === tokenHost ? { authorization: `Bearer ${token}` } : {}),
  };
}

/** Prepares `part` for the body that follows; says whether it continues what is there. Throws for a status that brings no body. */
function acceptStatus(address: string, response: Response, part: PartialFile): boolean {
  const { status } = response;
  if (status === 206 && startOfRange(response) === part.size) return true;
  if (status === 416 && totalOfRange(response) === part.size) return true;
  if (status === 206 || status === 416) {
    part.restart();
    throw new TransferError(`${status}: the server's range is not the one asked for`, true, 0);
  }
  if (status === 200) {
    part.restart(resumableSource(response));
    return false;
  }
  throw refusal(address, response);
}

/** A weak validator promises no equal bytes, so it can not be resumed upon (RFC 9110, 13.1.5). */
function resumableSource(response: Response): { etag: string } | undefined {
  const etag = response.headers.get("etag");
  return etag === null || etag.startsWith("W/") || isEncoded(response) ? undefined : { etag };
}

function refusal(address: string, response: Response): TransferError {
  const { status } = response;
  const passing = status === 408 || status === 425 || status === 429 || status >= 500;
  const hint = status === 401 || status === 403 ? " (not allowed; a gated or private file of the hub needs HF_TOKEN)" : status === 404 ? " (no such file)" : "";
  const seconds = Number(response.headers.get("retry-after") ?? NaN);
  return new TransferError(`${new URL(address).host} answered ${status}${hint}`, passing, Number.isFinite(seconds) ? seconds * 1000 : undefined);
}

async function receive(address: string, response: Response, part: PartialFile, { onBytes }: TransferOptions, watch: SilenceWatch, resumed: boolean): Promise<void> {
  if (response.headers.get("content-type")?.startsWith("text/html") === true) {
    part.restart();
    await response.body?.cancel();
    throw webPage(address);
  }
  const length = Number(response.headers.get("content-length") ?? NaN);
  const total = Number.isFinite(length) && !isEncoded(response) ? length + part.size : undefined;
  const body = resumed ? bodyOf(response) : refuseWebPage(bodyOf(response), address);
  await part.append(body, (done) => {
    watch.heard();
    onBytes(done, total);
  });
  if (total !== undefined && part.size < total) throw new TransferError(`the body ended after ${part.size} of ${total} bytes`, true);
}

/** Some gateways answer 200 with their page and call it a binary, so the first bytes are looked at too. */
async function* refuseWebPage(chunks: AsyncIterable<Uint8Array>, address: string): AsyncGenerator<Uint8Array> {
  let first = true;
  for await (const chunk of chunks) {
    if (first && /^\s*<(!doctype\s+html|html)/i.test(Buffer.from(chunk.subarray(0, 256)).toString("latin1"))) throw webPage(address);
    first = false;
    yield chunk;
  }
}

function webPage(address: string): TransferError {
  return new TransferError(`${new URL(address).host} answered with a web page instead of the file (a login, an error page or a captive network)`, false);
}

/** Node's body streams are iterable; the DOM's types do not say so. */
function bodyOf(response: Response): AsyncIterable<Uint8Array> {
  return (response.body ?? Readable.from([])) as unknown as AsyncIterable<Uint8Array>;
}

function isEncoded(response: Response): boolean {
  return !["identity", ""].includes(response.headers.get("content-encoding") ?? "");
}

function startOfRange(response: Response): number {
  return Number(/^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1] ?? NaN);
}

function totalOfRange(response: Response): number {
  return Number(/^bytes \*\/(\d+)/.exec(response.headers.get("content-range") ?? "")?.[1] ?? NaN);
}

function explained(error: unknown, address: string, { signal, timeoutMilliseconds }: TransferOptions, watch: SilenceWatch): Error {
  if (error instanceof TransferError || error instanceof ModlinguaError) return error;
  const host = new URL(address).host;
  if (signal?.aborted === true) return new ModlinguaError("aborted", "the download was interrupted; what has arrived is kept", { file: address, cause: error });
  if (watch.fired) return new TransferError(`${host} was silent for ${timeoutMilliseconds / 1000} s`, true);
  const { cause, message } = error as Error & { cause?: { message?: string; code?: string } };
  return new TransferError(`${host}: ${cause?.code ?? cause?.message ?? message}`, true);
}

/** A signal that fires when nothing has been heard for a time, or when the caller's does. */
class SilenceWatch {
  fired = false;
  readonly #controller = new AbortController();
  readonly #forward = (): void => this.#controller.abort(this.outer?.reason);
  #timer: NodeJS.Timeout;

  constructor(readonly milliseconds: number, readonly outer: AbortSignal | undefined) {
    this.#timer = setTimeout(() => this.#fire(), milliseconds);
    if (outer?.aborted === true) this.#forward();
    else outer?.addEventListener("abort", this.#forward);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  heard(): void {
    this.#timer.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.outer?.removeEventListener("abort", this.#forward);
  }

  #fire(): void {
    this.fired = true;
    this.#controller.abort();
  }
}
