// Copyright 2026 the swagpu authors. MIT license.

// What the errors of requests to the hub mean.

import { proxyAdvice } from "../../host/inside.ts";
import { NotFound, PermissionDenied, TimedOut } from "../../host/mod.ts";

/** The status of an answer that the hub package threw; `null` for other errors. */
export function statusOf(error: unknown): number | null {
  return error instanceof Error && "statusCode" in error &&
      typeof error.statusCode === "number"
    ? error.statusCode
    : null;
}

/** Whether an error means that the hub cannot be reached. */
export function isUnreachable(error: unknown): boolean {
  const status = statusOf(error);
  if (status !== null) return status >= 500 || status === 429;
  if (error instanceof TimedOut) return true;
  // The errors of fetch without a connection: Deno's and Node's, and Bun's.
  return error instanceof TypeError &&
    /fetch failed|sending request|network|connect|getaddrinfo|ECONN/i
      .test(error.message);
}

/** Why the hub cannot be reached, in one line. */
export function unreachableReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, cause } = error;
  // Of a fetch, the cause says what has failed; of several tries it has but a code.
  const detail = cause instanceof Error
    ? cause.message || ("code" in cause ? String(cause.code) : "")
    : "";
  const reason = detail === "" ? message : `${message}: ${detail}`;
  const advice = statusOf(error) === null ? proxyAdvice() : undefined;
  return advice === undefined ? reason : `${reason}; ${advice}`;
}

/**
 * Turns the hub's refusal of a repository into an error that says what it means.
 *
 * @param lead A text that is put before the reason.
 */
export function hubError(where: string, error: unknown, lead: string): unknown {
  const status = statusOf(error);
  // A stream that the hub package aborts throws a text instead of an error.
  if (typeof error === "string") {
    return new Error(`Cannot download ${where}: ${error}`);
  }
  if (status === null) return error;
  if (status === 401 || status === 403) {
    return new PermissionDenied(
      `Cannot download ${where}: ${lead}it does not exist, or is private or ` +
        `gated (status ${status}): pass a token that has access`,
      { cause: error },
    );
  }
  const reason = error instanceof Error ? error.message : String(error);
  return status === 404
    ? new NotFound(
      `Cannot download ${where}: ${lead}there is no such repository or revision`,
      { cause: error },
    )
    : new Error(`Cannot download ${where}: ${lead}${reason}`, { cause: error });
}
