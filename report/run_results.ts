// Copyright 2026 the swagpu authors. MIT license.

/**
 * What a report is made from: the results of a run as plain numbers and texts.
 *
 * @module
 */

/** The results of a run. Every part is optional but the title. */
export interface RunResults {
  /** The heading, such as `"A small BERT on SST-2"`. */
  title: string;
  /** When the run was made, such as `"2026-05-01"` or a time in ISO 8601. */
  date?: string;
  /** Predicted classes, for figures 1 to 6 and 9 and tables 1 to 3. */
  classification?: ClassificationResults;
  /** Predicted numbers, for figure 8. */
  regression?: RegressionResults;
  /** How the training went, for figure 7. */
  training?: TrainingResults;
  /** Other scores of the run, such as BLEU, for table 1 and the model card. */
  scores?: readonly NamedScore[];
  /** Where the numbers come from, for table 4 and the model card. */
  provenance?: Provenance;
}

/** A score that is not computed here. */
export interface NamedScore {
  /** The name that is shown, such as `"Entity F1"`. */
  name: string;
  /** The score. */
  value: number;
  /** Hugging Face's name of the metric, such as `"f1"`. @default {name} */
  type?: string;
}

/** Predicted classes of a test set, by one method or several. */
export interface ClassificationResults {
  /** The true class of each row, [rows]. */
  labels: ArrayLike<number>;
  /** The methods, in the order of the panels. */
  methods: readonly MethodResults[];
  /** The names of the classes. @default {their numbers} */
  classes?: readonly string[];
  /** The distribution of labels of each row, where it is known, [rows, classes]. */
  softLabels?: ArrayLike<number>;
  /** The text of each row, [rows], for table 3. */
  texts?: readonly string[];
  /**
   * The true classes of other rows, which temperatures and conformal sets are
   * fitted on. Without them, each half of the test set is fitted on the other.
   */
  validationLabels?: ArrayLike<number>;
  /**
   * The method that figure 9 and tables 2 and 3 show.
   * @default {the last}
   */
  primary?: string;
}

/** The predictions of one method. */
export interface MethodResults {
  /** Its name. */
  name: string;
  /** Its probabilities, [rows, classes]. */
  probabilities: ArrayLike<number>;
  /** Its probabilities for the rows of `validationLabels`. */
  validationProbabilities?: ArrayLike<number>;
  /**
   * The probabilities of each sample or member, [samples, rows, classes].
   * `samples` is their number of values divided by that of `probabilities`.
   */
  sampleProbabilities?: ArrayLike<number>;
  /**
   * The number of particles that the samples come from, in equal consecutive
   * groups, as in MultiSWAG.
   * @default {1}
   */
  particles?: number;
  /** Uncertainty that was computed elsewhere, in place of sample probabilities. */
  uncertainty?: UncertaintySummary;
  /** How uncertain it is about unfamiliar inputs. */
  outOfDistribution?: OutOfDistribution;
  /** The same method trained with other seeds. */
  otherSeeds?: readonly SeedResults[];
  /** How many samples a prediction averages. @default {from sampleProbabilities} */
  samples?: number;
  /** The seconds that one example takes. */
  secondsPerExample?: number;
}

/** Uncertainty in nats, each [rows]. */
export interface UncertaintySummary {
  /** The mean entropy of the samples' own predictions: noise in the data. */
  expected: ArrayLike<number>;
  /** How much the samples disagree. */
  mutualInformation: ArrayLike<number>;
  /** The part of `mutualInformation` that is disagreement between particles. */
  betweenParticles?: ArrayLike<number>;
}

/** Scores that should be larger for unfamiliar inputs. */
export interface OutOfDistribution {
  /** The scores of unfamiliar inputs, [unfamiliar rows]. */
  scores: ArrayLike<number>;
  /**
   * The scores of the test set, [rows].
   * @default {the entropy of its probabilities, in nats}
   */
  familiar?: ArrayLike<number>;
  /** What the inputs are. @default {"out of distribution"} */
  name?: string;
}

/** Predictions of the same method by a run with another seed. */
export interface SeedResults {
  /** The probabilities, [rows, classes]. */
  probabilities: ArrayLike<number>;
  /** The true classes. @default {those of the run itself} */
  labels?: ArrayLike<number>;
}

