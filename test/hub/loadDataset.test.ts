import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { ModlinguaError } from "#src/base/index.js";
import { loadDataset } from "#src/hub/index.js";

const shared = join(process.cwd(), "..", "shared", "data");
const skip = existsSync(shared) ? false : "the shared data folder is not there";

describe("loadDataset over the network", () => {
  let server: Server;
  let mirror: string;
  let folder: string;
  const asked: string[] = [];
  const served = new Map<string, Buffer>();
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "modlingua-datasets-"));
    server = createServer((request, response) => {
      asked.push(request.url!);
      const body = served.get(request.url!);
      response.writeHead(body === undefined ? 404 : 200).end(body ?? "no");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  /** Nothing but the local server may be asked. */
  const localFetch: typeof fetch = (input, init) => (String(input).startsWith(mirror) ? fetch(input, init) : Promise.resolve(new Response("no", { status: 404 })));
  const options = (more: Record<string, string> = {}): Parameters<typeof loadDataset>[3] => ({ env: { MODLINGUA_CACHE: folder, MODLINGUA_MIRROR: mirror, ...more }, fetch: localFetch });
  const refusal = (pattern: RegExp, kind = "download") => (error: unknown): boolean => {
    assert.ok(error instanceof ModlinguaError, String(error));
    assert.equal(error.kind, kind);
    assert.match(error.message, pattern);
    return true;
  };
  const path = "/masakhane-io/masakhane-ner/ba5843cd08aa";

  it("refuses what is not the file of the manifest, and names every address", async () => {
    const anything = createServer((_, response) => void response.end("word O\n"));
    await new Promise<void>((resolve) => anything.listen(0, "127.0.0.1", resolve));
    const lying = `http://127.0.0.1:${(anything.address() as AddressInfo).port}`;
    const fetchLocal: typeof fetch = (input, init) => (String(input).startsWith(lying) ? fetch(input, init) : Promise.resolve(new Response("no", { status: 404 })));
    await assert.rejects(loadDataset("masakhaner2", "wo", "dev", { env: { MODLINGUA_CACHE: folder, MODLINGUA_MIRROR: lying }, fetch: fetchLocal }),
      refusal(/masakhaner2: ner\/masakhaner2\/wol\/dev\.txt: could not be fetched .*7 bytes came, expected \d+.*raw\.githubusercontent\.com.*404.*cdn\.jsdelivr\.net.*404/));
    anything.close();
  });

  it("fetches once, checks, and then works offline from the cache", { skip }, async () => {
    await assert.rejects(loadDataset("masakhaner2", "wo", "dev", options({ MODLINGUA_OFFLINE: "1" })), refusal(/not in the cache, and MODLINGUA_OFFLINE/));
    const address = asked.length;
    await assert.rejects(loadDataset("masakhaner2", "wo", "dev", options()), refusal(/404/));
    const wanted = asked[address]!;
    assert.ok(wanted.startsWith(path) && wanted.endsWith("/MasakhaNER2.0/data/wol/dev.txt"), wanted);
    served.set(wanted, gunzipSync(readFileSync(join(shared, "ner/masakhaner2/wol/dev.txt.gz"))));
    const first = await loadDataset("masakhaner2", "wo", "dev", options());
    assert.ok(first.source.known && first.source.file.startsWith(folder));
    assert.equal(first.examples.length, 656);
    const count = asked.length;
    const again = await loadDataset("masakhaner2", "wol", "dev", options({ MODLINGUA_OFFLINE: "1" }));
    assert.equal(asked.length, count);
    assert.deepEqual(again.examples, first.examples);
  });

  it("takes a folder of one's own first, and says what it lacks", { skip }, async () => {
    const count = asked.length;
    const { source } = await loadDataset("masakhaner2", "wo", "dev", { ...options(), folder: shared });
    assert.ok(source.file.startsWith(shared));
    assert.equal((await loadDataset("masakhaner2", "hau", "dev", options({ MODLINGUA_DATA: shared }))).source.known, true);
    assert.equal(asked.length, count);
    await assert.rejects(loadDataset("masakhaner2", "wo", "dev", { ...options(), folder }), refusal(/the folder given for MasakhaNER 2\.0 has no such file/, "data"));
  });

  it("says so where no address serves a file as it is needed", async () => {
    await assert.rejects(loadDataset("xnli", "tr", "test", options()), refusal(/no public address serves this file of XNLI.*set MODLINGUA_DATA/));
  });
});
