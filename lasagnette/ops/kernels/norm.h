// Normalisation by channels; x is (batch, channels, positions).
#pragma once

#include <algorithm>
#include <limits>

#include "maps.h"

namespace {

struct Channels {
  Int batch, channels, rows, columns;

  Int planes() const { return batch * channels; }
  Int positions() const { return rows * columns; }
  int threads() const { return planes() * positions() < kSmallWork ? 1 : thread_count; }
};

template <class T>
inline double total(Vector<T> v) {
  double sum = 0;
  for (int i = 0; i < Simd<T>::lanes; i++) sum += v[i];
  return sum;
}

// Sum of f(value). Lanes are emptied into a double before their sums get long: a float's 24 bits
// would be too few for a large map.
template <class T, class F>
double sum_of(const T* values, Int count, F f) {
  constexpr Int lanes = Simd<T>::lanes, block = 64 * lanes;
  double sum = 0;
  Int i = 0;
  while (i + lanes <= count) {
    Vector<T> sums{};
    for (const Int end = std::min(i + block, count - lanes + 1); i < end; i += lanes)
      sums += f(load(values + i));
    sum += total<T>(sums);
  }
  for (; i < count; i++) sum += f(values[i]);
  return sum;
}

// Mean and variance of every channel: of each plane while it is in the cache, then put together in
// a fixed order (Chan, Golub, LeVeque: updating formulae, 1979).
template <class T>
void batch_statistics(const T* x, T* mean, T* variance, const Channels& s) {
  constexpr int lanes = Simd<T>::lanes;
  const Int count = s.positions();
  double* parts = scratch<double, 7>(2 * s.planes());
#pragma omp parallel num_threads(s.threads())
  {
#pragma omp for schedule(static)
    for (Int p = 0; p < s.planes(); p++) {
      const T* plane = x + p * count;
      const double middle = sum_of<T>(plane, count, [](auto v) { return v; }) / count;
      const T m = static_cast<T>(middle);
      const double off = sum_of<T>(plane, count, [m](auto v) { return v - m; });
      const double squares = sum_of<T>(plane, count, [m](auto v) { return (v - m) * (v - m); });
      parts[2 * p] = m + off / count;  // what m and the first sum were rounded by
      parts[2 * p + 1] = squares - off * off / count;
    }
#pragma omp for schedule(static)
    for (Int c = 0; c < s.channels; c++) {
      double middle = 0, squares = 0;
      for (Int n = 0; n < s.batch; n++) {
        const double* part = parts + 2 * (n * s.channels + c);
        const double apart = part[0] - middle;
        middle += apart / (n + 1);
        squares += part[1] + apart * apart * count * n / (n + 1);
      }
      const bool none = s.batch * count == 0;
      mean[c] = none ? std::numeric_limits<T>::quiet_NaN() : static_cast<T>(middle);
      variance[c] = static_cast<T>(squares / (s.batch * count));
    }
  }
}

// How a channel is normalised: (x - mean) * scale + shift, cut at zero or not.
template <class T>
struct Affine {
  T mean, scale, shift;