/** Predicted numbers of a test set, by one method or several. */
export interface RegressionResults {
  /** The true values, [rows]. */
  targets: ArrayLike<number>;
  /** The methods, in the order of the panels. */
  methods: readonly RegressionMethod[];
  /** What is predicted, for the axes. @default {"value"} */
  name?: string;
  /** The text of each row, [rows], for table 3. */
  texts?: readonly string[];
  /** What the deviations are made of, for the caption. */
  note?: string;
}

/** Predicted normal distributions. */
export interface RegressionMethod {
  /** The name of the method. */
  name: string;
  /** The predicted means, [rows]. */
  mean: ArrayLike<number>;
  /** The predicted standard deviations, [rows]. */
  deviation: ArrayLike<number>;
}

/** How a training went. */
export interface TrainingResults {
  /** Curves over steps of the same quantity, such as the losses. */
  losses?: readonly Curve[];
  /** The learning rates over steps, a curve for each parameter group. */
  learningRates?: readonly Curve[];
  /** The steps at which SWAG collected the weights. */
  snapshots?: ArrayLike<number>;
  /** The negative log-likelihood over what was swept, such as `"scale"`. */
  sweeps?: readonly Sweep[];
}

/** Values over steps. */
export interface Curve {
  /** What they are, such as `"training"`. */
  name: string;
  /** The steps. */
  steps: ArrayLike<number>;
  /** A value for each step. */
  values: ArrayLike<number>;
}

/** The negative log-likelihood at several values of a setting. */
export interface Sweep {
  /** The setting, such as `"scale"`, `"samples"` or `"rank"`. */
  setting: string;
  /** The values of the setting. */
  at: ArrayLike<number>;
  /** The negative log-likelihood at each of them, in nats per row. */
  nll: ArrayLike<number>;
  /** The value that the run uses; it is marked. */
  chosen?: number;
}

/** A value of a setting, of a version or of a file's facts. */
export type Fact = string | number | boolean | null;

/** Where the numbers come from. */
export interface Provenance {
  /** The command line. */
  command?: string;
  /** The settings of the run. */
  settings?: Readonly<Record<string, Fact>>;
  /** The data: name, splits and their sizes. */
  data?: DataFacts;
  /** The model. */
  model?: ModelFacts;
  /** The GPU adapter. */
  adapter?: string;
  /** The runtime, such as `"Deno 2.9.6"`. */
  runtime?: string;
  /** The versions of libraries, by name. */
  versions?: Readonly<Record<string, string>>;
  /** The seed. */
  seed?: number;
  /** The seconds that the run took. */
  seconds?: number;
  /** The largest amount of GPU memory in use, in bytes. */
  peakMemory?: number;
  /** The commit of the code. */
  commit?: string;
}

/** A data set and its splits. */
export interface DataFacts {
  /** Its name, such as `"SST-2"`. */
  name: string;
  /** Its name on Hugging Face's hub, such as `"stanfordnlp/sst2"`. */
  id?: string;
  /** Its configuration on the hub. */
  config?: string;
  /** The split that was tested. @default {"test"} */
  split?: string;
  /** The splits: rows, and the hash of the file. */
  splits?: readonly SplitFacts[];
}

/** A split of a data set. */
export interface SplitFacts {
  /** Its name, such as `"train"`. */
  name: string;
  /** The number of rows. */
  rows: number;
  /** The hash of its file, such as `"sha256:…"`. */
  hash?: string;
}

/** A model, for the model card. */
export interface ModelFacts {
  /** Its name, such as that of the folder. */
  name: string;
  /**
   * The class that loads it here and in Python's transformers, such as
   * `"BertForSequenceClassification"`.
   */
  architecture?: string;
  /** The file beside its weights that holds a posterior over them. */
  posterior?: string;
  /**
   * What it was fine-tuned from, by its name on the hub; `null` if it was trained from
   * random weights.
   * @default {it is not known}
   */
  base?: string | null;
  /**
   * Hugging Face's name of its task, such as `"text-classification"`.
   * @default {"text-classification"}
   */
  task?: string;
  /** The language codes of its texts, such as `["en"]`. */
  languages?: readonly string[];
  /** Its license as the hub names it, such as `"mit"`. */
  license?: string;
}

/** Options of a report. */
export interface ReportOptions {
  /**
   * The number of bins of confidence.
   * @default {15}
   */
  bins?: number;
  /**
   * The share of conformal sets that may miss the label.
   * @default {0.1}
   */
  alpha?: number;
  /**
   * How often rows are drawn again for intervals of 95 %.
   * @default {200}
   */
  resamples?: number;
  /**
   * The number of rows of each list in table 3.
   * @default {20}
   */
  listed?: number;
}
