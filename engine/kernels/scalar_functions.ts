// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The functions of one number that expressions and the ends of products may
// call.
//
// WGSL lets a compiler assume that there is no NaN and no infinity, and leaves
// min, max and comparisons of NaN open. So whatever depends on a NaN, on the
// sign of a zero or on an infinity is decided by the bits of the number, as
// integers. Such values are computed at run time, because as constants they do
// not compile.

const FUNCTIONS = /* wgsl */ `
fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
fn ordered(a: f32, b: f32) -> bool { return !is_nan(a) && !is_nan(b); }
fn not_a_number(x: f32) -> f32 { return bitcast<f32>(0x7fc00000u | (bitcast<u32>(x) & 1u)); }
fn infinity(sign: f32) -> f32 { return bitcast<f32>(0x7f800000u | (bitcast<u32>(sign) & 0x80000000u)); }

// Integers in the order of the numbers: -∞ … -0, +0 … +∞.
fn rank(x: f32) -> i32 {
  let k = bitcast<i32>(x);
  return k ^ ((k >> 31u) & 0x7fffffff);
}
// IEEE 754-2019's maximum and minimum: NaN if either is, and -0 below +0.
fn maximum_of(a: f32, b: f32) -> f32 {
  return select(select(select(a, b, rank(b) > rank(a)), b, is_nan(b)), a, is_nan(a));
}
fn minimum_of(a: f32, b: f32) -> f32 {
  return select(select(select(a, b, rank(b) < rank(a)), b, is_nan(b)), a, is_nan(a));
}
fn bounded(x: f32, low: f32, high: f32) -> f32 {
  return select(min(max(x, low), high), x, is_nan(x));
}
// Below 0 or -0, and not NaN.
fn negative(x: f32) -> bool { return bitcast<u32>(x) - 0x80000000u <= 0x7f800000u; }
fn relu(x: f32) -> f32 { return select(x, 0.0, negative(x)); }
fn relu_grad(x: f32, dy: f32) -> f32 { return select(dy, 0.0, negative(x) || x == 0.0); }

// On some drivers, exp() of NaN is ∞.
fn exponential(x: f32) -> f32 { return select(exp(x), x, is_nan(x)); }
// WGSL leaves log() open at 0 and below.
fn logarithm(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let least = bitcast<f32>(0xff800000u + (bits & 0x7fffffffu)); // -∞ if x is 0
  let r = select(log(x), not_a_number(x), negative(x) || is_nan(x));
  return select(r, least, (bits & 0x7fffffffu) == 0u);
}
// log(1 + x) for x in [0, 1], within 1 unit in the last place: the series in
// s = f / (2 + f) of FreeBSD's s_log1pf.c, with 1 + x = 2ᵏ (1 + f).
fn log1p(x: f32) -> f32 {
  let high = x > 0.41421356;
  let f = select(x, (x - 1.0) * 0.5, high);
  let half = 0.5 * f * f;
  let s = f / (2.0 + f);
  let z = s * s;
  let r = z * (0.66666662693 + z * (0.40000972152 + z * (0.28498786688 + z * 0.24279078841)));
  let k = select(vec2<f32>(), vec2<f32>(0.69313812256, 9.0580006145e-6), high);
  return (s * (half + r) + k.y) - half + f + k.x;
}
// f·v, but 0 where f is 0, even for an infinite v.
fn share(f: f32, v: f32) -> f32 { return select(f * v, 0.0, f == 0.0 && !is_nan(v)); }
fn softplus(x: f32) -> f32 { return max(x, 0.0) + log1p(exponential(-abs(x))); }

// exp(x) - 1 for x ≤ 0, by t = tanh(x / 2): exp(x) = (1 + t) / (1 - t).
fn expm1(x: f32) -> f32 {
  let t = tanh_safe(0.5 * x);
  return 2.0 * t / (1.0 - t);
}
// tanh(x) = x·P(x²)/Q(x²), the rational form of Eigen's and XLA's 32-bit tanh:
// within 4 units in the last place, near 0 too. From 9.02 on, where tanh rounds
// to 1, it is exactly 1.
fn tanh_safe(v: f32) -> f32 {
  let x = bounded(v, -7.90531110763549805, 7.90531110763549805);
  let s = x * x;
  var p = -2.76076847742355e-16;
  p = fma(p, s, 2.00018790482477e-13);
  p = fma(p, s, -8.60467152213735e-11);
  p = fma(p, s, 5.12229709037114e-08);
  p = fma(p, s, 1.48572235717979e-05);
  p = fma(p, s, 6.37261928875436e-04);
  p = fma(p, s, 4.89352455891786e-03);
  var q = 1.19825839466702e-06;
  q = fma(q, s, 1.18534705686654e-04);
  q = fma(q, s, 2.26843463243900e-03);
  q = fma(q, s, 4.89352518554385e-03);
  return select(select(x * p / q, sign(v), abs(v) >= 9.02), v, is_nan(v));
}
fn tanh_grad(x: f32) -> f32 { // 1 - tanh², without its cancellation
  let e = exponential(-2.0 * abs(x));
  return 4.0 * e / ((1.0 + e) * (1.0 + e));
}
// erf(x) = x·P(x²)/Q(x²) on [-4, 4], the rational minimax form of 32-bit maths
// libraries: within 2 units in the last place. Beyond, erf rounds to 1, and is
// exactly 1.
fn erf(v: f32) -> f32 {
  let x = bounded(v, -4.0, 4.0);
  let s = x * x;
  var p = -2.72614225801306e-10;
  p = fma(p, s, 2.77068142495902e-08);
  p = fma(p, s, -2.10102402082508e-06);
  p = fma(p, s, -5.69250639462346e-05);
  p = fma(p, s, -7.34990630326855e-04);
  p = fma(p, s, -2.95459980854025e-03);
  p = fma(p, s, -1.60960333262415e-02);
  var q = -1.45660718464996e-05;
  q = fma(q, s, -2.13374055278905e-04);
  q = fma(q, s, -1.68282697438203e-03);
  q = fma(q, s, -7.37332916720468e-03);
  q = fma(q, s, -1.42647390514189e-02);
  return select(select(x * p / q, sign(v), abs(v) >= 4.0), v, is_nan(v));
}
fn sigmoid(x: f32) -> f32 {
  let e = exponential(-abs(x));
  return select(e, 1.0, x >= 0.0) / (1.0 + e);
}
fn sigmoid_grad(x: f32) -> f32 { // σ (1 - σ), without its cancellation
  let e = exponential(-abs(x));
  return e / ((1.0 + e) * (1.0 + e));
}
// x to a whole exponent from -127 to 127, by products: exact where the power of
// a whole number is a float, and else off by up to a unit in the last place for
// each factor.
fn whole_power(x: f32, e: f32) -> f32 {
  var r = 1.0;
  var square = x;
  var bits = u32(abs(e));
  for (; bits > 0u; bits >>= 1u) {
    r *= select(1.0, square, (bits & 1u) == 1u);
    square *= square;
  }
  let turned = select(1.0 / r, infinity(r), r == 0.0);
  return select(r, turned, e < 0.0);
}
// The number without its lower 12 bits. The product of two such is exact.
fn leading(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) & 0xfffff000u); }
// size to the power e within 2 units in the last place, for a positive and finite
// size. The pow of WGSL is exp2(e * log2(size)), whose error grows with that
// product: on some GPUs to a hundred units. Here the logarithm has the digits of
// two floats, as in FreeBSD's e_powf.c. The parts of a float are its bits, since
// compilers may regroup sums but do not see through bits, and products of such
// parts are exact whether they are fused with a sum or not.
fn positive_power(size: f32, e: f32) -> f32 {
  // size = 2ᵏ m with m in [√½, √2).
  let tiny = size < 1.17549435e-38;
  let bits = bitcast<u32>(select(size, size * 16777216.0, tiny)) + 0x4afb0du;
  let k = f32(i32(bits >> 23u) - select(127, 151, tiny));
  let m = bitcast<f32>((bits & 0x7fffffu) + 0x3f3504f3u);
  // ln m = 2 (s + s³/3 + s⁵/5 + …) for s = (m - 1) / (m + 1) = s1 + s2.
  let u = m - 1.0;
  let d = m + 1.0;
  let d1 = leading(d);
  let s = u / d;
  let s1 = leading(s);
  let s2 = ((u - s1 * d1) - s1 * (m - (d1 - 1.0))) / d;
  let z = s * s;
  var r = 0.2727272727;
  r = fma(r, z, 0.3333333333);
  r = fma(r, z, 0.4285714286);
  r = fma(r, z, 0.6);
  r = z * z * r + s2 * (s1 + s);
  // t1 + t2 = 3 + s² + ….
  let t1 = leading(3.0 + s1 * s1 + r);
  let t2 = r - ((t1 - 3.0) - s1 * s1);
  // log2 m = 2 / (3 ln 2) (s1 + s2) (t1 + t2): p1 + p2, times c1 + c2.
  let rest = s2 * t1 + t2 * s;
  let p1 = leading(s1 * t1 + rest);
  let p2 = rest - (p1 - s1 * t1);
  let l2 = -1.1736857402e-4 * p1 + p2 * 0.96179669393;
  let g1 = leading(0.9619140625 * p1 + l2 + k);
  let g2 = l2 - ((g1 - k) - 0.9619140625 * p1);
  // The product, with a limit at which the power is 0 or infinite for any size
  // but 1, and its power of 2.
  let y = clamp(e, -4.0e9, 4.0e9);
  let y1 = leading(y);
  let low = (y - y1) * g1 + y * g2;
  let n = round(clamp(y1 * g1 + low, -200.0, 200.0));
  let f = clamp((y1 * g1 - n) + low, -1.0, 1.0);
  var v = 1.52527338041e-5;
  v = fma(v, f, 1.54035303934e-4);
  v = fma(v, f, 1.33335581464e-3);
  v = fma(v, f, 9.61812910763e-3);
  v = fma(v, f, 5.55041086648e-2);
  v = fma(v, f, 0.240226506959);
  v = fma(v, f, 0.693147180560);
  let scaled = bitcast<i32>(fma(v, f, 1.0)) + i32(n) * 0x800000;
  let ends = abs(n) > 128.0 || scaled < 0x800000 || scaled >= 0x7f800000;
  return select(bitcast<f32>(scaled), select(0.0, infinity(1.0), n > 0.0), ends);
}
// IEEE 754-2019's pow. WGSL leaves its pow open below 0, at 0, at infinities
// and for NaN.
fn any_power(x: f32, e: f32) -> f32 {
  let size = abs(x);
  let whole = floor(e) == e;
  let odd = whole && floor(e * 0.5) != e * 0.5;
  let grows = (size > 1.0) == (e > 0.0);
  let ends = size == 0.0 || size > 3.4028234e38 || abs(e) > 3.4028234e38;
  var r = select(positive_power(size, e), sqrt(size), e == 0.5);
  r = select(r, select(0.0, infinity(1.0), grows), ends);
  r = select(r, 1.0, size == 1.0);
  r = select(r, -r, odd && negative(x));
  let unreal = x < 0.0 && size <= 3.4028234e38 && !whole;
  r = select(r, not_a_number(x), unreal || !ordered(x, e));
  return select(r, 1.0, (x == 1.0 && !is_nan(x)) || (e == 0.0 && !is_nan(e)));
}
fn power(x: f32, e: f32) -> f32 {
  if (abs(e) <= 16.0 && floor(e) == e) { return whole_power(x, e); }
  return any_power(x, e);
}
// The derivatives of power(x, e): towards x, 0 for e = 0; towards e, 0 for x =
// 0 and e ≥ 0, and NaN for x < 0, where the power is no real function of e.
fn power_dx(x: f32, e: f32, dy: f32) -> f32 {
  return select(dy * (e * power(x, e - 1.0)), 0.0, e == 0.0 && !is_nan(e));
}
fn power_de(x: f32, e: f32, dy: f32) -> f32 {
  return select(dy * (power(x, e) * logarithm(x)), 0.0, x == 0.0 && e >= 0.0 && ordered(x, e));
}
fn gelu(x: f32) -> f32 { return 0.5 * x * (1.0 + erf(x * 0.7071067811865476)); }
fn gelu_grad(x: f32) -> f32 {
  let c = clamp(x, -16.0, 16.0); // Beyond, ∞·0 would be NaN.
  return 0.5 * (1.0 + erf(x * 0.7071067811865476)) +
    c * 0.3989422804014327 * exponential(-0.5 * c * c);
}
fn gelu_tanh(x: f32) -> f32 {
  return 0.5 * x * (1.0 + tanh_safe(0.7978845608028654 * (x + 0.044715 * x * x * x)));
}
fn gelu_tanh_grad(x: f32) -> f32 {
  let t = tanh_safe(0.7978845608028654 * (x + 0.044715 * x * x * x));
  let c = clamp(x, -16.0, 16.0); // Beyond, ∞·0 would be NaN.
  return 0.5 * (1.0 + t) +
    0.5 * c * (1.0 - t * t) * 0.7978845608028654 * (1.0 + 0.134145 * c * c);
}
`;

/** The text of each function, by name, in the order above. */
const texts = new Map(
  FUNCTIONS.split(/\n(?=fn |\/\/ |$)/).reduce<[string, string][]>(
    (list, text) => {
      const name = /^fn (\w+)/m.exec(text)?.[1];
      if (name) list.push([name, text]);
      return list;
    },
    [],
  ),
);

const found = new Map<string, string>();

/**
 * The functions that a text of WGSL calls, and those that they call. They have
 * to be part of the same kernel.
 */
export function scalarFunctions(body: string): string {
  let text = found.get(body);
  if (text === undefined) {
    const used = new Set<string>();
    const visit = (code: string) => {
      for (const [, name = ""] of code.matchAll(/\b(\w+)\(/g)) {
        const called = texts.get(name);
        if (!called || used.has(name)) continue;
        used.add(name);
        visit(called);
      }
    };
    visit(body);
    text = [...texts].filter(([name]) => used.has(name))
      .map(([, code]) => `${code}\n`).join("");
    found.set(body, text);
  }
  return text;
}
