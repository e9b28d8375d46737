// Copyright 2026 the swagpu authors. MIT license.

// An answer in a sentence or two.

import type { TextAnswer } from "../protocol.ts";
import { html } from "./dom.ts";
import { fixed } from "./numbers.ts";

/** A class is nearly certain above this mean probability. */
const SURE = 0.9;
/** The samples disagree if their part of the entropy is larger than this. */
const DIVIDED = 0.1;

/** Says what the model thinks, and how sure it is. */
export function verdict(answer: TextAnswer): (Node | string)[] {
  const { labels, mean, std, samples, entropy, modelEntropy } = answer;
  const best = mean.indexOf(Math.max(...mean));
  const probability = fixed(mean[best] ?? NaN);
  const name = html("strong", {}, labels[best] ?? "");
  if (samples.length === 1) return [name, `, with probability ${probability}.`];
  const chosen = samples.map((own) => own.indexOf(Math.max(...own)));
  const agreeing = chosen.filter((k) => k === best).length;
  return [
    name,
    `, ${probability} ± ${fixed(std[best] ?? NaN)}. ` +
    `${agreeing} of ${samples.length} samples agree. ` +
    doubt({ probability: mean[best] ?? NaN, entropy, modelEntropy }),
  ];
}

function doubt(
  { probability, entropy, modelEntropy }: {
    probability: number;
    entropy: number;
    modelEntropy: number;
  },
): string {
  if (probability > SURE) return "There is little doubt.";
  return modelEntropy > DIVIDED * entropy
    ? "A good part of the doubt is the model's own: its samples differ."
    : "Most of the doubt is the same in every sample: to this model, the text " +
      "itself is open.";
}
