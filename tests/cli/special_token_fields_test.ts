// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import { specialTokenFields } from "../../cli/special_token_fields.ts";
import type { Tokenizer } from "../../models/mod.ts";
import { BPE, PIECES } from "./tasks/_writing.ts";

Deno.test("special tokens of new models are those of their tokenizer", () => {
  const ids = (type: string, tokenizer: Tokenizer) =>
    specialTokenFields(tokenizer, { model_type: type }, "config.json");
  assertEquals(ids("bart", BPE), {
    pad_token_id: 1,
    eos_token_id: 2,
    bos_token_id: 0,
    decoder_start_token_id: 2,
    forced_eos_token_id: 2,
  });
  assertEquals(ids("marian", BPE), {
    pad_token_id: 1,
    eos_token_id: 2,
    decoder_start_token_id: 1,
    forced_eos_token_id: 2,
  });
  assertEquals(ids("bart", PIECES), {
    pad_token_id: 0,
    eos_token_id: 3,
    bos_token_id: 2,
    decoder_start_token_id: 3,
    forced_eos_token_id: 3,
  });
  assertEquals(ids("roberta", PIECES), {
    pad_token_id: 0,
    bos_token_id: 2,
    eos_token_id: 3,
  });
  assertEquals(ids("modernbert", PIECES), {
    pad_token_id: 0,
    bos_token_id: 2,
    eos_token_id: 3,
    cls_token_id: 2,
    sep_token_id: 3,
  });
  assertEquals(ids("bert", PIECES), { pad_token_id: 0 });
  // What the file gives decides what follows from it.
  const given = { model_type: "marian", eos_token_id: 9, pad_token_id: 8 };
  assertEquals(specialTokenFields(BPE, given, "config.json"), {
    pad_token_id: 8,
    eos_token_id: 9,
    decoder_start_token_id: 8,
    forced_eos_token_id: 9,
  });
  const none = {
    padTokenId: null,
    bosTokenId: null,
    eosTokenId: null,
    clsTokenId: null,
    sepTokenId: null,
  };
  for (
    const [own, verb] of [[none, "pads"], [{ ...none, padTokenId: 0 }, "ends"]]
  ) {
    assertThrows(
      () =>
        specialTokenFields(
          own as typeof none,
          { model_type: "bart" },
          "config.json",
        ),
      TypeError,
      `Cannot start from config.json with this tokenizer: it has no token that ${verb}`,
    );
  }
});