  template <class V>
  V of(V x) const {
    return (x - mean) * scale + shift;
  }
};

template <class T>
inline void normalize_row(const T* x, Int count, const Affine<T>& affine, bool relu, T* y) {
  for (Int i = 0; i < count; i++) {
    const T v = affine.of(x[i]);
    y[i] = relu && v < 0 ? 0 : v;  // keeps a NaN visible
  }
}

template <class T>
void normalize(const T* x, const T* mean, const T* scale, const T* shift, T* y, const Channels& s,
               bool relu) {
#pragma omp parallel for schedule(static) num_threads(s.threads())
  for (Int p = 0; p < s.planes(); p++) {
    const Int c = p % s.channels;
    normalize_row<T>(x + p * s.positions(), s.positions(), {mean[c], scale[c], shift[c]}, relu,
                     y + p * s.positions());
  }
}

// The same, and of every 2 x 2 window only the largest value and its place; see convolve_pool.
template <class T>
void normalize_pool(const T* x, const T* mean, const T* scale, const T* shift, T* pooled,
                    uint8_t* winners, const Channels& s, bool relu) {
  const Int columns = s.columns / 2, rows = s.rows / 2;
#pragma omp parallel for schedule(static) num_threads(s.threads())
  for (Int p = 0; p < s.planes(); p++) {
    T* pair = scratch<T, 5>(2 * s.columns);
    const Int c = p % s.channels;
    for (Int r = 0, at = p * rows * columns; r < rows; r++, at += columns) {
      normalize_row<T>(x + p * s.positions() + 2 * r * s.columns, 2 * s.columns,
                       {mean[c], scale[c], shift[c]}, relu, pair);
      if (winners) {
        pool_pairs_winners(pair, columns, s.columns, relu, pooled + at, winners + at);
      } else {
        pool_pairs(pair, columns, s.columns, pooled + at);
      }
    }
  }
}

// Gradients of the normalisation by a batch's own statistics, through these, too. With relu, the
// gradient counts only where the result was positive.
template <class T, class Source>
void batch_norm_grad(const T* x, const Source& g_out, const T* mean, const T* scale, const T* shift,
                     const T* inv_std, T* gx, T* g_scale, T* g_shift, const Channels& s,
                     bool relu) {
  constexpr int lanes = Simd<T>::lanes;
  double* parts = scratch<double, 7>(2 * s.planes());
  const T count = static_cast<T>(s.batch * s.positions());
#pragma omp parallel num_threads(s.threads())
  {
    T* space = scratch<T, 5>(s.columns + 2 * kPairs);
#pragma omp for schedule(static)
    for (Int p = 0; p < s.planes(); p++) {
      const Int c = p % s.channels;
      const Affine<T> affine = {mean[c], scale[c], shift[c]};
      const Source grads = g_out.of_part(p, 1);
      double sum = 0, product = 0;
      for (Int r = 0; r < s.rows; r++) {
        const T *row = x + (p * s.rows + r) * s.columns, *g = grads.row(0, r, space);
        Int i = 0;
        while (i + lanes <= s.columns) {  // in blocks, as sum_of
          Vector<T> sums{}, products{};
          for (const Int end = std::min(i + 64 * lanes, s.columns - lanes + 1); i < end;
               i += lanes) {
            const Vector<T> v = load(row + i);
            Vector<T> d = load(g + i);
            if (relu) d = affine.of(v) > 0 ? d : Vector<T>{};
            sums += d;
            products += d * (v - affine.mean);
          }
          sum += total<T>(sums);
          product += total<T>(products);
        }
        for (; i < s.columns; i++) {
          const T d = !relu || affine.of(row[i]) > 0 ? g[i] : T(0);
          sum += d;
          product += d * (row[i] - affine.mean);
        }
      }
      parts[2 * p] = sum;
      parts[2 * p + 1] = product;
    }
#pragma omp for schedule(static)
    for (Int c = 0; c < s.channels; c++) {
      double sum = 0, product = 0;
      for (Int n = 0; n < s.batch; n++) {
        sum += parts[2 * (n * s.channels + c)];
        product += parts[2 * (n * s.channels + c) + 1];
      }
      g_shift[c] = static_cast<T>(sum);
      g_scale[c] = static_cast<T>(product * inv_std[c]);
    }
#pragma omp for schedule(static)
    for (Int p = 0; p < s.planes(); p++) {
      const Int c = p % s.channels;
      const Affine<T> affine = {mean[c], scale[c], shift[c]};
      const Source grads = g_out.of_part(p, 1);
      const T middle = g_shift[c] / count, slope = g_scale[c] * inv_std[c] / count;
      for (Int r = 0; r < s.rows; r++) {
        const T *row = x + (p * s.rows + r) * s.columns, *g = grads.row(0, r, space);
        T* to = gx + (p * s.rows + r) * s.columns;
        for (Int i = 0; i < s.columns; i++) {
          const T d = !relu || affine.of(row[i]) > 0 ? g[i] : T(0);
          to[i] = affine.scale * (d - middle - (row[i] - affine.mean) * slope);
        }
      }
    }
  }
}

}  // namespace
