/** Options of the fusion; the defaults are AdapterFusion's published (dynamic) ones. */
export interface FusionOptions {
  readonly key: boolean;
  readonly query: boolean;
  readonly value: boolean;
  /** Start the value matrix at the identity plus 1e-6 instead of N(0, 0.02). */
  readonly valueInitialized: boolean;
  /** Transform the candidates before they are weighed (true) or the weighted sum (false). */
  readonly valueBeforeSoftmax: boolean;
  /** Divides the scores. */
  readonly temperature: number;
}

export const fusionDefaults: FusionOptions = { key: true, query: true, value: true, valueInitialized: true, valueBeforeSoftmax: true, temperature: 1 };
