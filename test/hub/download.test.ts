import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { fork } from "node:child_process";
import { ModlinguaError } from "#src/base/index.js";
import { download, downloadRepository, resolveBackboneFolder } from "#src/hub/index.js";
import type { DownloadOptions } from "#src/hub/index.js";

const body = randomBytes(300_000);
const sha256 = createHash("sha256").update(body).digest("hex");

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const send = (content: Buffer, headers: Record<string, string | number> = {}, status = 200): Answer => (_, response) =>
  void response.writeHead(status, { "content-type": "application/octet-stream", "content-length": content.length, ...headers }).end(content);
/** Sends the start of the body under its whole length, then breaks the connection. */
const breakAfter = (bytes: number, headers: Record<string, string> = {}): Answer => (_, response) => {
  response.writeHead(200, { "content-length": body.length, ...headers });
  response.write(body.subarray(0, bytes), () => setTimeout(() => response.destroy(), 20));
};
/** An honest server of ranges. */
const ranged = (etag: string): Answer => (request, response) => {
  const from = /^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1];
  if (from === undefined || request.headers["if-range"] !== etag) return send(body, { etag })(request, response);
  if (Number(from) >= body.length) return send(Buffer.alloc(0), { "content-range": `bytes */${body.length}` }, 416)(request, response);
  return send(body.subarray(Number(from)), { etag, "content-range": `bytes ${from}-${body.length - 1}/${body.length}` }, 206)(request, response);
};
const status = (code: number, headers: Record<string, string> = {}): Answer => send(Buffer.from("no"), headers, code);

let server: Server;
let base: string;
let folder: string;
let seen: IncomingMessage[] = [];
let slept: number[] = [];
let answers = new Map<string, Answer[]>();

/** Queues answers for a path; the last one stays. */
const serve = (path: string, ...queue: Answer[]): string => {
  answers.set(path, queue);
  return `${base}${path}`;
};
const options = (more: DownloadOptions = {}): DownloadOptions => ({ clock: { sleep: async (milliseconds) => void slept.push(milliseconds) }, env: {}, timeoutMilliseconds: 400, ...more });
const target = (): string => join(folder, "deep", "file.bin");
const refusal = (pattern: RegExp, kind = "download") => (error: unknown): boolean => {
  assert.ok(error instanceof ModlinguaError, String(error));
  assert.equal(error.kind, kind);
  assert.match(error.message, pattern);
  return true;
};
const leftovers = (): string[] => readdirSync(dirname(target()));

