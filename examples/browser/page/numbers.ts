// Copyright 2026 the swagpu authors. MIT license.

// Numbers as texts.

/** With a real minus sign, and a plus where that matters. */
export function signed(value: number, digits = 2): string {
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return text;
  return `${value < 0 ? "−" : "+"}${text}`;
}

/** With digits after the point, and a real minus sign. */
export function fixed(value: number, digits = 2): string {
  return value.toFixed(digits).replace("-", "−");
}

/** A whole number with its thousands apart. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
