// The gradients of a convolution for its input, filters and bias.
#pragma once

#include "conv.h"

namespace {

template <class T, class Source>
void grad_input(const T* w, const Source& g_out, T* gx, const Geometry& g) {
  const Int area = g.filter_rows * g.filter_columns, channels = g.channels, outputs = g.outputs;
  const Geometry turned = {g.batch,
                           g.groups,
                           outputs,
                           g.out_rows,
                           g.out_columns,
                           channels,
                           g.filter_rows,
                           g.filter_columns,
                           g.rows,
                           g.columns,
                           1,
                           1,
                           g.dilation_rows,
                           g.dilation_columns,
                           (g.filter_rows - 1) * g.dilation_rows - g.top,
                           (g.filter_columns - 1) * g.dilation_columns - g.left,
                           g.stride_rows,
                           g.stride_columns};
  const T* packed = pack<T>(turned, [=](Int group, Int c, Int k) {
    return w[((group * outputs + k / area) * channels + c) * area + area - 1 - k % area];
  });
  convolve(g_out, packed, static_cast<const T*>(nullptr), false, turned, gx);
}

// sums[k][o] += pixel under tap k times gradient of output o, over `rows` output rows, for Taps
// taps and Width vectors of outputs.
template <class T, int Taps, int Width>
void weight_tile(const T* copy, const int32_t* offsets, const T* gradients, Int rows, Int columns,
                 Int pitch, Int depth, T* sums) {
  constexpr int lanes = Simd<T>::lanes;
  Vector<T> acc[Taps][Width];
  for (int k = 0; k < Taps; k++)
    for (int v = 0; v < Width; v++) acc[k][v] = load(sums + k * depth + v * lanes);
  const T* taps[Taps];
  for (int k = 0; k < Taps; k++) taps[k] = copy + offsets[k];
  for (Int r = 0; r < rows; r++) {
    for (Int c = 0; c < columns; c++, gradients += Width * lanes) {
      Vector<T> values[Width];
#pragma GCC unroll 4
      for (int v = 0; v < Width; v++) values[v] = load(gradients + v * lanes);
#pragma GCC unroll 16
      for (int k = 0; k < Taps; k++) {
        const Vector<T> pixel = taps[k][c] - Vector<T>{};
#pragma GCC unroll 4
        for (int v = 0; v < Width; v++) acc[k][v] += pixel * values[v];
      }
    }
    for (int k = 0; k < Taps; k++) taps[k] += pitch;
  }
  for (int k = 0; k < Taps; k++)
    for (int v = 0; v < Width; v++) store(sums + k * depth + v * lanes, acc[k][v]);
}

// Transposes a square of lanes x lanes numbers by interleaving halves.
template <class T>
inline void transpose_square(Vector<T> (&v)[Simd<T>::lanes]) {
  constexpr int lanes = Simd<T>::lanes;
  for (int step = 1; step < lanes; step *= 2) {
    Vector<T> w[lanes];
#pragma GCC unroll 16
    for (int i = 0; i < lanes / 2; i++) {
      w[2 * i] = interleaved<T, 0>(v[i], v[i + lanes / 2]);
      w[2 * i + 1] = interleaved<T, lanes / 2>(v[i], v[i + lanes / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < lanes; i++) v[i] = w[i];
  }
}

// Turns the gradients of Width vectors of outputs to [pixel][output]; adds up the bias.
template <class T, int Width, class Source>
void transpose(const Source& g_out, Int first, Int outputs, Int map, T* gradients, T* bias) {
  constexpr int lanes = Simd<T>::lanes, wide = Width * lanes;
  T* space = scratch<T, 5>((lanes + 1) * map);
  T* nothing = space + lanes * map;
  std::memset(nothing, 0, map * sizeof(T));
  for (int o = 0; o < wide; o += lanes) {
    const T* maps[lanes];
    for (int i = 0; i < lanes; i++)
      maps[i] = o + i < outputs ? g_out.map(first + o + i, space + i * map) : nothing;
    // In blocks: one long sum of floats would lose digits.
    Vector<T> totals{}, block{};
    for (Int done = 0; map >= lanes && done < map;) {
      const Int q = std::min(done, map - lanes);  // the last square may overlap the one before
      Vector<T> square[lanes];
      for (int i = 0; i < lanes; i++) square[i] = load(maps[i] + q);
      transpose_square<T>(square);
      for (int i = 0; i < lanes; i++) {
        store(gradients + (q + i) * wide + o, square[i]);
        if (q + i >= done) block += square[i];
      }
      if (done % 512 == 0) {
        totals += block;
        block = Vector<T>{};
      }
      done = q + lanes;
    }
    totals += block;
    for (Int q = 0; map < lanes && q < map; q++) {
      T* to = gradients + q * wide + o;
      for (int i = 0; i < lanes; i++) to[i] = maps[i][q];
      totals += load(to);
    }
    store(bias + o, load(bias + o) + totals);
  }
}

// All taps for Width vectors of outputs, in bands of rows whose gradients stay in the L1 cache.
template <class T, int Taps, int Width, class Source>
void weight_strip(const T* copy, const int32_t* offsets, const Source& g_out, Int first,
                  const Geometry& g, Int depth, T* sums) {
  constexpr int wide = Width * Simd<T>::lanes;
  const Int taps = g.taps(), pitch = g.pitch(), columns = g.out_columns;
  T* gradients = scratch<T, 3>(g.out_rows * columns * wide);
  transpose<T, Width>(g_out, first, g.outputs - first, g.map(), gradients, sums + taps * depth);
  const Int band = std::max<Int>(1, kBlockBytes / std::max<Int>(1, columns * wide * sizeof(T)));
  for (Int r = 0; r < g.out_rows; r += band) {
    const Int rows = std::min(band, g.out_rows - r);
    const T *from = copy + r * pitch, *grads = gradients + r * columns * wide;
    Int k = 0;
    for (; k + Taps <= taps; k += Taps)
      weight_tile<T, Taps, Width>(from, offsets + k, grads, rows, columns, pitch, depth,
                                  sums + k * depth);
    for (; k + 3 <= taps; k += 3)
      weight_tile<T, 3, Width>(from, offsets + k, grads, rows, columns, pitch, depth,
                               sums + k * depth);
    for (; k < taps; k++)
      weight_tile<T, 1, Width>(from, offsets + k, grads, rows, columns, pitch, depth,
                               sums + k * depth);
  }
}

// Adds one image's share to sums [taps + 1][depth]; the last row is the bias.
template <class T, class Source>
void weights_of_image(const Maps<T>& x, const Source& g_out, const Geometry& g,
                      const int32_t* offsets, Int depth, T* sums) {
  constexpr int lanes = Simd<T>::lanes;
  constexpr bool many = kOutputs == 8;  // registers: 32 or 16
  T* copy = scratch<T, 0>(g.copy_size(g.out_rows) + lanes);
  copy_padded(x, g, 0, g.out_rows, copy);
  for (Int o = 0; o < depth;) {
    const Int left = (depth - o) / lanes;
    const int width = many && left >= 4 ? 4 : left >= 2 ? 2 : 1;
    auto strip = width == 4 ? weight_strip<T, 6, 4, Source> : width == 2 ? weight_strip < T,
         many ? 12 : 6, 2, Source > : weight_strip < T, many ? 14 : 9, 1, Source > ;
    strip(copy, offsets, g_out, o, g, depth, sums + o);
    o += width * lanes;
  }
}

template <class T, class Source>
void grad_weights(const Maps<T>& x, const Source& g_out, T* gw, T* gb, const Geometry& g) {
  constexpr int lanes = Simd<T>::lanes;
  const Int taps = g.taps(), depth = (g.outputs + lanes - 1) / lanes * lanes;
  const Int size = (taps + 1) * depth, chunks = std::min(g.batch, kChunks);
  const int threads = threads_for(g);
  T* sums = scratch<T, 4>(size * std::max<Int>(1, chunks) * g.groups);
  int32_t* offsets = scratch<int32_t, 1>(taps);
  tap_offsets(g, g.out_rows, offsets);
#pragma omp parallel num_threads(threads)
  {
#pragma omp for schedule(dynamic, 1)
    for (Int task = 0; task < chunks * g.groups; task++) {
      const Int chunk = task / g.groups, group = task % g.groups;
      T* sum = sums + task * size;
      std::memset(sum, 0, size * sizeof(T));
      for (Int n = g.batch * chunk / chunks; n < g.batch * (chunk + 1) / chunks; n++) {
        const Int part = n * g.groups + group;
        weights_of_image(x.of_part(part, g.channels), g_out.of_part(part, g.outputs), g, offsets,
                         depth, sum);
      }
    }
#pragma omp for schedule(static)
    for (Int row = 0; row < g.groups * (taps + 1); row++) {
      const Int group = row / (taps + 1), k = row % (taps + 1);
      for (Int o = 0; o < g.outputs; o++) {
        T total = 0;
        for (Int chunk = 0; chunk < chunks; chunk++)
          total += sums[(chunk * g.groups + group) * size + k * depth + o];
        const Int filter = group * g.outputs + o;
        (k < taps ? gw[filter * taps + k] : gb[filter]) = total;
      }
    }
  }
}

}  // namespace
