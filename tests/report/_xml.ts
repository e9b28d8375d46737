// Copyright 2026 the swagpu authors. MIT license.

// A strict reader of XML for tests, without namespaces, and with four entities alone.

/** An element that was read. */
export interface Element {
  name: string;
  attributes: Record<string, string>;
  /** All text inside, that of children included. */
  text: string;
  children: Element[];
}

const ENTITIES: Record<string, string> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
};

/** Text with entities replaced; throws at a bare & or an unknown entity. */
function unescape(text: string): string {
  // deno-lint-ignore no-control-regex
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(text)) {
    throw new Error(`a character that XML forbids in ${JSON.stringify(text)}`);
  }
  return text.replace(/&([^;\s]*)(;?)/g, (whole, name: string, end: string) => {
    const letter = /^#\d+$/.test(name)
      ? String.fromCodePoint(Number(name.slice(1)))
      : ENTITIES[name];
    if (end === "" || letter === undefined) throw new Error(`bad ${whole}`);
    return letter;
  });
}

const TAG = /<(\/?)([A-Za-z][\w:-]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/y;

/** Reads one element; throws unless all of the text is well-formed. */
export function parseXml(source: string): Element {
  const root: Element = { name: "", attributes: {}, text: "", children: [] };
  const open: Element[] = [root];
  let at = 0;
  while (at < source.length) {
    const next = source.indexOf("<", at);
    const end = next < 0 ? source.length : next;
    const text = unescape(source.slice(at, end));
    for (const element of open) element.text += text;
    if (next < 0) break;
    TAG.lastIndex = next;
    const tag = TAG.exec(source);
    if (!tag) throw new Error(`bad tag: ${source.slice(next, next + 80)}`);
    const [whole, closes, name = "", attributes = "", empty] = tag;
    const top = open.at(-1);
    if (closes) {
      if (top?.name !== name) throw new Error(`</${name}> ends <${top?.name}>`);
      open.pop();
    } else {
      const pairs = [...attributes.matchAll(/([\w:-]+)="([^"]*)"/g)]
        .map(([, key = "", value = ""]) => [key, unescape(value)] as const);
      const element: Element = {
        name,
        attributes: Object.fromEntries(pairs),
        text: "",
        children: [],
      };
      if (new Set(pairs.map(([key]) => key)).size < pairs.length) {
        throw new Error(`an attribute twice in ${whole}`);
      }
      top?.children.push(element);
      if (!empty) open.push(element);
    }
    at = next + whole.length;
  }
  const [only] = root.children;
  if (open.length > 1 || !only || root.children.length > 1) {
    throw new Error("expected one element, and every element closed");
  }
  return only;
}

/** All elements below one, itself included, that satisfy a condition. */
export function findAll(
  element: Element,
  wanted: (element: Element) => boolean,
): Element[] {
  return [
    ...(wanted(element) ? [element] : []),
    ...element.children.flatMap((child) => findAll(child, wanted)),
  ];
}