describe("download", () => {
  before(async () => {
    server = createServer((request, response) => {
      seen.push(request);
      const queue = answers.get((request.url ?? "").split("?")[0]!) ?? [status(404)];
      (queue.length > 1 ? queue.shift()! : queue[0]!)(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "modlingua-download-"));
    [seen, slept, answers] = [[], [], new Map()];
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("brings the bytes, tells progress, and does not ask again", async () => {
    const steps: number[] = [];
    const request = { addresses: [serve("/a", send(body))], file: target(), sha256 };
    assert.equal(await download(request, options({
      onProgress: ({ done, total, unit }) => {
        steps.push(done);
        assert.deepEqual([total, unit], [body.length, "bytes"]);
      },
    })), target());
    assert.deepEqual(readFileSync(target()), body);
    assert.equal(steps.at(-1), body.length);
    await download(request, options());
    assert.equal(seen.length, 1);
    assert.deepEqual(leftovers(), ["file.bin"]);
  });

  it("refuses and removes bytes with another sha256", async () => {
    const request = { addresses: [serve("/a", send(Buffer.from("something else")))], file: target(), sha256 };
    await assert.rejects(download(request, options()), refusal(/the bytes have sha256 \w{12}…, expected \w{12}…, so they were removed/));
    assert.equal(seen.length, 1);
    assert.deepEqual(leftovers(), []);
  });

  it("replaces a file in the cache that has another sha256", async () => {
    await download({ addresses: [serve("/a", send(Buffer.from("old")))], file: target() }, options());
    await download({ addresses: [serve("/a", send(body))], file: target(), sha256 }, options());
    assert.deepEqual(readFileSync(target()), body);
  });

  it("resumes a broken body under the same ETag", async () => {
    const address = serve("/a", breakAfter(100_000, { etag: '"v1"' }), ranged('"v1"'));
    await download({ addresses: [address], file: target(), sha256 }, options());
    assert.deepEqual(readFileSync(target()), body);
    assert.match(seen[1]!.headers.range!, /^bytes=[1-9]\d*-$/);
    assert.equal(seen[1]!.headers["if-range"], '"v1"');
    assert.deepEqual(slept, [500]);
  });

  it("begins anew when the ETag changed, or the server gives no validator", async () => {
    const changed = serve("/a", breakAfter(100_000, { etag: '"v1"' }), ranged('"v2"'));
    await download({ addresses: [changed], file: target(), sha256 }, options());
    assert.deepEqual(readFileSync(target()), body);
    rmSync(target());
    const none = serve("/b", breakAfter(100_000, { etag: 'W/"weak"' }), ranged('W/"weak"'));
    await download({ addresses: [none], file: target(), sha256 }, options());
    assert.equal(seen.at(-1)!.headers.range, undefined);
  });

  it("a later call takes over what an interrupted one left", async () => {
    const address = serve("/a", (_, response) => {
      response.writeHead(200, { "content-length": body.length, etag: '"v1"' });
      response.write(body.subarray(0, 120_000)); // and then silence
    });
    const controller = new AbortController();
    const onProgress = ({ done }: { done: number }): void => void (done >= 120_000 && controller.abort());
    await assert.rejects(download({ addresses: [address], file: target(), sha256 }, options({ signal: controller.signal, onProgress })), refusal(/interrupted/, "aborted"));
    assert.ok(!existsSync(target()) && leftovers().length === 1);
    serve("/a", ranged('"v1"'));
    await download({ addresses: [address], file: target(), sha256 }, options());
    assert.equal(seen.at(-1)!.headers.range, "bytes=120000-");
    assert.deepEqual(readFileSync(target()), body);
    assert.deepEqual(leftovers(), ["file.bin"]);
  });

  it("answers 416 to a whole file by taking it, to a longer one by beginning anew", async () => {
    const address = serve("/a", (_, response) => {
      response.writeHead(200, { etag: '"v1"', "transfer-encoding": "chunked" });
      response.write(body, () => setTimeout(() => response.destroy(), 20)); // all bytes, but no end
    }, ranged('"v1"'));
    await download({ addresses: [address], file: target(), sha256 }, options());
    assert.equal(seen[1]!.headers.range, `bytes=${body.length}-`);
    assert.deepEqual(readFileSync(target()), body);
    rmSync(target());
    const shrunk = serve("/b", breakAfter(200_000, { etag: '"v1"' }), status(416, { "content-range": "bytes */10" }), ranged('"v1"'));
    await download({ addresses: [shrunk], file: target(), sha256 }, options());
    assert.deepEqual(readFileSync(target()), body);
  });

  it("a resumed body that makes a wrong whole is fetched once more from its start", async () => {
    const address = serve("/a", (_, response) => {
      response.writeHead(200, { "content-length": body.length, etag: '"v1"' });
      response.write(randomBytes(100_000), () => setTimeout(() => response.destroy(), 20));
    }, ranged('"v1"'));
    await download({ addresses: [address], file: target(), sha256 }, options());
    assert.equal(seen.length, 3);
    assert.deepEqual(readFileSync(target()), body);
  });

  it("waits and tries again after 429, 503 and silence, as long as Retry-After says", async () => {
    const address = serve("/a", status(429, { "retry-after": "7" }), status(503), () => undefined, send(body));
    await download({ addresses: [address], file: target(), sha256 }, options());
    assert.deepEqual(slept, [7000, 1000, 2000]);
  });

  it("gives up after the attempts, naming what was answered", async () => {
    const address = serve("/a", status(503));
    await assert.rejects(download({ addresses: [address], file: target(), sha256 }, options({ attempts: 3 })), refusal(/127\.0\.0\.1:\d+ answered 503, after 3 attempts/));
    assert.equal(seen.length, 3);
    assert.deepEqual(slept, [500, 1000]);
  });

  it("goes on to the next mirror, and names all when none helps", async () => {
    const [gone, lying, good] = [serve("/gone", status(404)), serve("/lying", send(Buffer.from("x".repeat(300_000)))), serve("/good", send(body))];
    await download({ addresses: [gone, lying, good], file: target(), sha256 }, options());
    assert.deepEqual(readFileSync(target()), body);
    rmSync(target());
    await assert.rejects(download({ addresses: [gone, lying], file: target(), sha256 }, options()), refusal(/\/gone: .*404 \(no such file\); .*\/lying: the bytes have sha256/));
    await assert.rejects(download({ addresses: [], file: target() }, options()), refusal(/no address is known/));
  });

  it("refuses a web page where a file is wanted, whatever it is called", async () => {
    const page = Buffer.from("\n<!DOCTYPE html><html>Please log in</html>");
    for (const headers of [{ "content-type": "text/html; charset=utf-8" }, { "content-type": "application/octet-stream", etag: '"page"' }]) {
      await assert.rejects(download({ addresses: [serve("/a", send(page, headers))], file: target() }, options()), refusal(/web page instead of the file/));
      assert.deepEqual(leftovers(), []);
    }
  });

  it("distrusts lengths: a body shorter than stated, or other than the manifest's", async () => {
    await assert.rejects(download({ addresses: [serve("/a", breakAfter(50_000))], file: target() }, options({ attempts: 2 })), refusal(/after 2 attempts/));
    await assert.rejects(download({ addresses: [serve("/b", send(body.subarray(0, 1000)))], file: target(), bytes: body.length }, options()), refusal(/1000 bytes came, expected 300000/));
    await assert.rejects(download({ addresses: [serve("/c", send(Buffer.alloc(0)))], file: target() }, options()), refusal(/empty body/));
    assert.deepEqual(leftovers(), []);
  });

  it("follows redirects, not for ever, and shows the token to the hub alone", async () => {
    const other = createServer((request, response) => {
      seen.push(request);
      send(body)(request, response);
    });
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const elsewhere = `http://127.0.0.1:${(other.address() as AddressInfo).port}/file`;
    const env = { HF_TOKEN: "secret", HF_ENDPOINT: base };
    await download({ addresses: [serve("/a", status(302, { location: elsewhere }))], file: target(), sha256 }, options({ env }));
    other.close();
    assert.deepEqual(seen.map((request) => request.headers.authorization), ["Bearer secret", undefined]);
    await assert.rejects(download({ addresses: [serve("/loop", status(302, { location: "/loop" }))], file: `${target()}2` }, options()), refusal(/more than 5 redirects/));
  });

  it("checks a sha256 that the hub states itself", async () => {
    const stated = status(302, { location: "/blob", "x-linked-etag": `"${sha256}"` });
    serve("/blob", send(Buffer.from("other")));
    await assert.rejects(download({ addresses: [serve("/a", stated)], file: target() }, options()), refusal(/the bytes have sha256/));
    serve("/blob", send(body));
    await download({ addresses: [serve("/a", stated)], file: target() }, options());
  });

  it("offline works from the cache and refuses the rest without asking", async () => {
    const request = { addresses: [serve("/a", send(body))], file: target(), sha256 };
    for (const env of [{ MODLINGUA_OFFLINE: "1" }, { HF_HUB_OFFLINE: "true" }]) await assert.rejects(download(request, options({ env })), refusal(/not in the cache, and MODLINGUA_OFFLINE/));
    assert.equal(seen.length, 0);
    await download(request, options());
    await download(request, options({ env: { MODLINGUA_OFFLINE: "1" } }));
    assert.equal(seen.length, 1);
  });

  it("two downloads of one file at once both end well", async () => {
    const request = { addresses: [serve("/a", breakAfter(90_000, { etag: '"v1"' }), breakAfter(10_000, { etag: '"v1"' }), ranged('"v1"'))], file: target(), sha256 };
    await Promise.all([download(request, options()), download(request, options())]);
    assert.deepEqual(readFileSync(target()), body);
    assert.deepEqual(leftovers(), ["file.bin"]);
  });

  it("takes over the part of a process that was killed", async () => {
    const script = join(folder, "killed.mjs");
    const address = serve("/a", (_, response) => {
      response.writeHead(200, { "content-length": body.length, etag: '"v1"' });
      response.write(body.subarray(0, 150_000));
    });
    writeFileSync(script, `import { download } from ${JSON.stringify(join(process.cwd(), "dist/hub/index.js"))};
      await download({ addresses: [${JSON.stringify(address)}], file: ${JSON.stringify(target())} }, { env: {}, onProgress: ({ done }) => done >= 150000 && setTimeout(() => process.kill(process.pid, "SIGKILL"), 50) });`);
    const child = fork(script);
    await new Promise((resolve) => child.on("exit", resolve));
    assert.equal(leftovers().length, 1);
    serve("/a", ranged('"v1"'));
    await download({ addresses: [address], file: target(), sha256 }, options());
    assert.equal(seen.at(-1)!.headers.range, "bytes=150000-");
    assert.deepEqual(leftovers(), ["file.bin"]);
  });

  it("fetches an encoder of the hub, without what it does not have, and then works offline", async () => {
    const env = { HF_ENDPOINT: base, MODLINGUA_CACHE: folder };
    for (const file of ["config.json", "tokenizer.json", "tokenizer_config.json", "onnx/model.onnx"]) serve(`/org/tiny/resolve/main/${file}`, send(Buffer.from(file)));
    const home = await downloadRepository("org/tiny", options({ env }));
    assert.deepEqual(readdirSync(home).sort(), ["config.json", "onnx", "tokenizer.json", "tokenizer_config.json"]);
    const asked = seen.length;
    assert.equal(await downloadRepository("org/tiny", options({ env: { ...env, MODLINGUA_OFFLINE: "1" } })), home);
    assert.equal(seen.length, asked);
    answers.delete("/org/other/resolve/main/config.json");
    await assert.rejects(downloadRepository("org/other", options({ env })), refusal(/org\/other\/config\.json: could not be fetched .*404/));
  });

  it("finds a snapshot that other tools left in the Hugging Face cache", async () => {
    const home = join(folder, "hub", "models--org--cached");
    mkdirSync(join(home, "refs"), { recursive: true });
    mkdirSync(join(home, "snapshots", "abc", "onnx"), { recursive: true });
    writeFileSync(join(home, "refs", "main"), "abc");
    for (const file of ["tokenizer.json", "onnx/model.onnx"]) writeFileSync(join(home, "snapshots", "abc", file), "x");
    const before = process.env["HF_HOME"];
    process.env["HF_HOME"] = folder;
    try {
      const found = await resolveBackboneFolder("org/cached");
      assert.equal(found.modelFile, join(home, "snapshots", "abc", "onnx/model.onnx"));
      assert.equal(found.origin, "hub org/cached@main");
    } finally {
      if (before === undefined) delete process.env["HF_HOME"];
      else process.env["HF_HOME"] = before;
    }
  });
});
