// Pooling with windows of any size, and its gradients.
#pragma once

#include <limits>

#include "pairs.h"

namespace {

struct Pool {
  Int maps, rows, columns, out_rows, out_columns, size_rows, size_columns, stride_rows,
      stride_columns, pad_rows, pad_columns;

  bool plain() const {  // 2 x 2 side by side, every window whole
    return size_rows == 2 && size_columns == 2 && stride_rows == 2 && stride_columns == 2 &&
           pad_rows == 0 && pad_columns == 0 && 2 * out_rows <= rows && 2 * out_columns <= columns;
  }
  int threads() const { return maps * rows * columns < kSmallWork ? 1 : thread_count; }
};

// The part of a window that lies on the map, along one direction.
struct Span {
  Int from, to;
  Span(Int out, Int size, Int stride, Int pad, Int length)
      : from(std::max<Int>(0, out * stride - pad)),
        to(std::min(length, out * stride - pad + size)) {}
};

template <class T>
void max_pool(const T* x, T* y, const Pool& p) {
#pragma omp parallel for schedule(static) num_threads(p.threads())
  for (Int n = 0; n < p.maps; n++) {
    const T* map = x + n * p.rows * p.columns;
    T* out = y + n * p.out_rows * p.out_columns;
    for (Int i = 0; i < p.out_rows; i++, out += p.out_columns) {
      if (p.plain()) {
        pool_pairs(map + 2 * i * p.columns, p.out_columns, p.columns, out);
        continue;
      }
      const Span rows(i, p.size_rows, p.stride_rows, p.pad_rows, p.rows);
      for (Int j = 0; j < p.out_columns; j++) {
        const Span columns(j, p.size_columns, p.stride_columns, p.pad_columns, p.columns);
        T best = -std::numeric_limits<T>::infinity();
        for (Int r = rows.from; r < rows.to; r++)
          for (Int c = columns.from; c < columns.to; c++)
            best = larger(best, map[r * p.columns + c]);
        out[j] = best;
      }
    }
  }
}

template <class T>
void max_pool_grad(const T* x, const T* y, const T* g, T* gx, const Pool& p, bool relu) {
#pragma omp parallel for schedule(static) num_threads(p.threads())
  for (Int n = 0; n < p.maps; n++) {
    const T *map = x + n * p.rows * p.columns, *best = y + n * p.out_rows * p.out_columns,
            *grad = g + n * p.out_rows * p.out_columns;
    T* out = gx + n * p.rows * p.columns;
    if (!p.plain() || 2 * p.out_rows < p.rows || 2 * p.out_columns < p.columns)
      std::memset(out, 0, p.rows * p.columns * sizeof(T));
    for (Int i = 0; i < p.out_rows; i++, best += p.out_columns, grad += p.out_columns) {
      if (p.plain()) {
        pool_pairs_grad(map + 2 * i * p.columns, best, grad, relu, p.out_columns, p.columns,
                        out + 2 * i * p.columns);
        continue;
      }
      const Span rows(i, p.size_rows, p.stride_rows, p.pad_rows, p.rows);
      for (Int j = 0; j < p.out_columns; j++) {
        if (relu && !(best[j] > 0)) continue;
        const Span columns(j, p.size_columns, p.stride_columns, p.pad_columns, p.columns);
        for (Int r = rows.from; r < rows.to; r++)
          for (Int c = columns.from; c < columns.to; c++)
            if (map[r * p.columns + c] == best[j]) out[r * p.columns + c] += grad[j];
      }
    }
  }
}

// Number of values that one mean is taken of, along one direction.
Int mean_count(Int out, Int size, Int stride, Int pad, Int length, bool include_pad) {
  const Int start = out * stride - pad, low = include_pad ? -pad : 0;
  const Int high = include_pad ? length + pad : length;
  return std::min(start + size, high) - std::max(start, low);
}

template <class T>
T mean_share(const Pool& p, Int i, Int j, bool include_pad) {
  const Int count =
      mean_count(i, p.size_rows, p.stride_rows, p.pad_rows, p.rows, include_pad) *
      mean_count(j, p.size_columns, p.stride_columns, p.pad_columns, p.columns, include_pad);
  return T(1) / std::max<Int>(1, count);
}

template <class T>
void average_pool(const T* x, T* y, const Pool& p, bool include_pad) {
#pragma omp parallel for schedule(static) num_threads(p.threads())
  for (Int n = 0; n < p.maps; n++) {
    const T* map = x + n * p.rows * p.columns;
    T* out = y + n * p.out_rows * p.out_columns;
    for (Int i = 0; i < p.out_rows; i++) {
      const Span rows(i, p.size_rows, p.stride_rows, p.pad_rows, p.rows);
      for (Int j = 0; j < p.out_columns; j++) {
        const Span columns(j, p.size_columns, p.stride_columns, p.pad_columns, p.columns);
        T total = 0;
        for (Int r = rows.from; r < rows.to; r++)
          for (Int c = columns.from; c < columns.to; c++) total += map[r * p.columns + c];
        *out++ = total * mean_share<T>(p, i, j, include_pad);
      }
    }
  }
}

template <class T>
void average_pool_grad(const T* g, T* gx, const Pool& p, bool include_pad) {
#pragma omp parallel for schedule(static) num_threads(p.threads())
  for (Int n = 0; n < p.maps; n++) {
    const T* grad = g + n * p.out_rows * p.out_columns;
    T* out = gx + n * p.rows * p.columns;
    std::memset(out, 0, p.rows * p.columns * sizeof(T));
    for (Int i = 0; i < p.out_rows; i++) {
      const Span rows(i, p.size_rows, p.stride_rows, p.pad_rows, p.rows);
      for (Int j = 0; j < p.out_columns; j++) {
        const Span columns(j, p.size_columns, p.stride_columns, p.pad_columns, p.columns);
        const T share = *grad++ * mean_share<T>(p, i, j, include_pad);
        for (Int r = rows.from; r < rows.to; r++)
          for (Int c = columns.from; c < columns.to; c++) out[r * p.columns + c] += share;
      }
    }
  }
}

}  // namespace
