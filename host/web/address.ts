// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Addresses of the web that stand for files and folders.

/** Whether a path is an address of the web. */
export function isAddress(path: string): boolean {
  return /^https?:\/\//i.test(path);
}

/**
 * The address of a path. Code that knows nothing of queries puts the names of files
 * at the end of a folder, as in `https://example.com/model?key=1/config.json`; they
 * belong before the query, after one slash. Thus a slash in a query must be written as
 * `%2F`.
 *
 * @throws {TypeError} If it is not an address, or has a fragment.
 */
export function addressOf(path: string): string {
  const query = path.indexOf("?");
  const slash = query < 0 ? -1 : path.indexOf("/", query);
  const address = slash < 0
    ? path
    : path.slice(0, query).replace(/\/+$/, "") + path.slice(slash) +
      path.slice(query, slash);
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url && isAddress(url.href) && url.hash === "") return url.href;
  throw new TypeError(
    `Cannot read ${path}: expected the address of a file on the web, without a #`,
  );
}
