import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { threadId } from "node:worker_threads";
import { ModlinguaError } from "./errors.js";

/** The file system calls a write is made of; tests hand in some that fail. */
export interface FileLayer {
  openSync(path: string, flags: string): number;
  writeSync(descriptor: number, bytes: Uint8Array, offset: number): number;
  fsyncSync(descriptor: number): void;
  closeSync(descriptor: number): void;
  renameSync(from: string, to: string): void;
  unlinkSync(path: string): void;
}

const diskLayer: FileLayer = { openSync, writeSync, fsyncSync, closeSync, renameSync, unlinkSync };
let written = 0;

/**
 * Writes a file so that at every moment, whatever happens, its path holds the old content or the new one: the parts go to a
 * temporary file in the same folder (made if need be), which is synced and renamed. A failed write leaves nothing behind.
 * Throws "io" naming the file and what to do.
 */
export function writeFileAtomic(path: string, content: Uint8Array | string | Iterable<Uint8Array>, layer: FileLayer = diskLayer): void {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}-${threadId}-${++written}.tmp`);
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeParts(temporary, partsOf(content), layer);
    layer.renameSync(temporary, path);
  } catch (cause) {
    removeQuietly(temporary, layer);
    throw writeError(path, cause);
  }
  syncFolder(dirname(path), layer);
}

function partsOf(content: Uint8Array | string | Iterable<Uint8Array>): Iterable<Uint8Array> {
  if (typeof content === "string") return [new TextEncoder().encode(content)];
  return content instanceof Uint8Array ? [content] : content;
}

function writeParts(path: string, parts: Iterable<Uint8Array>, layer: FileLayer): void {
  const descriptor = layer.openSync(path, "w");
  try {
    for (const part of parts) {
      for (let offset = 0; offset < part.length;) offset += layer.writeSync(descriptor, part, offset);
    }
    layer.fsyncSync(descriptor);
  } finally {
    layer.closeSync(descriptor);
  }
}

/** Makes the rename itself durable; some systems cannot open folders, and then there is nothing to do. */
function syncFolder(folder: string, layer: FileLayer): void {
  try {
    const descriptor = layer.openSync(folder, "r");
    try {
      layer.fsyncSync(descriptor);
    } finally {
      layer.closeSync(descriptor);
    }
  } catch {
    return;
  }
}

function removeQuietly(path: string, layer: FileLayer): void {
  try {
    layer.unlinkSync(path);
  } catch {
    return;
  }
}

/** The refusal for a failed write, with its usual remedy. */
export function writeError(file: string, cause: unknown): ModlinguaError {
  if (cause instanceof ModlinguaError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT") return new ModlinguaError("io", "cannot be written, the disk is full", { file, remedy: "free some space or choose another folder; nothing was changed", cause });
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") return new ModlinguaError("io", "cannot be written, it is not allowed here", { file, remedy: "choose another folder; nothing was changed", cause });
  return new ModlinguaError("io", `cannot be written (${message})`, { file, remedy: "check the path; nothing was changed", cause });
}
