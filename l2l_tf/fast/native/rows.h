// Products of small matrices with rows of kLanes floats, in tiles whose sums stay in registers.

#ifndef L2L_TF_FAST_NATIVE_ROWS_H_
#define L2L_TF_FAST_NATIVE_ROWS_H_

#include <cstring>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace l2l {

// The machine's vectors, and as many sums as its registers take: tiles of a product, and of a sum of outer products.
#if defined(__AVX512F__)
constexpr int kWidth = 16, kTileRows = 5, kTileVectors = 4, kOuterTile = 5;
#elif defined(__AVX__)
constexpr int kWidth = 8, kTileRows = 5, kTileVectors = 2, kOuterTile = 3;
#elif defined(__aarch64__)
constexpr int kWidth = 4, kTileRows = 5, kTileVectors = 4, kOuterTile = 5;
#else
constexpr int kWidth = 4, kTileRows = 5, kTileVectors = 2, kOuterTile = 3;
#endif
constexpr int kLanes = 64;
constexpr int kVectors = kLanes / kWidth;

typedef float Vector __attribute__((vector_size(4 * kWidth), may_alias));

// One feature of kLanes coordinates.
struct alignas(64) Row {
  Vector v[kVectors];
};

inline Row filled(float value) {
  Row row;
  for (Vector& v : row.v) v = Vector{} + value;
  return row;
}

// Of the first `count` lanes, the others 0.
inline void load(const float* from, int count, Row* row) {
  if (count == kLanes) {
    std::memcpy(row, from, sizeof(Row));
  } else {
    *row = filled(0.0f);
    std::memcpy(row, from, sizeof(float) * count);
  }
}

inline void store(const Row& row, int count, float* to) {
  if (count == kLanes) {
    std::memcpy(to, &row, sizeof(Row));
  } else {
    std::memcpy(to, &row, sizeof(float) * count);
  }
}

// to[k][r] = from[r][k], for rows of `from` and of `to` that begin `from_stride` and `to_stride` floats apart.
inline void transpose(int rows, int columns, const float* from, int from_stride, float* to, int to_stride) {
  for (int k = 0; k < columns; ++k)
    for (int r = 0; r < rows; ++r) to[k * long{to_stride} + r] = from[r * long{from_stride} + k];
}

// Within [-bound, bound]. NaN stays NaN.
inline Vector clamped(Vector x, float bound) {
  const Vector highest = Vector{} + bound;
#if defined(__AVX512F__)  // of a NaN and a number, these give their second operand
  return _mm512_max_ps(-highest, _mm512_min_ps(highest, x));
#else
  x = x > highest ? highest : x;
  return x < -highest ? -highest : x;
#endif
}

inline float sum(Vector v) {
  float lanes[kWidth];
  std::memcpy(lanes, &v, sizeof(v));
  for (int width = kWidth / 2; width; width /= 2)
    for (int lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
  return lanes[0];
}

template <int kRows, bool kTransposed>
inline void multiply_tile(int depth, int stride, const float* w, const Row* x, Row* out) {
  for (int first = 0; first < kVectors; first += kTileVectors) {
    Vector total[kRows][kTileVectors] = {};
    for (int k = 0; k < depth; ++k)
      for (int r = 0; r < kRows; ++r) {
        const float entry = w[kTransposed ? k * stride + r : r * stride + k];
        for (int v = 0; v < kTileVectors; ++v) total[r][v] += entry * x[k].v[first + v];
      }
    for (int r = 0; r < kRows; ++r)
      for (int v = 0; v < kTileVectors; ++v) out[r].v[first + v] = total[r][v];
  }
}

// out[r] = sum_k w[r][k] x[k], for w [rows][depth]; or with w[k][r], for w [depth][rows], where w is the transpose.
template <bool kTransposed = false>
inline void multiply(int rows, int depth, const float* w, const Row* x, Row* out) {
  const int stride = kTransposed ? rows : depth, next = kTransposed ? 1 : depth;
  int r = 0;
  for (; r + kTileRows <= rows; r += kTileRows)
    multiply_tile<kTileRows, kTransposed>(depth, stride, w + r * next, x, out + r);
  for (; r < rows; ++r) multiply_tile<1, kTransposed>(depth, stride, w + r * next, x, out + r);
}

template <int kRows, int kColumns>
inline void add_outer_tile(int pages, long page, const Row* left, const Row* right, int columns, float* total) {
  Vector sums[kRows][kColumns] = {};
  for (int p = 0; p < pages; ++p, left += page, right += page)
    for (int v = 0; v < kVectors; ++v) {
      Vector own[kRows];
      for (int r = 0; r < kRows; ++r) own[r] = left[r].v[v];
      for (int k = 0; k < kColumns; ++k) {
        const Vector other = right[k].v[v];
        for (int r = 0; r < kRows; ++r) sums[r][k] += own[r] * other;
      }
    }
  for (int r = 0; r < kRows; ++r)
    for (int k = 0; k < kColumns; ++k) total[r * columns + k] += sum(sums[r][k]);
}

template <int kRows>
inline void add_outer_rows(int pages, long page, const Row* left, int columns, const Row* right, float* total) {
  int k = 0;
  for (; k + kOuterTile <= columns; k += kOuterTile)
    add_outer_tile<kRows, kOuterTile>(pages, page, left, right + k, columns, total + k);
  for (; k < columns; ++k) add_outer_tile<kRows, 1>(pages, page, left, right + k, columns, total + k);
}

// total[r][k] += the sum over lanes and pages of left[r] right[k], for total [rows][columns]; left and right of the
// next page stand `page` rows after those of the one before.
inline void add_outer(int pages, long page, int rows, const Row* left, int columns, const Row* right, float* total) {
  int r = 0;
  for (; r + kOuterTile <= rows; r += kOuterTile)
    add_outer_rows<kOuterTile>(pages, page, left + r, columns, right, total + r * columns);
  for (; r < rows; ++r) add_outer_rows<1>(pages, page, left + r, columns, right, total + r * columns);
}

}  // namespace l2l

#endif
