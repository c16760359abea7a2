// Rows of 2 x 2 windows side by side: pooled, with the places of the maxima, and spread again.
#pragma once

#include <algorithm>
#include <cstring>

#include "simd.h"

namespace {

// The larger of two numbers, or of two vectors' lanes; a NaN stays visible.
template <class T>
inline T larger(T a, T b) {
  return (b > a) | (b != b) ? b : a;
}

// Pairs of neighbouring floats are taken apart and put together by integer arithmetic: portable,
// and without a gather.
constexpr int kPairBytes = kVectorBytes > 32 ? 32 : kVectorBytes;
constexpr Int kPairs = kPairBytes / sizeof(float) / 2;
typedef float PairVector __attribute__((vector_size(kPairBytes)));
typedef float LoosePairs __attribute__((vector_size(kPairBytes), aligned(4), may_alias));
typedef float HalfVector __attribute__((vector_size(kPairBytes / 2)));
typedef uint64_t WideInts __attribute__((vector_size(kPairBytes)));
typedef uint32_t PairInts __attribute__((vector_size(kPairBytes)));
typedef uint32_t NarrowInts __attribute__((vector_size(kPairBytes / 2)));
typedef uint8_t Bytes __attribute__((vector_size(kPairBytes / 8)));

inline PairVector load_pairs(const float* p) { return *reinterpret_cast<const LoosePairs*>(p); }

// Each number twice in a row.
inline PairVector twice(const float* p) {
  NarrowInts narrow;
  std::memcpy(&narrow, p, sizeof narrow);
  WideInts wide = __builtin_convertvector(narrow, WideInts);
  wide |= wide << 32;
  return reinterpret_cast<PairVector>(wide);
}

// Each byte as the two numbers of a pair.
inline WideInts twice_bytes(const uint8_t* p) {
  Bytes bytes;
  std::memcpy(&bytes, p, sizeof bytes);
  WideInts wide = __builtin_convertvector(bytes, WideInts);
  return wide | wide << 32;
}

// The larger number of each pair.
inline HalfVector larger_of_pairs(PairVector pairs) {
  const WideInts wide = reinterpret_cast<WideInts>(pairs);
  const NarrowInts first = __builtin_convertvector(wide, NarrowInts);
  const NarrowInts second = __builtin_convertvector(wide >> 32, NarrowInts);
  return larger(reinterpret_cast<HalfVector>(first), reinterpret_cast<HalfVector>(second));
}

// Two rows, `pitch` apart, under 2 x 2 windows side by side; and the gradient.
template <class T>
inline void pool_pair(const T* row, Int columns, Int pitch, T* out) {
  const T* next = row + pitch;
  for (Int j = 0; j < columns; j++)
    out[j] = larger(larger(row[2 * j], next[2 * j]), larger(row[2 * j + 1], next[2 * j + 1]));
}

template <class T>
inline void pool_pair_grad(const T* row, const T* best, const T* grad, bool relu, Int columns,
                           Int pitch, T* to) {
  for (Int j = 0; j < columns; j++) {
    const T m = best[j], v = !relu || m > 0 ? grad[j] : T(0);
    for (Int i : {2 * j, 2 * j + 1, pitch + 2 * j, pitch + 2 * j + 1})
      to[i] = row[i] == m ? v : T(0);
  }
}

// The same for floats, a vector at a time; the last vector may overlap the one before.
inline void pool_pairs(const float* row, Int columns, Int pitch, float* out) {
  if (columns < kPairs) return pool_pair(row, columns, pitch, out);
  for (Int j = 0;; j = std::min(j + kPairs, columns - kPairs)) {
    const PairVector rows = larger(load_pairs(row + 2 * j), load_pairs(row + pitch + 2 * j));
    const HalfVector values = larger_of_pairs(rows);
    std::memcpy(out + j, &values, sizeof values);
    if (j == columns - kPairs) return;
  }
}

inline void pool_pairs(const double* row, Int columns, Int pitch, double* out) {
  pool_pair(row, columns, pitch, out);
}

inline void pool_pairs_grad(const float* row, const float* best, const float* grad, bool relu,
                            Int columns, Int pitch, float* to) {
  if (columns < kPairs) return pool_pair_grad(row, best, grad, relu, columns, pitch, to);
  for (Int j = 0;; j = std::min(j + kPairs, columns - kPairs)) {
    const PairVector m = twice(best + j);
    PairVector v = twice(grad + j);
    if (relu) v = m > 0 ? v : PairVector{};
    for (Int i : {2 * j, pitch + 2 * j})
      *reinterpret_cast<LoosePairs*>(to + i) = load_pairs(row + i) == m ? v : PairVector{};
    if (j == columns - kPairs) return;
  }
}

inline void pool_pairs_grad(const double* row, const double* best, const double* grad, bool relu,
                            Int columns, Int pitch, double* to) {
  pool_pair_grad(row, best, grad, relu, columns, pitch, to);
}

// Two rows under 2 x 2 windows side by side: the largest value of each, and which of the window's
// cells have it, as bits 2 * row + column (none after a relu that cut all of them).
template <class T>
inline void pool_pair_winners(const T* row, Int columns, Int pitch, bool relu, T* out,
                              uint8_t* winners) {
  const T* next = row + pitch;
  for (Int j = 0; j < columns; j++) {
    const T a = row[2 * j], b = row[2 * j + 1], c = next[2 * j], d = next[2 * j + 1];
    const T best = larger(larger(a, c), larger(b, d));
    const int bits = (a == best) + 2 * (b == best) + 4 * (c == best) + 8 * (d == best);
    out[j] = best;
    winners[j] = static_cast<uint8_t>(!relu || best > 0 ? bits : 0);
  }
}

inline void pool_pairs_winners(const double* row, Int columns, Int pitch, bool relu, double* out,
                               uint8_t* winners) {
  pool_pair_winners(row, columns, pitch, relu, out, winners);
}

// Bit values of the two columns of each pair, in the first row of the windows.
inline WideInts column_bits() { return WideInts{} + (1 | uint64_t(2) << 32); }

inline void pool_pairs_winners(const float* row, Int columns, Int pitch, bool relu, float* out,
                               uint8_t* winners) {
  if (columns < kPairs) return pool_pair_winners(row, columns, pitch, relu, out, winners);
  const PairInts bits = reinterpret_cast<PairInts>(column_bits());
  for (Int j = 0;; j = std::min(j + kPairs, columns - kPairs)) {
    const PairVector first = load_pairs(row + 2 * j), second = load_pairs(row + pitch + 2 * j);
    const HalfVector values = larger_of_pairs(larger(first, second));
    std::memcpy(out + j, &values, sizeof values);
    const PairVector best = twice(out + j);
    PairInts found = (reinterpret_cast<PairInts>(first == best) & bits) |
                     (reinterpret_cast<PairInts>(second == best) & bits * 4);
    if (relu) found &= reinterpret_cast<PairInts>(best > 0);
    WideInts both = reinterpret_cast<WideInts>(found);
    both |= both >> 32;
    const Bytes bytes = __builtin_convertvector(both & 0xFF, Bytes);
    std::memcpy(winners + j, &bytes, sizeof bytes);
    if (j == columns - kPairs) return;
  }
}

// Spreads pooled gradients over one row of the map; `shift` is 0 for a window's first row, else 2.
template <class T>
inline void spread_pair(const T* grads, const uint8_t* winners, int shift, Int columns, T* out) {
  for (Int j = 0; j < columns; j++)
    for (int i = 0; i < 2; i++) out[2 * j + i] = winners[j] >> (shift + i) & 1 ? grads[j] : T(0);
}

inline void spread_pairs(const double* grads, const uint8_t* winners, int shift, Int columns,
                         double* out) {
  spread_pair(grads, winners, shift, columns, out);
}

inline void spread_pairs(const float* grads, const uint8_t* winners, int shift, Int columns,
                         float* out) {
  if (columns < kPairs) return spread_pair(grads, winners, shift, columns, out);
  const PairInts bits = reinterpret_cast<PairInts>(column_bits() << shift);
  for (Int j = 0;; j = std::min(j + kPairs, columns - kPairs)) {
    const PairInts here = reinterpret_cast<PairInts>(twice_bytes(winners + j)) & bits;
    const PairVector values = twice(grads + j);
    *reinterpret_cast<LoosePairs*>(out + 2 * j) = here != 0 ? values : PairVector{};
    if (j == columns - kPairs) return;
  }
}

}  // namespace
