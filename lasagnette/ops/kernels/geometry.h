// The shape of a convolution, and its padded copy of the input.
#pragma once

#include <algorithm>

#include "maps.h"

namespace {

// A correlation in groups: `channels` maps of rows x columns, of which every `zoom`-th pixel is
// real (the others are zeros between them), padded, against the group's `outputs` filters, whose
// taps are `dilation` apart. Group k of every image uses filter bank k, so that images and groups
// are numbered as one: "part" p is group p % groups of image p / groups.
struct Geometry {
  Int batch, groups, channels, rows, columns, outputs, filter_rows, filter_columns, out_rows,
      out_columns;
  Int stride_rows, stride_columns, dilation_rows, dilation_columns, top, left;
  Int zoom_rows = 1, zoom_columns = 1;

  Int parts() const { return batch * groups; }
  Int taps() const { return channels * filter_rows * filter_columns; }
  Int map() const { return out_rows * out_columns; }
  Int in_size() const { return channels * rows * columns; }
  Int out_size() const { return outputs * map(); }
  // Row length and rows of one phase of the padded copy of `out` output rows.
  Int pitch() const {
    return out_columns + (filter_columns - 1) * dilation_columns / stride_columns;
  }
  Int height(Int out) const { return out + (filter_rows - 1) * dilation_rows / stride_rows; }
  Int copy_size(Int out) const {
    return channels * stride_rows * stride_columns * height(out) * pitch();
  }
};

// Offset of every filter tap from an output pixel's place in the padded copy.
void tap_offsets(const Geometry& g, Int out_rows, int32_t* offsets) {
  const Int plane = g.height(out_rows) * g.pitch();
  for (Int c = 0; c < g.channels; c++)
    for (Int i = 0; i < g.filter_rows; i++)
      for (Int j = 0; j < g.filter_columns; j++) {
        const Int row = i * g.dilation_rows, column = j * g.dilation_columns;
        const Int phase = (c * g.stride_rows + row % g.stride_rows) * g.stride_columns +
                          column % g.stride_columns;
        *offsets++ = static_cast<int32_t>(phase * plane + (row / g.stride_rows) * g.pitch() +
                                          column / g.stride_columns);
      }
}

// Copies one row: columns b, b + stride, ... of the padded row.
template <class T>
void copy_row(const T* row, const Geometry& g, Int b, Int pitch, T* out) {
  if (g.zoom_columns > 1) {  // a gradient: its stride is 1
    std::memset(out, 0, pitch * sizeof(T));
    for (Int c = 0; c < g.columns; c++) {
      const Int q = c * g.zoom_columns + g.left;
      if (q >= 0 && q < pitch) out[q] = row[c];
    }
    return;
  }
  const Int stride = g.stride_columns, before = g.left - b;  // out[q] = row[q * stride - before]
  const Int lo = std::min(pitch, before > 0 ? (before + stride - 1) / stride : 0);
  const Int end = g.columns + before;
  const Int hi = std::max(lo, std::min(pitch, end > 0 ? (end + stride - 1) / stride : 0));
  for (Int q = 0; q < lo; q++) out[q] = 0;
  if (stride == 1) {
    std::memcpy(out + lo, row + lo - before, (hi - lo) * sizeof(T));
  } else {
    for (Int q = lo; q < hi; q++) out[q] = row[q * stride - before];
  }
  for (Int q = hi; q < pitch; q++) out[q] = 0;
}

// Copies what output rows first .. first + count need, zero padded, phase by phase.
template <class T, class Source>
void copy_padded(const Source& x, const Geometry& g, Int first, Int count, T* out) {
  T* space = scratch<T, 5>(g.columns + kPairs * 2);
  const Int pitch = g.pitch(), height = g.height(count);
  const Int high = (g.rows - 1) * g.zoom_rows + 1;
  for (Int c = 0; c < g.channels; c++)
    for (Int a = 0; a < g.stride_rows; a++)
      for (Int b = 0; b < g.stride_columns; b++)
        for (Int r = 0; r < height; r++, out += pitch) {
          const Int y = (first + r) * g.stride_rows + a - g.top;
          if (y < 0 || y >= high || y % g.zoom_rows) {
            std::memset(out, 0, pitch * sizeof(T));
            continue;
          }
          copy_row(x.row(c, y / g.zoom_rows, space), g, b, pitch, out);
        }
  std::memset(out, 0, kVectorBytes);  // the last vector reads past the end
}

}  // namespace
