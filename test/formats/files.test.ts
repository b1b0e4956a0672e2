import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type FileLayer, writeFileAtomic } from "#src/base/index.js";
import { refusal, temporaryFolder } from "./helpers.js";

const folder = temporaryFolder();

/** A disk with room for `capacity` more bytes; it also stops for good (as a killed process would) when told so. */
function smallDisk(capacity: number, killed = false): FileLayer {
  let left = capacity;
  let dead = false;
  const alive = <Result>(act: () => Result): Result => {
    if (dead) throw new Error("the process is gone");
    return act();
  };
  return {
    openSync: (path, flags) => alive(() => fs.openSync(path, flags)),
    writeSync(descriptor, bytes, offset) {
      const count = alive(() => Math.min(left, bytes.length - offset, 3));
      if (count === 0) {
        dead = killed;
        throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
      }
      left -= count;
      return fs.writeSync(descriptor, bytes, offset, count);
    },
    fsyncSync: (descriptor) => alive(() => fs.fsyncSync(descriptor)),
    closeSync: (descriptor) => fs.closeSync(descriptor),
    renameSync: (from, to) => alive(() => fs.renameSync(from, to)),
    unlinkSync: (path) => alive(() => fs.unlinkSync(path)),
  };
}

test("after a stop at any byte the file is the old one or the new one", () => {
  const path = join(folder, "store", "weights.bin");
  writeFileAtomic(path, "the old content");
  const fresh = "the new content, longer";
  for (const killed of [false, true]) {
    for (let capacity = 0; capacity < fresh.length; capacity++) {
      const error = refusal(() => writeFileAtomic(path, fresh, smallDisk(capacity, killed)));
      assert.equal(error.kind, "io");
      assert.match(error.message, /weights\.bin: cannot be written, the disk is full — free some space/);
      assert.equal(fs.readFileSync(path, "utf8"), "the old content");
      if (!killed) assert.deepEqual(fs.readdirSync(join(folder, "store")), ["weights.bin"], "nothing is left behind");
    }
  }
  writeFileAtomic(path, [new TextEncoder().encode("the new "), new TextEncoder().encode("content")], smallDisk(fresh.length));
  assert.equal(fs.readFileSync(path, "utf8"), "the new content");
});

test("a real full device is named", { skip: fs.existsSync("/dev/full") ? false : "no /dev/full here" }, () => {
  const full: FileLayer = { ...smallDisk(Infinity), openSync: () => fs.openSync("/dev/full", "w"), writeSync: (descriptor, bytes, offset) => fs.writeSync(descriptor, bytes, offset) };
  assert.match(refusal(() => writeFileAtomic(join(folder, "full.bin"), "x".repeat(100), full)).message, /full\.bin: cannot be written, the disk is full/);
});

test("a path that cannot hold a file is refused, and an error in the content passes through", () => {
  writeFileAtomic(join(folder, "file"), "x");
  assert.match(refusal(() => writeFileAtomic(join(folder, "file", "below"), "x")).message, /below: cannot be written/);
  const failing = function* (): Generator<Uint8Array> {
    yield new Uint8Array(3);
    throw new Error("interrupted");
  };
  assert.match(refusal(() => writeFileAtomic(join(folder, "half"), failing())).message, /interrupted/);
  assert.ok(!fs.existsSync(join(folder, "half")));
  assert.ok(fs.readdirSync(folder).every((name) => !name.endsWith(".tmp")));
});
