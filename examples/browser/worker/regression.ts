// Copyright 2026 the swagpu authors. MIT license.

// Trains the toy regression's particles, panel by panel.

import { fitParticles } from "../../toy_regression/particles.ts";
import type {
  RegressionPanel,
  RegressionPlan,
  RegressionStep,
} from "../protocol.ts";

/** What {@linkcode runRegression} is given. */
export interface RegressionTask extends RegressionPlan {
  /** Told of each panel, and how far the next one is. */
  readonly tell: (news: RegressionPanel | RegressionStep) => void;
  /** Called between two steps, to let others use the GPU. */
  readonly pass: () => Promise<void>;
  /** Stops the run. */
  readonly signal: AbortSignal;
}

/**
 * Trains the particles of each panel.
 *
 * @param task How many, for how long, and whom to tell.
 */
export async function runRegression(
  { counts, passes, tell, pass, signal }: RegressionTask,
): Promise<void> {
  const swagEpochs = Math.round(passes / 3);
  for (const particles of counts) {
    tell({ training: particles, share: 0 });
    let last = 0;
    const { results, panel } = await fitParticles(particles, {
      pretrainEpochs: passes - swagEpochs,
      swagEpochs,
      async onLog({ step }) {
        signal.throwIfAborted();
        // Each particle reports the same step.
        if (step === last) return;
        last = step;
        tell({ training: particles, share: step / passes });
        await pass();
      },
    });
    tell({ ...panel, particles, seconds: results.seconds });
    await pass();
  }
}
