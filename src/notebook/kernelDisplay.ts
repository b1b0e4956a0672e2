import { createRequire } from "node:module";
import type { MimeBundle } from "./notebookFile.js";

interface DisplayContent {
  readonly data: MimeBundle;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly transient: { readonly display_id?: string };
}

type Writer = (content: DisplayContent, update: boolean) => void;

const require = createRequire(import.meta.url);

/**
 * The running kernel's way to send a whole bundle of mime types (tslab's public interface sends one type a call); `undefined` outside a kernel.
 * Looked up among the loaded modules only: outside a kernel nothing of tslab is loaded.
 */
function kernelWriter(): Writer | undefined {
  const loaded = require.cache[require.resolve("tslab/dist/jupyter.js")];
  return (loaded?.exports as { lastWriteDisplayData: Writer | null } | undefined)?.lastWriteDisplayData ?? undefined;
}

/** Whether this code runs in a notebook cell. */
export function inKernel(): boolean {
  return kernelWriter() !== undefined;
}

export interface ShowOptions {
  /** The display to show in: one with the same id is replaced where `update` is set. */
  readonly displayId?: string;
  readonly update?: boolean;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** Shows a bundle in the current cell; outside a kernel prints its `text/plain` to stdout. */
export function showBundle(data: MimeBundle, { displayId, update = false, metadata = {} }: ShowOptions = {}): void {
  const write = kernelWriter();
  if (write === undefined) {
    if (typeof data["text/plain"] === "string") process.stdout.write(`${data["text/plain"]}\n`);
    return;
  }
  write({ data, metadata, transient: displayId === undefined ? {} : { display_id: displayId } }, update);
}

/** Text as HTML. */
export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
