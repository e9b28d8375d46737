// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals } from "@std/assert";
import { TimedOut } from "../../../host/mod.ts";
import {
  isUnreachable,
  unreachableReason,
} from "../../../models/files/hub_errors.ts";

/** An error with more about it, as runtimes have. */
function withCode(error: Error, code: string): Error {
  return Object.assign(error, { code });
}

Deno.test("unreachableReason() tells what has failed, in every runtime", () => {
  const refused = withCode(new AggregateError([]), "ECONNREFUSED");
  const dns = "getaddrinfo ENOTFOUND huggingface.co";
  const cases: [Error, string][] = [
    // Node
    [
      new TypeError("fetch failed", {
        cause: withCode(new Error(dns), "ENOTFOUND"),
      }),
      `fetch failed: ${dns}`,
    ],
    [
      new TypeError("fetch failed", { cause: refused }),
      "fetch failed: ECONNREFUSED",
    ],
    // Deno
    [
      new TypeError("fetch failed", {
        cause: new Error("error sending request"),
      }),
      "fetch failed: error sending request",
    ],
    // Bun
    [new TypeError(dns), dns],
    [new TimedOut("nothing came"), "nothing came"],
  ];
  for (const [error, reason] of cases) {
    assert(isUnreachable(error), reason);
    assertEquals(unreachableReason(error), reason);
  }
  assert(!isUnreachable(new TypeError("x is not a function")));
});

Deno.test("a hub that answers with its own fault counts as unreachable", () => {
  const answer = (statusCode: number) =>
    Object.assign(new Error("Service Unavailable"), { statusCode });
  assert(isUnreachable(answer(503)) && isUnreachable(answer(429)));
  assert(!isUnreachable(answer(404)));
  assertEquals(unreachableReason(answer(503)), "Service Unavailable");
});
