/** The oldest opset with both LayerNormalization (17) and Gelu (20): what every later pass and every gradient rule reads. */
export const canonicalOpset = 20;

/** Opsets that models are read in. Before 11 axes, pads and clips were spelled in ways no encoder export uses any more. */
export const oldestOpset = 11;
export const newestOpset = 23;
