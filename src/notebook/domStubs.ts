import { crc32, deflateSync } from "node:zlib";
import type { DOMWindow } from "jsdom";

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const empty: Box = { x: 0, y: 0, width: 0, height: 0 };

/**
 * What plotly.js asks of a browser and jsdom has not: boxes of SVG elements, estimated from the characters of their texts, and a canvas that
 * can be filled with rectangles and read back as a PNG (the cells of a heat map). The stubs follow the pinned versions of both.
 */
export function installDomStubs(window: DOMWindow): void {
  Object.assign(window.URL, { createObjectURL: () => "blob:modlingua", revokeObjectURL: () => undefined });
  const svg = window.SVGElement.prototype as unknown as Record<string, unknown>;
  svg["getBBox"] = function getBBox(this: Element) { return boxOf(this); };
  svg["getComputedTextLength"] = function getComputedTextLength(this: Element) { return boxOf(this).width; };
  svg["getBoundingClientRect"] = function getBoundingClientRect(this: Element) { return clientBox(this); };
  const canvas = window.HTMLCanvasElement.prototype as unknown as Record<string, unknown>;
  const contexts = new WeakMap<object, Raster>();
  const rasterOf = (element: { width: number; height: number }): Raster => {
    const known = contexts.get(element);
    if (known !== undefined && known.width === element.width && known.height === element.height) return known;
    const fresh = new Raster(element.width, element.height);
    contexts.set(element, fresh);
    return fresh;
  };
  canvas["getContext"] = function getContext(this: { width: number; height: number }, kind: string) { return kind === "2d" ? contextFor(rasterOf(this)) : null; };
  canvas["toDataURL"] = function toDataURL(this: { width: number; height: number }) { return `data:image/png;base64,${rasterOf(this).png().toString("base64")}`; };
}

function clientBox(element: Element): Box & { left: number; right: number; top: number; bottom: number } {
  const { x, y, width, height } = moved(boxOf(element), element);
  return { x, y, width, height, left: x, right: x + width, top: y, bottom: y + height };
}

function boxOf(element: Element): Box {
  const attribute = (name: string): number => Number(element.getAttribute(name) ?? 0);
  switch (element.nodeName.toLowerCase()) {
    case "text": return textBox(element);
    case "tspan": return textBox(element.closest("text") ?? element);
    case "rect": case "image": return { x: attribute("x"), y: attribute("y"), width: attribute("width"), height: attribute("height") };
    case "g": case "svg": return union([...element.children].filter((child) => !["defs", "clippath", "style", "title"].includes(child.nodeName.toLowerCase())).map((child) => moved(boxOf(child), child)));
    default: return empty;
  }
}

/** The box of an element in its parent's frame: its `translate` and `rotate` applied, the innermost first. */
function moved(box: Box, element: Element): Box {
  const steps = [...(element.getAttribute("transform") ?? "").matchAll(/(translate|rotate)\(([^)]*)\)/g)].reverse();
  return steps.reduce((at, [, kind, list]) => {
    const [a = 0, b = 0, c = 0] = (list ?? "").split(/[\s,]+/).map(Number);
    return kind === "translate" ? { ...at, x: at.x + a, y: at.y + b } : rotated(at, (a * Math.PI) / 180, b, c);
  }, box);
}

/** The upright box around a box turned about (cx, cy). */
function rotated({ x, y, width, height }: Box, angle: number, cx: number, cy: number): Box {
  const [sin, cos] = [Math.sin(angle), Math.cos(angle)];
  const corners = [[x, y], [x + width, y], [x, y + height], [x + width, y + height]] as const;
  const xs = corners.map(([px, py]) => cx + (px - cx) * cos - (py - cy) * sin);
  const ys = corners.map(([px, py]) => cy + (px - cx) * sin + (py - cy) * cos);
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  return { x: left, y: top, width: Math.max(...xs) - left, height: Math.max(...ys) - top };
}

function union(boxes: readonly Box[]): Box {
  const solid = boxes.filter((box) => box.width > 0 || box.height > 0);
  if (solid.length === 0) return empty;
  const x = Math.min(...solid.map((box) => box.x));
  const y = Math.min(...solid.map((box) => box.y));
  return { x, y, width: Math.max(...solid.map((box) => box.x + box.width)) - x, height: Math.max(...solid.map((box) => box.y + box.height)) - y };
}

