import { createHash, randomUUID } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { writeError } from "../base/index.js";

/** What a server said about the file whose first bytes we hold; a resumed request is only right for the same validator. */
export interface PartialSource {
  readonly etag: string;
}

/**
 * The bytes of a download that is under way: a folder `<file>.part-<pid>-<id>` beside the target, owned by one process.
 * A renamed folder is a claim: two processes can not take over the same remains, and the remains of a dead process can be taken over.
 */
export class PartialFile {
  private constructor(readonly target: string, private folder: string) {}

  /** Takes over what an earlier download of `target` left behind, or begins afresh. */
  static claim(target: string): PartialFile {
    mkdirSync(dirname(target), { recursive: true });
    const own = `${target}.part-${process.pid}-${randomUUID().slice(0, 8)}`;
    for (const remains of abandonedParts(target)) {
      try {
        renameSync(remains, own);
        return new PartialFile(target, own);
      } catch {
        continue; // another process was faster
      }
    }
    mkdirSync(own);
    return new PartialFile(target, own);
  }

  get body(): string {
    return join(this.folder, "body");
  }

  get size(): number {
    return statSync(this.body, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** The validator of the bytes held, if they can be resumed. */
  get source(): PartialSource | undefined {
    const file = join(this.folder, "source.json");
    if (!existsSync(file) || this.size === 0) return undefined;
    try {
      return JSON.parse(readFileSync(file, "utf8")) as PartialSource;
    } catch {
      return undefined;
    }
  }

  /** Empties the file; what comes next is the whole body under the validator given (none: it can not be resumed later). */
  restart(source?: PartialSource): void {
    const file = join(this.folder, "source.json");
    rmSync(file, { force: true });
    if (existsSync(this.body)) truncateSync(this.body);
    if (source !== undefined) writeFileSync(file, JSON.stringify(source));
  }

  /** Appends a body, calling `onBytes` after each chunk. What was written before an error stays, to be resumed. */
  async append(chunks: AsyncIterable<Uint8Array>, onBytes: (size: number) => void): Promise<void> {
    const handle = await open(this.body, "a");
    let size = this.size;
    try {
      for await (const chunk of chunks) {
        await handle.writeFile(chunk).catch((cause: unknown) => {
          throw writeError(this.target, cause);
        });
        onBytes((size += chunk.byteLength));
      }
    } finally {
      await handle.close();
    }
  }

  sha256(): Promise<string> {
    return sha256OfFile(this.body);
  }

  /** Moves the finished body to its place. */
  finish(): void {
    renameSync(this.body, this.target);
    this.discard();
  }

  /** Leaves the bytes for a later download to take over; bytes that can not be resumed are removed. */
  abandon(): void {
    if (this.source === undefined) this.discard();
    else if (existsSync(this.folder)) renameSync(this.folder, `${this.target}.part-0-${randomUUID().slice(0, 8)}`);
  }

  discard(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Parts of `target` that nobody works on: released ones (process 0) and those of processes that no longer run. */
function abandonedParts(target: string): string[] {
  const prefix = `${basename(target)}.part-`;
  return readdirSync(dirname(target))
    .filter((name) => name.startsWith(prefix) && !isRunning(Number.parseInt(name.slice(prefix.length), 10)))
    .map((name) => join(dirname(target), name));
}

function isRunning(pid: number): boolean {
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** The sha256 of a file in lower-case hexadecimal, read as a stream. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}
