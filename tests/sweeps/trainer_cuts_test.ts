// Copyright 2026 the swagpu authors. MIT license.

// A run that is cut at any step and resumed has the bits of a run that was not: at
// 20 of its 22 steps, as tests/nn/trainer/resume_test.ts does at a few.

import { cutTest } from "../nn/trainer/_resume.ts";

cutTest({ capture: true, count: 20 });
cutTest({ capture: false, count: 4 });
