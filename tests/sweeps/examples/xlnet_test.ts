// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import {
  main,
  reinitializeTop,
  XLNetConfig,
  type XLNetConfigOptions,
  XLNetForSequenceClassification,
  XLNetModel,
} from "../../../examples/xlnet.ts";
import {
  backward,
  manualSeed,
  readAll,
  scope,
  tensor,
} from "../../../engine/mod.ts";
import { AutoModelForSequenceClassification } from "../../../models/mod.ts";
import { assertClose, FUNCTIONS, gpuTest } from "../../_check.ts";
import {
  assertSavesWhatItRead,
  FIXTURES,
  testAgreement,
} from "../../models/architectures/_golden.ts";

testAgreement(["xlnet_seq_cls"]);

const FOLDER = `${FIXTURES}xlnet_seq_cls`;

gpuTest("Auto classes load an XLNet, and it is saved as it was", async () => {
  const model = await AutoModelForSequenceClassification.fromPretrained(FOLDER);
  assert(model instanceof XLNetForSequenceClassification);
  await assertSavesWhatItRead("xlnet_seq_cls", model);
});

gpuTest("padding on the left shifts nothing in an XLNet", async () => {
  const model = await XLNetForSequenceClassification.fromPretrained(FOLDER);
  const logitsOf = async (padding: number) => {
    using _ = scope();
    const ids = [9, 31, 17, 3];
    const shape = [1, padding + ids.length];
    const { logits } = model.forward({
      inputIds: tensor([...Array(padding).fill(5), ...ids], {
        shape,
        dtype: "i32",
      }),
      attentionMask: tensor([...Array(padding).fill(0), ...ids.map(() => 1)], {
        shape,
        dtype: "i32",
      }),
    });
    return await logits.data();
  };
  assertClose(await logitsOf(5), await logitsOf(0), FUNCTIONS);
  model.dispose();
});

gpuTest(
  "without texts to tell apart, XLNet's text term is not used",
  async () => {
    const model = await XLNetForSequenceClassification.fromPretrained(FOLDER);
    {
      using _ = scope();
      const { loss } = model.forward({
        inputIds: tensor([[7, 8, 9]], { dtype: "i32" }),
        labels: tensor([1], { dtype: "i32" }),
      });
      backward(loss);
      const unused = [...model.namedParameters()]
        .filter(([, parameter]) => !parameter.hasGradient)
        .map(([name]) => name.replace(/^transformer\.(layer\.\d\.)?/, ""));
      assertEquals(
        new Set(unused),
        new Set(["mask_emb", "rel_attn.r_s_bias", "rel_attn.seg_embed"]),
      );
      assertThrows(
        () =>
          model.forward({
            inputIds: tensor([[7]], { dtype: "i32" }),
            positionIds: tensor([[0]], { dtype: "i32" }),
          }),
        TypeError,
        "XLNet knows distances alone",
      );
    }
    model.dispose();
  },
);

gpuTest(
  "the top block of an XLNet gets new values, and nothing else does",
  async () => {
    manualSeed(3);
    const model = await XLNetForSequenceClassification.fromPretrained(FOLDER);
    const read = async () => {
      const named = [...model.namedParameters()];
      const values = await readAll(named.map(([, parameter]) => parameter));
      return new Map(named.map(([name], i) => [name, `${values[i]}`]));
    };
    const before = await read();
    const drawn = reinitializeTop(model);
    const after = await read();
    const changed = [...before.keys()]
      .filter((name) => before.get(name) !== after.get(name));
    assertEquals(changed, drawn);
    assertEquals(drawn.length, 17 + 4);
    assert(drawn.includes("transformer.layer.1.rel_attn.seg_embed"));
    const [q] = await readAll(
      [
        ...model.namedParameters(),
      ].filter(([name]) => name === "transformer.layer.1.rel_attn.q")
        .map(([, parameter]) => parameter),
    );
    const spread = Math.hypot(...q ?? []) / Math.sqrt(q?.length ?? 0);
    assertLess(Math.abs(spread / 0.02 - 1), 0.1);
    model.dispose();
  },
);

const REFUSED: [XLNetConfigOptions & Record<string, unknown>, string][] = [
  [{ attnType: "uni" }, 'attnType is "uni", expected "bi"'],
  [{ summaryType: "mean" }, 'summaryType is "mean", expected "last"'],
  [{ nHead: 3 }, "nHead is 3, expected a divisor of d_model, 1024"],
];

for (const [options, message] of REFUSED) {
  Deno.test(`XLNetConfig refuses ${JSON.stringify(options)}`, () => {
    assertThrows(() => new XLNetConfig(options), Error, message);
  });
}

gpuTest("hidden states and attentions of an XLNet are given on request", () => {
  const model = new XLNetModel(
    new XLNetConfig({
      vocabSize: 9,
      dModel: 8,
      nLayer: 2,
      nHead: 2,
      dInner: 8,
    }),
  );
  const inputIds = tensor([[1, 2, 3]], { dtype: "i32" });
  const asked = model.forward({
    inputIds,
    outputHiddenStates: true,
    outputAttentions: true,
  });
  assertEquals(asked.hiddenStates?.map(({ shape }) => shape), [
    [1, 3, 8],
    [1, 3, 8],
    [1, 3, 8],
  ]);
  assertEquals(asked.attentions?.map(({ shape }) => shape), [
    [1, 2, 3, 3],
    [1, 2, 3, 3],
  ]);
  assertEquals(Object.keys(model.forward({ inputIds })), ["lastHiddenState"]);
  model.dispose();
});

gpuTest("the example of XLNet learns a task and its reverse", async () => {
  const [first = NaN, second = NaN] = await main(12);
  assertLess(first, 0.5); // A coin: 0.69.
  assertLess(second, 0.5);
});
