/** What `inspect` says about a file. */
export interface Inspection {
  readonly text: string;
  readonly json: { readonly kind: string } & Readonly<Record<string, unknown>>;
}
