// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertFalse, assertGreater } from "@std/assert";
import { generateReviews } from "../../../examples/quickstart/grammar.ts";
import {
  Member,
  memberLength,
  type MemberState,
} from "../../../examples/quickstart/member.ts";
import { encode, smallBert } from "../../../examples/quickstart/small_bert.ts";
import {
  learnVocabulary,
  tokenizerFiles,
} from "../../../examples/quickstart/vocabulary.ts";
import { manualSeed, scope, tensor } from "../../../engine/mod.ts";
import {
  BertForSequenceClassification,
  Tokenizer,
} from "../../../models/mod.ts";
import { gpuTest } from "../../_check.ts";

const { train } = generateReviews({ seed: 3, train: 40, test: 0, ood: 0 });
const vocabulary = learnVocabulary(train.map(({ text }) => text));
const tokenizer = new Tokenizer(tokenizerFiles(vocabulary));

/** Calls a function with a new member, before its first step. */
async function withMember<T>(run: (member: Member) => Promise<T>): Promise<T> {
  using _ = scope();
  manualSeed(5);
  using model = new BertForSequenceClassification(
    smallBert(tokenizer.vocabSize),
  );
  using member = new Member({
    member: model,
    base: model,
    texts: encode(tokenizer, train),
    labels: tensor(Int32Array.from(train, ({ label }) => label)),
    seed: 5,
  });
  using _posterior = member.posterior;
  return await run(member);
}

Deno.test("memberLength() counts the steps of both optimizers", () => {
  assertEquals(memberLength(1000), { epochs: 18, steps: 576, turn: 128 });
  assertEquals(memberLength(1), { epochs: 18, steps: 18, turn: 4 });
});

gpuTest(
  "Member trains with AdamW and then with SGD, and collects the posterior",
  () =>
    withMember(async (member) => {
      const rates = new Set<number>();
      const collected: number[] = [];
      const isDone = await member.train({
        onLog: ({ learningRate }) => void rates.add(learningRate),
        onEpoch({ epoch, step }, isCollected) {
          assertEquals(step, 2 * epoch);
          if (isCollected) collected.push(epoch);
        },
      });
      assert(isDone);
      assertEquals([...rates], [3e-3, 0.05]);
      assertEquals(collected, [7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]);
      assertEquals(member.posterior.nModels, 12);
    }),
);

gpuTest(
  "Member continues from its state to the bits of a run that was never stopped",
  async () => {
    const whole = await withMember(async (member) => {
      await member.train();
      return await member.state();
    });
    // Within the phase of each optimizer, and at the end of a pass.
    const states: MemberState[] = [];
    for (const stopAt of [3, 17, 24]) {
      const before = states.at(-1);
      states.push(
        await withMember(async (member) => {
          if (before) await member.load(before);
          const stopping = new AbortController();
          let last = 0;
          const isDone = await member.train({
            signal: stopping.signal,
            onLog({ step }) {
              last = step;
              if (step >= stopAt) stopping.abort();
            },
          });
          assertFalse(isDone);
          assertGreater(last, stopAt - 1);
          return await member.state();
        }),
      );
    }
    const resumed = await withMember(async (member) => {
      const [, , last] = states;
      assert(last);
      await member.load(last);
      assert(await member.train());
      return await member.state();
    });
    assertEquals(resumed, whole);
  },
);
