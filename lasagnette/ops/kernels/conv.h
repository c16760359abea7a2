// Convolution, and convolution with 2 x 2 max pooling, without im2col.
//
// An image (or a band of its rows) is copied once into a buffer with
// its zero padding. If output pixels are numbered with that buffer's row length, then filter tap k
// of all of them is one contiguous run that starts off[k] later: the inner loop loads vectors of
// pixels directly and multiplies them by single weights. The few pixels numbered beyond a row's
// end are computed and dropped. A stride splits the buffer into phases (every s-th pixel), which
// makes its taps contiguous again; the gradient for the input is the same loop over the output
// gradient with turned filters.
#pragma once

#include "geometry.h"

namespace {

// A run of real pixels inside a vector, and where it goes in the output map.
struct Run {
  int from, length;
  Int to;
};

// One vector of pixels: its place in the padded copy, and its runs.
struct Strip {
  Int at;
  int n_runs;
  Run runs[kVectorBytes / sizeof(float)];
};

// Cuts `count` output rows into vectors and returns their number: row by row, or on through the
// padding between two rows. The second way takes fewer vectors for maps that are narrow, but those
// with pixels of two rows are dear to write; with few taps that costs more than it saves. (Costs in
// cycles per filter.)
template <class T>
Int cut_strips(const Geometry& g, Int count, Strip* strips) {
  constexpr Int lanes = Simd<T>::lanes;
  const Int pitch = g.pitch(), columns = g.out_columns;
  Int n = 0;
  const Int by_row = count * ((columns + lanes - 1) / lanes);
  const Int through = ((count - 1) * pitch + columns + lanes - 1) / lanes;
  if (by_row * (g.taps() + 4) <= through * (g.taps() + 16)) {
    for (Int r = 0; r < count; r++)
      for (Int c = 0; c < columns; c += lanes) {
        const int length = static_cast<int>(std::min(lanes, columns - c));
        strips[n++] = {r * pitch + c, 1, {{0, length, r * columns + c}}};
      }
    return n;
  }
  const Int end = (count - 1) * pitch + columns;
  for (Int at = 0; at < end; at += lanes) {
    Strip& strip = strips[n++];
    strip.at = at;
    strip.n_runs = 0;
    for (Int q = at; q < std::min(at + lanes, end);) {
      const Int r = q / pitch, c = q % pitch, rest = std::min(at + lanes, end) - q;
      const Int length = std::min(rest, columns - c);
      if (length > 0)
        strip.runs[strip.n_runs++] = {static_cast<int>(q - at), static_cast<int>(length),
                                      r * columns + c};
      q += std::min(rest, pitch - c);
    }
  }
  return n;
}

// sums[m][v] = weights of output m under all taps times vector v of pixels.
template <class T, int Width>
inline void multiply(const T* weights, const T* const* pixels, const int32_t* offsets, Int taps,
                     Vector<T> (&sums)[kOutputs][Width]) {
  for (int m = 0; m < kOutputs; m++)
    for (int v = 0; v < Width; v++) sums[m][v] = Vector<T>{};
  for (Int k = 0; k < taps; k++, weights += kOutputs) {
    Vector<T> values[Width];
#pragma GCC unroll 4
    for (int v = 0; v < Width; v++) values[v] = load(pixels[v] + offsets[k]);
#pragma GCC unroll 8
    for (int m = 0; m < kOutputs; m++) {
      const Vector<T> w = weights[m] - Vector<T>{};
#pragma GCC unroll 4
      for (int v = 0; v < Width; v++) sums[m][v] += w * values[v];
    }
  }
}

// Writes a vector's real pixels to their band of a map; the band has `end` pixels.
template <class T>
inline void scatter(Vector<T> values, const Strip& strip, Int end, T* map) {
  constexpr int lanes = Simd<T>::lanes;
  if (strip.n_runs == 1 && strip.runs[0].from == 0 && strip.runs[0].to + lanes <= end) {
    store(map + strip.runs[0].to, values);
    return;
  }
  alignas(64) T buffer[2 * lanes];
  store(buffer, values);
  for (int i = 0; i < strip.n_runs; i++) {
    const Run r = strip.runs[i];
    // A whole vector may spill into pixels that later runs of this map write.
    if (r.to + lanes <= end) {
      store(map + r.to, load(buffer + r.from));
    } else {
      for (int u = 0; u < r.length; u++) map[r.to + u] = buffer[r.from + u];
    }
  }
}

// Where a vector of results goes: to the output's map, whose band has `end` pixels, or to a tile
// that keeps the copy's row length.
template <class T>
struct ToMaps {
  T* maps;
  Int size, end;
  void write(Int output, const Strip& strip, Vector<T> values) const {
    scatter<T>(values, strip, end, maps + output * size);
  }
};

template <class T>
struct ToTiles {
  T* tiles;
  Int size;
  void write(Int output, const Strip& strip, Vector<T> values) const {
    store(tiles + output * size + strip.at, values);
  }
};

// Computes Width vectors of pixels for all filters.
template <class T, int Width, class Target>
void convolve_strips(const T* weights, const T* bias, bool relu, const Geometry& g, const T* copy,
                     const int32_t* offsets, const Strip* strips, const Target& target) {
  const Int taps = g.taps();
  const T* pixels[Width];
  for (int v = 0; v < Width; v++) pixels[v] = copy + strips[v].at;
  for (Int o = 0; o < g.outputs; o += kOutputs) {
    Vector<T> sums[kOutputs][Width];
    multiply<T, Width>(weights + o * taps, pixels, offsets, taps, sums);
    const int filters = static_cast<int>(std::min<Int>(kOutputs, g.outputs - o));
    for (int m = 0; m < filters; m++)
      for (int v = 0; v < Width; v++) {
        Vector<T> s = sums[m][v] + (bias ? bias[o + m] : T(0));
        if (relu) s = s < 0 ? Vector<T>{} : s;  // keeps a NaN visible
        target.write(o + m, strips[v], s);
      }
  }
}

template <class T, class Target>
void convolve_band(const T* weights, const T* bias, bool relu, const Geometry& g, const T* copy,
                   const int32_t* offsets, const Strip* strips, Int count, const Target& target) {
  for (Int i = 0; i < count; i += kVectors) {
    auto run = count - i >= 3   ? convolve_strips<T, 3, Target>
               : count - i == 2 ? convolve_strips<T, 2, Target>
                                : convolve_strips<T, 1, Target>;
    run(weights, bias, relu, g, copy, offsets, strips + i, target);
  }
}

// Rows of one band: its copy fits the cache, and a lone image still feeds every thread.
template <class T>
Int band_rows(const Geometry& g, int threads) {
  const Int row_bytes = g.channels * g.stride_rows * g.stride_columns * g.pitch() * sizeof(T);
  const Int cached = kBandBytes / std::max<Int>(1, row_bytes) - (g.height(1) - 1);
  const Int shared =
      g.parts() >= 2 * threads ? g.out_rows : (g.out_rows * g.parts()) / (2 * threads);
  return std::max<Int>(1,
                       std::min({g.out_rows, std::max<Int>(4, cached), std::max<Int>(4, shared)}));
}

int threads_for(const Geometry& g) {
  const Int work = g.parts() * g.out_size() * g.taps();
  return work < kSmallWork ? 1 : thread_count;
}

Int packed_size(const Geometry& g) {
  return (g.outputs + kOutputs - 1) / kOutputs * g.taps() * kOutputs;
}

// The bands that an image's output rows are cut into, with the strips of all and of the last.
template <class T>
struct Bands {
  Int rows, number, rest;
  const int32_t* offsets;
  const Strip *strips, *last_strips;
  Int count, last_count;

