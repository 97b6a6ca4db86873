// Functions of vectors, entry by entry. NaN stays NaN.

#ifndef L2L_TF_FAST_NATIVE_FUNCTIONS_H_
#define L2L_TF_FAST_NATIVE_FUNCTIONS_H_

#include <cmath>

#if defined(__SSE__)
#include <immintrin.h>
#endif

#include "rows.h"

namespace l2l {

typedef int IntVector __attribute__((vector_size(4 * kWidth), may_alias));

inline Vector filled_vector(float value) { return Vector{} + value; }

// 1 / sqrt(x), to a unit in the last place or two.
inline Vector inverse_root(Vector x) {
#if defined(__AVX512F__)
  const Vector y = _mm512_rsqrt14_ps(x);
#elif defined(__AVX__)
  const Vector y = _mm256_rsqrt_ps(x);
#elif defined(__SSE__)
  const Vector y = _mm_rsqrt_ps(x);
#else
  Vector y;
  for (int i = 0; i < kWidth; ++i) y[i] = 1.0f / std::sqrt(x[i]);
#endif
#if defined(__SSE__)
  return y * (1.5f - 0.5f * x * y * y);
#else
  return y;
#endif
}

// Cephes' polynomial; infinite and 0 where floats end.
inline Vector exp(Vector x) {
  constexpr float kRound = 12582912.0f;  // 1.5 2^23: floats of this size are whole numbers
  x = clamped(x, 104.0f);
  const Vector shifted = 1.44269504f * x + kRound;
  const Vector whole = shifted - kRound;
  const Vector r = (x - 0.693359375f * whole) + 2.12194440e-4f * whole;
  Vector p = 1.9875691500e-4f * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const IntVector power = (IntVector)shifted - 0x4B400000;
  const IntVector half = power >> 1;
  const IntVector first = (half + 127) << 23, second = (power - half + 127) << 23;
  return p * (Vector)first * (Vector)second;
}

// Cephes' polynomial, for normal positive numbers.
inline Vector log(Vector x) {
  const IntVector bits = (IntVector)x;
  Vector m = (Vector)((bits & 0x7fffff) | 0x3f000000);  // in [0.5, 1)
  const IntVector small = m < 0.707106781f;
  const Vector e = __builtin_convertvector((bits >> 23) - 126 + small, Vector);  // `small` is -1 where it holds
  m = (small ? m + m : m) - 1.0f;
  const Vector square = m * m;
  Vector y = 7.0376836292e-2f * m - 1.1514610310e-1f;
  y = y * m + 1.1676998740e-1f;
  y = y * m - 1.2420140846e-1f;
  y = y * m + 1.4249322787e-1f;
  y = y * m - 1.6668057665e-1f;
  y = y * m + 2.0000714765e-1f;
  y = y * m - 2.4999993993e-1f;
  y = y * m + 3.3333331174e-1f;
  y = y * m * square - 2.12194440e-4f * e - 0.5f * square;
  return m + y + 0.693359375f * e;
}

inline Vector positive_part(Vector x) { return x < 0.0f ? Vector{} : x; }

// All bits where x is a number that rules can compute with, as `dtypes.is_usable` has it.
inline IntVector usable(Vector x) {
  const Vector largest = filled_vector(1e15f);
  return (x < largest) & (x > -largest);
}

}  // namespace l2l

#endif