function textBox(element: Element): Box {
  const size = fontSize(element);
  const spans = [...element.querySelectorAll("tspan.line")];
  const lines = spans.length > 0 ? spans.map((span) => span.textContent ?? "") : [element.textContent ?? ""];
  const width = Math.max(...lines.map((line) => lineWidth(line, size)));
  const anchor = styleOf(element, "text-anchor") ?? "start";
  const shift = anchor === "middle" ? width / 2 : anchor === "end" ? width : 0;
  const height = lines.join("") === "" ? 0 : lines.length * size * 1.3;
  return { x: Number(element.getAttribute("x") ?? 0) - shift, y: Number(element.getAttribute("y") ?? 0) - 0.95 * size, width, height };
}

function fontSize(element: Element): number {
  for (let at: Element | null = element; at !== null; at = at.parentElement) {
    const size = parseFloat(styleOf(at, "font-size") ?? "");
    if (size > 0) return size;
  }
  return 12;
}

function styleOf(element: Element, name: string): string | undefined {
  const style = (element as Partial<ElementCSSInlineStyle>).style?.getPropertyValue(name);
  return (style === "" ? undefined : style) ?? element.getAttribute(name) ?? undefined;
}

/** Average advance widths of a sans serif, in ems. */
function lineWidth(line: string, size: number): number {
  let ems = 0;
  for (const character of line) {
    if (/[iljft.,:;'!()[\] ]/.test(character)) ems += 0.32;
    else if (/[mwMW@%]/.test(character)) ems += 0.88;
    else if (/[A-Z\u2e80-\u{10ffff}]/u.test(character)) ems += 0.68;
    else ems += 0.58;
  }
  return ems * size;
}

/** An RGBA bitmap that can be filled with rectangles and written as PNG. */
class Raster {
  readonly pixels: Uint8ClampedArray;

  constructor(readonly width: number, readonly height: number) {
    this.pixels = new Uint8ClampedArray(width * height * 4);
  }

  fill(x: number, y: number, width: number, height: number, color: readonly number[]): void {
    const [left, right] = [Math.max(0, Math.round(x)), Math.min(this.width, Math.round(x + width))];
    const [top, bottom] = [Math.max(0, Math.round(y)), Math.min(this.height, Math.round(y + height))];
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) this.pixels.set(color, (row * this.width + column) * 4);
    }
  }

  put(image: { data: Uint8ClampedArray; width: number; height: number }, x: number, y: number): void {
    for (let row = 0; row < image.height; row++) {
      if (y + row < this.height) this.pixels.set(image.data.subarray(row * image.width * 4, (row + 1) * image.width * 4), ((y + row) * this.width + x) * 4);
    }
  }

  png(): Buffer {
    const header = Buffer.alloc(13);
    header.writeUInt32BE(this.width, 0);
    header.writeUInt32BE(this.height, 4);
    header.set([8, 6, 0, 0, 0], 8);
    const rows = Buffer.alloc(this.height * (this.width * 4 + 1));
    for (let row = 0; row < this.height; row++) {
      rows.set(this.pixels.subarray(row * this.width * 4, (row + 1) * this.width * 4), row * (this.width * 4 + 1) + 1);
    }
    const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
    return Buffer.concat([signature, pngChunk("IHDR", header), pngChunk("IDAT", deflateSync(rows)), pngChunk("IEND", Buffer.alloc(0))]);
  }
}

function pngChunk(kind: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(kind, "latin1"), data]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}

function contextFor(raster: Raster): Record<string, unknown> {
  const nothing = (): void => undefined;
  return {
    fillStyle: "rgba(0,0,0,1)",
    createImageData: (width: number, height: number) => ({ width, height, data: new Uint8ClampedArray(width * height * 4) }),
    putImageData: (image: { data: Uint8ClampedArray; width: number; height: number }, x: number, y: number) => raster.put(image, x, y),
    fillRect(x: number, y: number, width: number, height: number) { raster.fill(x, y, width, height, parseColor(String(this["fillStyle"]))); },
    measureText: (text: string) => ({ width: text.length * 7 }),
    drawImage: nothing, fillText: nothing, save: nothing, restore: nothing, scale: nothing, translate: nothing, clearRect: nothing,
  };
}

/** `rgb(r,g,b)` and `rgba(r,g,b,a)`, the two forms that plotly fills with. */
function parseColor(text: string): readonly number[] {
  const [r = 0, g = 0, b = 0, a = 1] = (/\(([^)]*)\)/.exec(text)?.[1] ?? "").split(",").map(Number);
  return [r, g, b, Math.round(a * 255)];
}
