import type { Backbone, Site } from "../backbone/index.js";
import { grouped } from "./table.js";

/** `e5-small: roberta (xlm-roberta), 12 layers × 384, vocabulary 128,000, 97 sites` */
export function describeBackbone({ name, config, sites }: Pick<Backbone, "name" | "config" | "sites">): string {
  return `${name}: ${config.family} (${config.modelType}), ${config.layers} layers × ${config.hidden}, vocabulary ${grouped(config.vocabulary)}, ${sites.length} sites`;
}

/** Kind, layer, place, width and the graph's value for a table. */
export function siteRows(sites: readonly Site[]): (string | number)[][] {
  return sites.map((site) => [site.kind, site.layer < 0 ? "" : String(site.layer), site.place, widthText(site), valueOf(site)]);
}

function widthText(site: Site): string {
  return site.kind === "linear" ? `${site.inWidth} → ${site.outWidth}` : String(site.width);
}

function valueOf(site: Site): string {
  return site.kind === "residual" ? site.hidden : site.output;
}
