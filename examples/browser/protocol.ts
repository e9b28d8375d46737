// Copyright 2026 the swagpu authors. MIT license.

// The messages between the page and its worker. The page calls; the worker answers each
// call once, and may tell of its progress before that. Two messages are not answers:
// the page may stop a call, and the worker may tell that the GPU was lost.

import type { BandsPanel } from "../toy_regression/bands_panel.ts";
import type { Scores } from "../quickstart/table.ts";
import type { ReliabilityBin } from "@swagpu/swagpu/nn/metrics";

/** The GPU that the worker has opened. */
export interface AdapterFacts {
  /** What the adapter calls itself. */
  readonly name: string;
  /** Whether it computes on the CPU. */
  readonly isSoftware: boolean;
}

/** Where a model comes from. */
export type ModelSource =
  | {
    /** A folder that the user has picked or dropped. */
    readonly from: "folder";
    readonly name: string;
    /** Its files by their names, which may have slashes. */
    readonly files: ReadonlyMap<string, File>;
  }
  | {
    /** A folder on a server. */
    readonly from: "address";
    readonly address: string;
    /** The names of all its files, where they are known. */
    readonly files?: readonly string[] | undefined;
  }
  | {
    /** What the browser keeps. */
    readonly from: "browser";
    readonly name: string;
  }
  | {
    /** What the second tab has trained. */
    readonly from: "training";
  };

/** What is known about a loaded model. */
export interface ModelFacts {
  readonly name: string;
  /** The class of the model, such as `BertForSequenceClassification`. */
  readonly architecture: string;
  /** The number of its weights. */
  readonly weights: number;
  /** Its classes. */
  readonly labels: readonly string[];
  /** Its posterior, if it has one. */
  readonly posterior:
    | {
      /** How often weights were collected. */
      readonly collections: number;
      /** How many deviations are kept. */
      readonly rank: number;
    }
    | null;
}

/** Which samples of the posterior to predict with. */
export interface Sampling {
  /** How many. */
  readonly samples: number;
  /** The factor on the covariance. */
  readonly scale: number;
  /** Decides the samples. */
  readonly seed: number;
}

/** A text, and which samples to classify it with. */
export interface TextQuestion extends Sampling {
  readonly text: string;
}

/** What a model says about a text. Entropies are in nats. */
export interface TextAnswer {
  readonly labels: readonly string[];
  /** Each sample's probabilities; without a posterior there is one. */
  readonly samples: readonly (readonly number[])[];
  /** Their mean for each class. */
  readonly mean: readonly number[];
  /** Their standard deviation for each class. */
  readonly std: readonly number[];
  /** The probabilities of the model's own weights. */
  readonly plain: readonly number[];
  /** The entropy of `mean`, which is the sum of its two parts. */
  readonly entropy: number;
  /** The mean entropy of the samples: what the text leaves open. */
  readonly dataEntropy: number;
  /** The mutual information: how much the samples disagree. */
  readonly modelEntropy: number;
  /** The entropy of `plain`. */
  readonly plainEntropy: number;
  /** The tokens that were read, without those that frame a text. */
  readonly tokens: readonly string[];
  /** Whether the text was too long, and its end was left out. */
  readonly isCut: boolean;
}

/** How much each token matters. */
export interface Influences {
  /** The class that is asked about: the most probable one. */
  readonly label: string;
  /** Its mean probability with all tokens, minus that without the token. */
  readonly values: readonly number[];
}

/** What the quickstart is trained on. */
export interface TrainingPlan {
  /** The number of reviews; there are twice as many to test with. */
  readonly reviews: number;
  readonly seed: number;
}

/** How good predictions are while a model is being trained. */
export interface Reliability {
  readonly accuracy: number;
  /** The expected calibration error. */
  readonly error: number;
  readonly bins: readonly ReliabilityBin[];
}

/** What is known of a run so far. */
export interface TrainingProgress {
  /** The passes over the data that are done. */
  readonly epoch: number;
  readonly epochs: number;
  readonly step: number;
  readonly steps: number;
  /** The mean loss at each step that was read, as pairs of step and loss. */
  readonly losses: readonly (readonly [step: number, loss: number])[];
  /** The steps at which weights were collected. */
  readonly collected: readonly number[];
  /** The step at which SGD takes over from AdamW. */
  readonly turn: number;
  /** The last weights on test reviews, after the last pass. */
  readonly reliability: Reliability | null;
  /** The posterior's samples on the same, after the last collection. */
  readonly posterior: Reliability | null;
}

/** A run, as far as it is. */
export interface TrainingRun {
  readonly plan: TrainingPlan;
  readonly progress: TrainingProgress;
  /** The table, of a run that is done. */
  readonly scores: readonly Scores[] | null;
}

/** How long the particles of the regression are trained. */
export interface RegressionPlan {
  /** How many particles, one number for each panel. */
  readonly counts: readonly number[];
  /** The passes over the points; weights are collected in the last third. */
  readonly passes: number;
}

/** A panel of the regression. */
export interface RegressionPanel extends BandsPanel {
  readonly particles: number;
  readonly seconds: number;
}

/** What the worker can do: what it is given, tells on the way, and answers. */
export interface Calls {
  /** Opens the GPU. */
  open: { given: null; told: never; answer: AdapterFacts };
  /** Loads a model with its posterior. */
  load: { given: ModelSource; told: string; answer: ModelFacts };
  /** Lists the models that the browser keeps. */
  kept: { given: null; told: never; answer: readonly string[] };
  /** Keeps the loaded model in the browser. */
  keep: {
    given: { name: string };
    told: never;
    answer: { names: readonly string[]; kept: string };
  };
  /** Removes a model that the browser keeps. */
  forget: { given: { name: string }; told: never; answer: readonly string[] };
  /** Classifies a text. */
  classify: { given: TextQuestion; told: never; answer: TextAnswer };
  /** Classifies a text without each of its tokens. */
  leaveOut: { given: TextQuestion; told: never; answer: Influences };
  /** Gives the run that the browser keeps. */
  run: { given: null; told: never; answer: TrainingRun | null };
  /** Trains the quickstart, from the start or where it was stopped. */
  train: {
    given: TrainingPlan & { resume: boolean };
    told: TrainingProgress | string;
    answer: TrainingRun | null;
  };
  /** Trains the particles of the regression. */
  regress: {
    given: RegressionPlan;
    told: RegressionPanel | RegressionStep;
    answer: null;
  };
  /** Destroys the device, to see that the page survives it. */
  lose: { given: null; told: never; answer: null };
}

/** How far the particles of a panel are. */
export interface RegressionStep {
  readonly training: number;
  /** The share of the steps that are done. */
  readonly share: number;
}

/** The name of a call. */
export type CallName = keyof Calls;

/** What the page sends. */
export type ToWorker =
  | {
    [Name in CallName]: {
      readonly id: number;
      readonly call: Name;
      readonly given: Calls[Name]["given"];
    };
  }[CallName]
  | {
    /** The call that is to stop. */
    readonly stop: number;
  };

/** An error, as it travels between threads. */
export interface PlainError {
  readonly name: string;
  readonly message: string;
}

/** What the worker sends. */
export type ToPage =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly told: unknown }
  | { readonly id: number; readonly error: PlainError }
  | {
    /** Why the GPU was lost; it has been opened again since. */
    readonly lost: string;
  };
