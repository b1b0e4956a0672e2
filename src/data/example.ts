/** A sentence with a tag on each word. */
export interface TaggedSentence {
  readonly id: string;
  readonly words: readonly string[];
  readonly tags: readonly string[];
}

/** A text, or two, with one label. */
export interface LabelledText {
  readonly id: string;
  readonly text: string;
  /** The second text, e.g. the hypothesis. */
  readonly pair?: string;
  readonly label: string;
}

/** Which of the choices goes with the text? */
export interface ChoiceQuestion {
  readonly id: string;
  readonly text: string;
  /** What is asked, e.g. "cause" or "effect". */
  readonly question: string;
  readonly choices: readonly string[];
  /** Index of the right choice. */
  readonly label: number;
}

/** A question whose answers are spans of a text. */
export interface SpanQuestion {
  readonly id: string;
  readonly text: string;
  readonly question: string;
  /** `start` in UTF-16 units: `text.slice(start, start + answer.text.length)` is the answer. */
  readonly answers: readonly { readonly text: string; readonly start: number }[];
}

/** A sentence and its translation. */
export interface SentencePair {
  readonly id: string;
  readonly source: string;
  readonly target: string;
}

/** What an example of each task looks like. */
export interface ExamplesByTask {
  readonly tagging: TaggedSentence;
  readonly classification: LabelledText;
  readonly choice: ChoiceQuestion;
  readonly spans: SpanQuestion;
  readonly retrieval: SentencePair;
}

export type DatasetTask = keyof ExamplesByTask;
