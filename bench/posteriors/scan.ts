// Copyright 2026 the swagpu authors. MIT license.

// Chooses the learning rates: for each regime that of three or four with which its
// method predicts the validation set best, with a seed that is not reported.

import { scope } from "../../engine/mod.ts";
import { type Learner, prepare } from "./learner.ts";
import { CHOSEN_BY, methodsOf } from "./methods.ts";
import { scoresOf } from "./scores.ts";
import type { Task } from "./tasks.ts";
import {
  dropoutOf,
  type Epochs,
  type Rates,
  type Regime,
  REGIMES,
  trainRun,
} from "./training.ts";

/** The seed of the scan. */
export const SCAN_SEED = 100;

/**
 * The rates that are tried: the three in the middle, and one more where the best is
 * at an end.
 */
export const TRIED: Readonly<Record<Regime, readonly number[]>> = {
  standard: [1e-4, 3e-4, 1e-3, 3e-3, 0.01],
  dropout: [1e-4, 3e-4, 1e-3, 3e-3, 0.01],
  swag: [0.003, 0.01, 0.03, 0.1, 0.3],
  ivon: [0.01, 0.03, 0.1, 0.3, 1],
};

/** What a rate gives. */
export interface ScanEntry {
  readonly regime: Regime;
  readonly rate: number;
  /** The negative log-likelihood of the validation set, without a temperature. */
  readonly nll: number;
  readonly accuracy: number;
}

/** The chosen rates of a task, and what they were chosen by. */
export interface Choice {
  readonly rates: Partial<Rates>;
  readonly scan: readonly ScanEntry[];
}

/** The best rate of each regime for which no other has to be tried. */
export function chosen(scan: readonly ScanEntry[]): Partial<Rates> {
  const rates: Partial<Record<Regime, number>> = {};
  for (const regime of REGIMES) {
    const best = bestOf(scan, regime);
    if (best !== undefined && nextRate(scan, regime) === undefined) {
      rates[regime] = best;
    }
  }
  return rates;
}

/** The rate that has to be tried next, if there is one. */
export function nextRate(
  scan: readonly ScanEntry[],
  regime: Regime,
): number | undefined {
  const all = TRIED[regime];
  const isNew = (rate: number | undefined) =>
    rate !== undefined &&
    !scan.some((own) => own.regime === regime && own.rate === rate);
  const middle = all.slice(1, -1).find(isNew);
  if (middle !== undefined) return middle;
  const at = all.indexOf(bestOf(scan, regime) ?? NaN);
  return [all[at - 1], all[at + 1]].find(isNew);
}

/** The rate of a regime with the least negative log-likelihood so far. */
function bestOf(
  scan: readonly ScanEntry[],
  regime: Regime,
): number | undefined {
  const own = scan.filter((entry) => entry.regime === regime);
  const least = Math.min(...own.map(({ nll }) => nll));
  return own.find(({ nll }) => nll === least)?.rate;
}

/** All rates, or an error that says which are missing. */
export function ratesOf(task: string, choice: Choice | undefined): Rates {
  const rates = choice?.rates ?? {};
  const missing = REGIMES.filter((regime) => rates[regime] === undefined);
  if (missing.length === 0) return rates as Rates;
  throw new RangeError(
    `Cannot measure ${task}: there is no rate for ${
      missing.join(", ")
    }: find ` +
      "them by --scan",
  );
}

/** Tries the rates of a task that are not in the scan yet. */
export async function scanRates(
  task: Task,
  { data, scan, epochs, print, save }: {
    data: string;
    /** What has been tried. */
    scan: readonly ScanEntry[];
    epochs: Epochs;
    print: (line: string) => void;
    /** Keeps what has been tried so far. */
    save: (choice: Choice) => Promise<void>;
  },
): Promise<void> {
  using _ = scope();
  using prepared = await prepare(task, { data, seed: SCAN_SEED });
  const { validation, train, build } = prepared;
  const { classes, train: examples, validation: held } = prepared.data;
  // The test set is left alone.
  const learner: Learner = {
    ...{ task, train, validation, test: validation, build },
    data: { classes, train: examples, validation: held, test: held },
    [Symbol.dispose]() {},
  };
  const done = [...scan];
  for (const regime of REGIMES) {
    for (;;) {
      const rate = nextRate(done, regime);
      if (rate === undefined) break;
      // SWAG and IVON start with AdamW at the rate that was chosen before.
      const { standard = NaN } = chosen(done);
      const entry = await tryRate(learner, {
        ...{ regime, rate, epochs },
        rates: { standard, dropout: NaN, swag: NaN, ivon: NaN, [regime]: rate },
      });
      done.push(entry);
      print(
        `${task.name}, ${regime} at ${rate}: NLL ${entry.nll.toFixed(3)}, ` +
          `accuracy ${entry.accuracy.toFixed(3)}`,
      );
      await save({ rates: chosen(done), scan: done });
    }
  }
}

/** Trains with a rate, and scores the method of the regime. */
async function tryRate(
  learner: Learner,
  { regime, rate, rates, epochs }: {
    regime: Regime;
    rate: number;
    rates: Rates;
    epochs: Epochs;
  },
): Promise<ScanEntry> {
  const method = methodsOf([1]).find(({ name }) => name === CHOSEN_BY[regime]);
  if (!method) throw new RangeError(`Cannot choose the rate of ${regime}`);
  const folder = await Deno.makeTempDir();
  try {
    using trained = await trainRun(learner, {
      ...{ regime, rates, epochs },
      seed: SCAN_SEED,
    });
    const paths = { last: `${folder}/last`, swag: `${folder}/swag` };
    await trained.last.save(paths.last);
    await trained.swag?.save(paths.swag);
    using model = learner.build({ seed: 0, dropout: dropoutOf(regime) });
    const predictions = await method.predict({
      ...{ learner, model, trained },
      last: [paths.last],
      swag: [paths.swag],
    });
    const { nll, accuracy } = scoresOf(predictions, learner.data);
    return { regime, rate, nll, accuracy };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
