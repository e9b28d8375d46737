// Copyright 2026 the swagpu authors. MIT license.

/**
 * Notes what goes wrong in web pages.
 *
 * @module
 */

import type { BrowserContext } from "playwright-core";

/** Whether an address belongs to the page's own server, or to no server. */
function isOwn(url: string, host: string): boolean {
  const address = new URL(url);
  // Others, such as blob: and data:, are within the page.
  return !/^(?:https?|wss?|ftp):$/.test(address.protocol) ||
    address.host === host;
}

/**
 * Notes what goes wrong in all pages of a context, and in their workers: errors in the
 * console, errors that are not caught, answers that say of failure, requests to other
 * hosts, and crashes.
 *
 * @param context Where pages will be opened.
 * @param host The host, with its port, that the pages may ask.
 * @returns A list that grows by a line for each problem.
 */
export function watch(context: BrowserContext, host: string): string[] {
  const problems: string[] = [];
  const note = (what: string, text: string) => {
    problems.push(`${what}: ${text}`);
  };
  const ask = (url: string) => {
    if (!isOwn(url, host)) note("request to another host", url);
  };
  context.on("console", (message) => {
    // Failed requests, which the browser reports for some, are noted below for all.
    const isOwn = !message.text().startsWith("Failed to load resource:");
    if (message.type() !== "error" || !isOwn) return;
    const { url, lineNumber } = message.location();
    note("console error", `${message.text()} (${url}:${lineNumber + 1})`);
  });
  context.on("weberror", (event) => {
    const error = event.error();
    note("uncaught error", error.stack ?? error.message);
  });
  context.on("request", (request) => ask(request.url()));
  context.on("response", (response) => {
    if (response.ok() || response.status() < 400) return;
    note("failed request", `${response.url()} (${response.status()})`);
  });
  context.on("page", (page) => {
    page.on("websocket", (socket) => ask(socket.url()));
    page.on("crash", () => note("crash", page.url()));
  });
  return problems;
}
