// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals } from "@std/assert";
import {
  backward,
  manualSeed,
  readAll,
  scope,
  tensor,
} from "../../../engine/mod.ts";
import {
  BertConfig,
  BertForMaskedLM,
  BertLMHeadModel,
  ModernBertConfig,
  ModernBertForMaskedLM,
  packingOf,
  RobertaConfig,
  RobertaForCausalLM,
  RobertaForMaskedLM,
} from "../../../models/mod.ts";
import { assertClose, gpuTest } from "../../_check.ts";

const SIZES = {
  vocabSize: 30,
  hiddenSize: 12,
  intermediateSize: 16,
  numHiddenLayers: 1,
  numAttentionHeads: 2,
};
const SHAPE = [2, 5] as const;
const LABELS = [-100, 7, -100, -100, 3, -100, -100, 29, -100, -100];

for (
  const [name, build] of [
    ["BertForMaskedLM", () => new BertForMaskedLM(new BertConfig(SIZES))],
    [
      "RobertaForMaskedLM",
      () => new RobertaForMaskedLM(new RobertaConfig(SIZES)),
    ],
    [
      "ModernBertForMaskedLM",
      () =>
        new ModernBertForMaskedLM(
          new ModernBertConfig({ ...SIZES, padTokenId: 0 }),
        ),
    ],
  ] as const
) {
  gpuTest(
    `${name} scores masked positions alone as it does among all`,
    async () => {
      manualSeed(0);
      const model = build().eval();
      assert(model.usesPredictions);
      using _ = scope();
      const inputs = {
        inputIds: tensor([[2, 4, 9, 6, 4], [2, 8, 4, 3, 1]], { dtype: "i32" }),
        attentionMask: tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]], {
          dtype: "i32",
        }),
        labels: tensor([LABELS.slice(0, 5), LABELS.slice(5)], { dtype: "i32" }),
      };
      const isMasked = LABELS.map((label) => label === -100 ? 0 : 1);
      const predictions = packingOf(isMasked, SHAPE);
      const results = [];
      for (const more of [{}, { predictions }]) {
        manualSeed(0);
        const model = build().eval();
        assert(model.usesPredictions);
        const { logits, loss } = model.forward({ ...inputs, ...more });
        backward(loss);
        const parameters = [...model.namedParameters().values()];
        const gradients = parameters.flatMap(({ grad }) => grad ?? []);
        assertEquals(gradients.length, parameters.length);
        results.push(await readAll([logits, loss, ...gradients]));
        model.dispose();
      }
      const [[every, ...whole] = [], [some, ...sparse] = []] = results;
      const rows = [...isMasked.keys()].filter((i) => isMasked[i]);
      assertClose(
        some ?? [],
        rows.flatMap((i) => [...every?.subarray(i * 30, i * 30 + 30) ?? []]),
        { absolute: 2e-5, relative: 2e-5 },
      );
      sparse.forEach((values, i) =>
        assertClose(values, whole[i] ?? [], { absolute: 2e-6, relative: 2e-4 })
      );
    },
  );
}

gpuTest("models that continue texts score no chosen positions", () => {
  const models = [
    new BertLMHeadModel(new BertConfig({ ...SIZES, isDecoder: true })),
    new RobertaForCausalLM(new RobertaConfig({ ...SIZES, isDecoder: true })),
  ];
  for (const model of models) {
    assertEquals(model.usesPredictions, false);
    model.dispose();
  }
});
