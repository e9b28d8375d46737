// Copyright 2026 the swagpu authors. MIT license.

// Checks of the uncertainty of generated texts, with the names of lm-polygraph.

import {
  type EnsembleTextsOptions,
  ensembleTextUncertainty,
  ensembleTokenUncertainty,
  monteCarloSequenceEntropy,
  predictionRejectionRatio,
  semanticEntropy,
  sequenceConfidence,
  sequenceEnsembleUncertainty,
} from "../../../nn/metrics/mod.ts";
import type { Comparison } from "../compare.ts";
import {
  checkCases,
  flat,
  type Metric,
  type MetricCase,
  rowsOf,
  shapeOf,
  toNumber,
} from "./cases.ts";

type Mode = "pe" | "ep";

const METRICS: Record<string, Metric> = {
  ensembleTokenUncertainty(one) {
    const { logits, tokens, options } = textsOf(one);
    const width = tokens.length / options.lengths.length;
    const measure = (mode: Mode) => {
      const own = ensembleTokenUncertainty(logits, tokens, {
        ...options,
        mode,
      });
      // The expected lists end where the text ends.
      const cut = (values: Float64Array) =>
        rowsOf(values, width)
          .map((row, text) => row.slice(0, options.lengths[text]));
      return {
        total_uncertainty: cut(own.totalUncertainty),
        data_uncertainty: cut(own.dataUncertainty),
        mutual_information: cut(own.mutualInformation),
        epkl_total_uncertainty: cut(own.epklTotalUncertainty),
        epkl: cut(own.epkl),
        rmi: cut(own.rmi),
      };
    };
    return { pe: measure("pe"), ep: measure("ep") };
  },
  ensembleSequenceUncertainty(one) {
    const { logits, tokens, options } = textsOf(one);
    const hypotheses = toNumber(one.options.hypotheses);
    const mode = one.options.mode as Mode;
    const own = ensembleTextUncertainty(logits, tokens, {
      ...options,
      hypotheses,
      mode,
    });
    const name = mode.toUpperCase();
    return {
      [`${name}Ttu`]: own.tokenTotalUncertainty,
      [`${name}Tdu`]: own.tokenDataUncertainty,
      [`${name}Tmi`]: own.tokenMutualInformation,
      [`${name}Trmi`]: own.tokenRmi,
      [`${name}Tepkl`]: own.tokenEpkl,
      [`${name}Tent5`]: own.tokenEntropyTop5,
      [`${name}Tent10`]: own.tokenEntropyTop10,
      [`${name}Tent15`]: own.tokenEntropyTop15,
      [`${name}Stu`]: own.sequenceTotalUncertainty,
      [`${name}Srmi`]: own.sequenceRmi,
      [`${name}Srmiabs`]: own.sequenceAbsoluteRmi,
      hypothesisWeights: rowsOf(own.hypothesisWeights, hypotheses),
      sampleLogProbabilities: rowsOf(
        own.memberLogProbabilities,
        options.members * hypotheses,
      ).map((row) => rowsOf(row, hypotheses)),
    };
  },
  sequenceUncertaintyFromLogProbs({ inputs }) {
    const [, members = 0, hypotheses = 0] = shapeOf(inputs.logProbabilities);
    const own = sequenceEnsembleUncertainty(flat(inputs.logProbabilities), {
      members,
      hypotheses,
    });
    return {
      tu: own.sequenceTotalUncertainty,
      rmi: own.sequenceRmi,
      rmiAbs: own.sequenceAbsoluteRmi,
    };
  },
  semanticEntropy({ inputs }) {
    const own = semanticEntropy(
      flat(inputs.logProbabilities),
      flat(inputs.clusters),
      {
        samples: shapeOf(inputs.logProbabilities)[1] ?? 0,
        texts: (inputs.texts as string[][]).flat(),
      },
    );
    return {
      "SemanticEntropy": own.monteCarlo,
      "SemanticEntropy (Direct)": own.direct,
      "SemanticEntropyEmpirical": own.discrete,
      "SemanticEntropyEmpirical (Direct)": own.discreteDirect,
      "SemanticEntropyUnique": own.unique,
      "discrete": own.discrete,
      "likelihoodNormalised": own.normalized,
    };
  },
  monteCarloSequenceEntropy({ inputs }) {
    const logs = flat(inputs.logProbabilities);
    const samples = shapeOf(inputs.logProbabilities)[1] ?? 0;
    const lengths = flat(inputs.lengths);
    return {
      sequence: monteCarloSequenceEntropy(logs, { samples }),
      normalised: monteCarloSequenceEntropy(logs, { samples, lengths }),
    };
  },
  sequenceConfidence({ inputs }) {
    const own = sequenceConfidence(inputs.logProbabilities as number[][]);
    return {
      MaximumSequenceProbability: own.negativeLogProbability,
      Perplexity: own.meanNegativeLogProbability,
      lengthNormalisedProbability: own.lengthNormalizedProbability,
      perplexity: own.perplexity,
    };
  },
  predictionRejectionRatio({ inputs, options }) {
    const measure = (more: { randomArea?: number }) =>
      predictionRejectionRatio(flat(inputs.uncertainty), flat(inputs.quality), {
        maxRejection: toNumber(options.maxRejection),
        ...more,
      });
    const drawn = measure({ randomArea: toNumber(inputs.randomScore) });
    const exact = measure({});
    return {
      area: drawn.area,
      oracleArea: drawn.oracleArea,
      prr: drawn.prr,
      analyticRandomArea: exact.randomArea,
      prrAnalyticRandom: exact.prr,
    };
  },
};

/** Compares all cases of the uncertainty of generated texts. */
export function check(cases: readonly MetricCase[]): Comparison[] {
  return checkCases(cases, METRICS);
}

function textsOf({ inputs }: MetricCase) {
  const options: EnsembleTextsOptions & { lengths: number[] } = {
    members: shapeOf(inputs.logits)[0] ?? 0,
    lengths: flat(inputs.lengths),
  };
  return { logits: flat(inputs.logits), tokens: flat(inputs.tokens), options };
}
