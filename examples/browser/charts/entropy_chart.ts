// Copyright 2026 the swagpu authors. MIT license.

// The entropy of a prediction as a bar of two parts, and below it that of the plain
// model. The bar ends where the model would know nothing.

import { svg } from "../page/dom.ts";
import { fixed } from "../page/numbers.ts";
import type { TextAnswer } from "../protocol.ts";
import type { FigureContent } from "./figure.ts";
import { numberCell } from "./table.ts";
import { type ChartWords, freshId, image, scale } from "./frame.ts";

const HEIGHT = 190;
const THICK = 26;

/** Draws the uncertainty of a text. */
export function entropyChart(answer: TextAnswer): FigureContent {
  const { entropy, dataEntropy, modelEntropy, plainEntropy, labels } = answer;
  const most = Math.log(labels.length);
  const words = {
    title: "Uncertainty in nats",
    description: `The entropy is ${fixed(entropy)} nats of at most ` +
      `${fixed(most)}: ${fixed(dataEntropy)} from the text and ` +
      `${fixed(modelEntropy)} from the model. That of the plain model is ` +
      `${fixed(plainEntropy)}.`,
  };
  return {
    draw: (width) => draw(width, answer, { most, words }),
    table: {
      head: ["uncertainty", "nats", "of the most"],
      rows: ([
        ["text (expected entropy)", dataEntropy],
        ["model (mutual information)", modelEntropy],
        ["both (entropy of the mean)", entropy],
        ["plain model (entropy)", plainEntropy],
      ] as const).map((
        [name, value],
      ) => [
        name,
        numberCell(value, 3),
        `${(100 * value / most).toFixed(0)} %`,
      ]),
    },
  };
}

function draw(
  width: number,
  { entropy, dataEntropy, modelEntropy, plainEntropy, samples }: TextAnswer,
  { most, words }: {
    most: number;
    words: ChartWords;
  },
): SVGSVGElement {
  const x = scale([0, most], [0, width]);
  const hatch = freshId("hatch");
  const bar = (from: number, to: number, y: number, attributes: object) =>
    svg("rect", {
      x: x(from),
      width: Math.max(0, x(to) - x(from)),
      y,
      height: THICK,
      ...attributes,
    });
  const top = 30;
  const second = 112;
  const isSampled = samples.length > 1;
  return image(
    { width, height: HEIGHT },
    words,
    svg(
      "pattern",
      {
        id: hatch,
        width: 6,
        height: 6,
        patternUnits: "userSpaceOnUse",
        patternTransform: "rotate(45)",
      },
      svg("rect", { class: "gap second", width: 6, height: 6, opacity: 0.25 }),
      svg("rect", { class: "gap second", width: 3, height: 6 }),
    ),
    ...(isSampled
      ? [
        svg("text", { class: "note", x: 0, y: top - 10 }, "posterior"),
        svg("text", {
          class: "value",
          x: width,
          y: top - 10,
          "text-anchor": "end",
        }, `${fixed(entropy)} nats`),
        bar(0, most, top, { class: "ground" }),
        bar(0, dataEntropy, top, { class: "gap first" }),
        bar(dataEntropy, entropy, top, { fill: `url(#${hatch})` }),
        svg(
          "text",
          { class: "value first", x: 0, y: top + THICK + 18 },
          `text ${fixed(dataEntropy)}`,
        ),
        svg("text", {
          class: "value second",
          x: Math.min(Math.max(x(dataEntropy), 84), width - 92),
          y: top + THICK + 18,
        }, `model ${fixed(modelEntropy)}`),
      ]
      : []),
    svg("text", { class: "note", x: 0, y: second - 10 }, "plain model"),
    svg("text", {
      class: "value",
      x: width,
      y: second - 10,
      "text-anchor": "end",
    }, `${fixed(plainEntropy)} nats`),
    bar(0, most, second, { class: "ground" }),
    bar(0, plainEntropy, second, { class: "outline" }),
    svg("text", { class: "tick", x: 0, y: HEIGHT - 26 }, "0, certain"),
    svg("text", {
      class: "tick",
      x: width,
      y: HEIGHT - 26,
      "text-anchor": "end",
    }, `${fixed(most)}, knows nothing`),
    svg("text", {
      class: "name",
      x: width,
      y: HEIGHT - 8,
      "text-anchor": "end",
    }, "entropy (nats)"),
  );
}