  Bands(const Geometry& g, Int band) : rows(band) {
    number = (g.out_rows + rows - 1) / rows;
    rest = g.out_rows - (number - 1) * rows;
    const Int room = rows * (g.pitch() / Simd<T>::lanes + 2);
    int32_t* to = scratch<int32_t, 1>(g.taps());
    Strip* cut = scratch<Strip, 3>(2 * room);
    tap_offsets(g, rows, to);
    count = cut_strips<T>(g, rows, cut);
    last_count = cut_strips<T>(g, rest, cut + room);
    offsets = to;
    strips = cut;
    last_strips = cut + room;
  }
};

// weights: [groups][outputs / kOutputs][taps][kOutputs]
template <class T, class Source>
void convolve(const Source& x, const T* weights, const T* bias, bool relu, const Geometry& g,
              T* y) {
  const int threads = threads_for(g);
  const Bands<T> bands(g, band_rows<T>(g, threads));
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (Int task = 0; task < g.parts() * bands.number; task++) {
    const Int part = task / bands.number, band = task % bands.number, group = part % g.groups;
    const bool last = band == bands.number - 1;
    T* copy = scratch<T, 0>(g.copy_size(bands.rows) + Simd<T>::lanes);
    copy_padded(x.of_part(part, g.channels), g, band * bands.rows, bands.rows, copy);
    const ToMaps<T> target = {y + part * g.out_size() + band * bands.rows * g.out_columns, g.map(),
                              (last ? bands.rest : bands.rows) * g.out_columns};
    convolve_band(weights + group * packed_size(g), bias ? bias + group * g.outputs : nullptr, relu,
                  g, copy, bands.offsets, last ? bands.last_strips : bands.strips,
                  last ? bands.last_count : bands.count, target);
  }
}

// The same, but of every 2 x 2 window of the result only the largest value is kept, and where in
// the window it stood (not if `winners` is null). The rows and columns of g's output are even.
template <class T>
void convolve_pool(const Maps<T>& x, const T* weights, const T* bias, bool relu, const Geometry& g,
                   T* pooled, uint8_t* winners) {
  if (g.out_size() == 0) return;
  const int threads = threads_for(g);
  const Int row_bytes = g.outputs * g.pitch() * sizeof(T);
  const Int fitting = std::max<Int>(1, std::min(band_rows<T>(g, threads), kBandBytes / row_bytes));
  const Bands<T> bands(g, std::min(g.out_rows, (fitting + 1) / 2 * 2));
  const Int pitch = g.pitch(), size = bands.rows * pitch + 2 * Simd<T>::lanes;
  const Int columns = g.out_columns / 2, map = g.out_rows / 2 * columns;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (Int task = 0; task < g.parts() * bands.number; task++) {
    const Int part = task / bands.number, band = task % bands.number, group = part % g.groups;
    const bool last = band == bands.number - 1;
    T* copy = scratch<T, 0>(g.copy_size(bands.rows) + Simd<T>::lanes);
    T* tiles = scratch<T, 6>(g.outputs * size);
    copy_padded(x.of_part(part, g.channels), g, band * bands.rows, bands.rows, copy);
    convolve_band(weights + group * packed_size(g), bias ? bias + group * g.outputs : nullptr, relu,
                  g, copy, bands.offsets, last ? bands.last_strips : bands.strips,
                  last ? bands.last_count : bands.count, ToTiles<T>{tiles, size});
    const Int rows = (last ? bands.rest : bands.rows) / 2;
    for (Int o = 0; o < g.outputs; o++) {
      Int at = (part * g.outputs + o) * map + band * (bands.rows / 2) * columns;
      for (Int r = 0; r < rows; r++, at += columns) {
        const T* row = tiles + o * size + 2 * r * pitch;
        if (winners) {
          pool_pairs_winners(row, columns, pitch, relu, pooled + at, winners + at);
        } else {
          pool_pairs(row, columns, pitch, pooled + at);
        }
      }
    }
  }
}

// Interleaves kOutputs filters, so that the inner loop reads its weights in a row.
// weight(group, output, tap) gives one weight.
template <class T, class Weight>
T* pack(const Geometry& g, Weight weight) {
  T* packed = scratch<T, 2>(g.groups * packed_size(g));
  T* to = packed;
  for (Int group = 0; group < g.groups; group++)
    for (Int block = 0; block < g.outputs; block += kOutputs)
      for (Int k = 0; k < g.taps(); k++)
        for (Int o = block; o < block + kOutputs; o++)
          *to++ = o < g.outputs ? weight(group, o, k) : T(0);
  return packed;
}

template <class T>
T* pack_filters(const T* w, const Geometry& g) {
  const Int taps = g.taps(), outputs = g.outputs;
  return pack<T>(g, [=](Int group, Int o, Int k) { return w[(group * outputs + o) * taps + k]; });
}

template <class T>
void forward(const T* x, const T* w, const T* bias, T* y, const Geometry& g, bool relu) {
  convolve(Maps<T>{x, g.rows, g.columns}, pack_filters(w, g), bias, relu, g, y);
}

template <class T>
void forward_pool(const T* x, const T* w, const T* bias, T* pooled, uint8_t* winners, Geometry g,
                  bool relu) {
  g.out_rows -= g.out_rows % 2;
  g.out_columns -= g.out_columns % 2;
  convolve_pool(Maps<T>{x, g.rows, g.columns}, pack_filters(w, g), bias, relu, g, pooled, winners);
}

}  // namespace
