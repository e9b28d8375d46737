// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Fields that every configuration of transformers may have, besides those that
 * an architecture reads. They are kept, and generation reads some of them.
 */
export const KNOWN_FIELDS: readonly string[] = [
  "_name_or_path",
  "bad_words_ids",
  "begin_suppress_tokens",
  "chunk_size_feed_forward",
  "diversity_penalty",
  "do_sample",
  "dtype",
  "early_stopping",
  "encoder_no_repeat_ngram_size",
  "exponential_decay_length_penalty",
  "finetuning_task",
  "forced_bos_token_id",
  "forced_eos_token_id",
  "label2id",
  "length_penalty",
  "max_length",
  "min_length",
  "name_or_path",
  "no_repeat_ngram_size",
  "num_beam_groups",
  "num_beams",
  "num_labels",
  "num_return_sequences",
  "output_scores",
  "prefix",
  "remove_invalid_values",
  "repetition_penalty",
  "return_dict",
  "return_dict_in_generate",
  "suppress_tokens",
  "task_specific_params",
  "temperature",
  "tokenizer_class",
  "top_k",
  "top_p",
  "torch_dtype",
  "transformers_version",
  "typical_p",
  "use_cache",
];
