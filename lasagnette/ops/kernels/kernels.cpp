// Convolution, pooling and dropout kernels for float32 and float64, NCHW.
//
// One source, compiled once per instruction set (setup.py); the caller picks a library at run
// time. Nothing but the functions at the end is exported, so that inline code compiled for one
// instruction set can never be linked into another library.
//
// Convolution without im2col. An image (or a band of its rows) is copied once into a buffer with
// its zero padding. If output pixels are numbered with that buffer's row length, then filter tap k
// of all of them is one contiguous run that starts off[k] later: the inner loop loads vectors of
// pixels directly and multiplies them by single weights. The few pixels numbered beyond a row's
// end are computed and dropped. A stride splits the buffer into phases (every s-th pixel), which
// makes its taps contiguous again; the gradient for the input is the same loop over the output
// gradient with turned filters.
//
// Every sum runs in an order that depends on the shapes alone, never on the number of threads.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#if defined(_OPENMP)
#include <omp.h>
#endif
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using Int = int64_t;

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64, kOutputs = 8;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32, kOutputs = 4;
#elif defined(__aarch64__)
constexpr int kVectorBytes = 16, kOutputs = 8;
#else
constexpr int kVectorBytes = 16, kOutputs = 4;
#endif

constexpr int kVectors = 3;         // vectors of pixels held at once: 3 x kOutputs sums in registers
constexpr Int kChunks = 16;         // parts of a batch whose weight gradients are summed apart
constexpr Int kBandBytes = 1 << 18;  // size of one band's padded copy, to stay in the L2 cache
constexpr Int kBlockBytes = 1 << 14;  // gradients taken at once, to stay in the L1 cache
constexpr Int kSmallWork = 1 << 16;  // below so many operations threads cost more than they bring

int thread_count = 1;

template <class T>
struct Simd {
  static constexpr int lanes = kVectorBytes / sizeof(T);
  typedef T Vector __attribute__((vector_size(kVectorBytes)));
  typedef T Loose __attribute__((vector_size(kVectorBytes), aligned(sizeof(T)), may_alias));
};

template <class T>
using Vector = typename Simd<T>::Vector;

template <class T>
inline Vector<T> load(const T* p) {
  return *reinterpret_cast<const typename Simd<T>::Loose*>(p);
}

template <class T>
inline void store(T* p, Vector<T> v) {
  *reinterpret_cast<typename Simd<T>::Loose*>(p) = v;
}

// Takes turns between the lanes of two vectors, beginning at lane From (0, or half of the lanes).
template <class T, int From, size_t... I>
inline Vector<T> interleaved(Vector<T> a, Vector<T> b, std::index_sequence<I...>) {
#if defined(__clang__)
  return __builtin_shufflevector(a, b, (From + I / 2 + I % 2 * sizeof...(I))...);
#else
  typedef typename std::conditional<sizeof(T) == 4, int32_t, int64_t>::type Lane;
  typedef Lane Lanes __attribute__((vector_size(kVectorBytes)));
  return __builtin_shuffle(a, b, Lanes{(From + I / 2 + I % 2 * sizeof...(I))...});
#endif
}

template <class T, int From>
inline Vector<T> interleaved(Vector<T> a, Vector<T> b) {
  return interleaved<T, From>(a, b, std::make_index_sequence<Simd<T>::lanes>());
}

// Memory that grows and stays with its thread: large fresh allocations cost page faults.
template <class T, int Slot>
T* scratch(Int count) {
  struct Buffer {
    void* memory = nullptr;
    size_t size = 0;
    ~Buffer() { std::free(memory); }
  };
  static thread_local Buffer buffer;
  size_t bytes = (static_cast<size_t>(count) * sizeof(T) + 4095) / 4096 * 4096;
  if (buffer.size < bytes) {
    std::free(buffer.memory);
    buffer.memory = std::aligned_alloc(4096, bytes);
    if (!buffer.memory) std::abort();
    buffer.size = bytes;
  }
  return static_cast<T*>(buffer.memory);
}

// ---- pairs of neighbours: 2 x 2 windows side by side ------------------------------------------

// The larger of two numbers, or of two vectors' lanes; a NaN stays visible.
template <class T>
inline T larger(T a, T b) {
  return (b > a) | (b != b) ? b : a;
}

// Pairs of neighbouring floats are taken apart and put together by integer arithmetic: portable, and
// without a gather.
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

// ---- convolution: shapes and copies ------------------------------------------------------------

// A correlation in groups: `channels` maps of rows x columns, of which every `zoom`-th pixel is real
// (the others are zeros between them), padded, against the group's `outputs` filters, whose taps are
// `dilation` apart. Group k of every image uses filter bank k, so that images and groups are numbered
// as one: "part" p is group p % groups of image p / groups.
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
        const Int phase =
            (c * g.stride_rows + row % g.stride_rows) * g.stride_columns + column % g.stride_columns;
        *offsets++ = static_cast<int32_t>(phase * plane + (row / g.stride_rows) * g.pitch() +
                                          column / g.stride_columns);
      }
}

// Where a kernel's maps come from: an array, or a pooled gradient that is spread over the map it
// was pooled from, row by row, so that the large map never exists.
template <class T>
struct Maps {
  const T* values;
  Int rows, columns;

  Maps of_part(Int part, Int channels) const {
    return {values + part * channels * rows * columns, rows, columns};
  }
  const T* row(Int c, Int r, T*) const { return values + (c * rows + r) * columns; }
  const T* map(Int c, T*) const { return values + c * rows * columns; }
};

template <class T>
struct Pooled {  // 2 x 2 windows side by side; bit 2 * row + column of a window's winners
  const T* values;
  const uint8_t* winners;
  Int rows, columns;  // of the map

  Int size() const { return (rows / 2) * (columns / 2); }
  Pooled of_part(Int part, Int channels) const {
    return {values + part * channels * size(), winners + part * channels * size(), rows, columns};
  }
  const T* row(Int c, Int r, T* space) const {
    const Int n = columns / 2, at = c * size() + r / 2 * n;
    if (columns % 2) space[columns - 1] = 0;
    if (r / 2 < rows / 2) {
      spread_pairs(values + at, winners + at, r % 2 ? 2 : 0, n, space);
    } else {
      std::memset(space, 0, columns * sizeof(T));
    }
    return space;
  }
  const T* map(Int c, T* space) const {
    for (Int r = 0; r < rows; r++) row(c, r, space + r * columns);
    return space;
  }
};

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

// ---- forward ------------------------------------------------------------------------------

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

// Cuts `count` output rows into vectors and returns their number: row by row, or on through the padding between
// two rows. The second way takes fewer vectors for maps that are narrow, but those with pixels of two
// rows are dear to write; with few taps that costs more than it saves. (Costs in cycles per filter.)
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
  return std::max<Int>(1, std::min({g.out_rows, std::max<Int>(4, cached), std::max<Int>(4, shared)}));
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
void convolve(const Source& x, const T* weights, const T* bias, bool relu, const Geometry& g, T* y) {
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

// ---- gradients ----------------------------------------------------------------------------

template <class T, class Source>
void grad_input(const T* w, const Source& g_out, T* gx, const Geometry& g) {
  const Int area = g.filter_rows * g.filter_columns, channels = g.channels, outputs = g.outputs;
  const Geometry turned = {g.batch, g.groups, outputs, g.out_rows, g.out_columns, channels,
                           g.filter_rows, g.filter_columns, g.rows, g.columns, 1, 1,
                           g.dilation_rows, g.dilation_columns,
                           (g.filter_rows - 1) * g.dilation_rows - g.top,
                           (g.filter_columns - 1) * g.dilation_columns - g.left,
                           g.stride_rows, g.stride_columns};
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
    Vector<T> totals = load(bias + o);
    for (Int done = 0; map >= lanes && done < map;) {
      const Int q = std::min(done, map - lanes);  // the last square may overlap the one before
      Vector<T> square[lanes];
      for (int i = 0; i < lanes; i++) square[i] = load(maps[i] + q);
      transpose_square<T>(square);
      for (int i = 0; i < lanes; i++) {
        store(gradients + (q + i) * wide + o, square[i]);
        if (q + i >= done) totals += square[i];
      }
      done = q + lanes;
    }
    for (Int q = 0; map < lanes && q < map; q++) {
      T* to = gradients + q * wide + o;
      for (int i = 0; i < lanes; i++) to[i] = maps[i][q];
      totals += load(to);
    }
    store(bias + o, totals);
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
    auto strip = width == 4   ? weight_strip<T, 6, 4, Source>
                 : width == 2 ? weight_strip<T, many ? 12 : 6, 2, Source>
                              : weight_strip<T, many ? 14 : 9, 1, Source>;
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

// ---- pooling ------------------------------------------------------------------------------

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

// ---- batch normalisation: x is (batch, channels, positions) -----------------------------------

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
      Vector<T> sums{};
      double sum = 0, squares = 0;
      Int i = 0;
      for (; i + lanes <= count; i += lanes) sums += load(plane + i);
      for (; i < count; i++) sum += plane[i];
      const double middle = (sum + total<T>(sums)) / count;
      const T m = static_cast<T>(middle);
      sums = Vector<T>{};
      for (i = 0; i + lanes <= count; i += lanes) {
        const Vector<T> d = load(plane + i) - m;
        sums += d * d;
      }
      for (; i < count; i++) squares += (plane[i] - middle) * (plane[i] - middle);
      parts[2 * p] = middle;
      parts[2 * p + 1] = squares + total<T>(sums);
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
      Vector<T> sums{}, products{};
      double sum = 0, product = 0;
      for (Int r = 0; r < s.rows; r++) {
        const T *row = x + (p * s.rows + r) * s.columns, *g = grads.row(0, r, space);
        Int i = 0;
        for (; i + lanes <= s.columns; i += lanes) {
          const Vector<T> v = load(row + i);
          Vector<T> d = load(g + i);
          if (relu) d = affine.of(v) > 0 ? d : Vector<T>{};
          sums += d;
          products += d * (v - affine.mean);
        }
        for (; i < s.columns; i++) {
          const T d = !relu || affine.of(row[i]) > 0 ? g[i] : T(0);
          sum += d;
          product += d * (row[i] - affine.mean);
        }
      }
      parts[2 * p] = sum + total<T>(sums);
      parts[2 * p + 1] = product + total<T>(products);
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

// ---- dropout ------------------------------------------------------------------------------

template <class T>
void dropout_mask(T* out, Int count, uint32_t threshold, T scale, uint64_t key, uint64_t counter) {
  uint64_t words = key * 0x9E3779B97F4A7C15u + counter * 0xD1B54A32D192ED03u;  // SplitMix64
  words = (words ^ (words >> 30)) * 0xBF58476D1CE4E5B9u;
  words = (words ^ (words >> 27)) * 0x94D049BB133111EBu;
  words ^= words >> 31;
  const uint32_t low = static_cast<uint32_t>(words), high = static_cast<uint32_t>(words >> 32);
#pragma omp parallel for schedule(static) num_threads(count < kSmallWork ? 1 : thread_count)
  for (Int block = 0; block < count; block += 8192) {
    const Int end = std::min(count, block + 8192);
    for (Int i = block; i < end; i++) {
      uint32_t z = static_cast<uint32_t>(i) + low;
      z = ((z ^ (z >> 16)) * 0x7FEB352Du) ^ high;
      z = (z ^ (z >> 15)) * 0x846CA68Bu;
      z ^= z >> 16;
      out[i] = z >= threshold ? scale : T(0);
    }
  }
}

}  // namespace

// ---- what the library exports; the number in the names is the version of this interface ------

#define CONV_SHAPE                                                                               \
  Int batch, Int channels, Int rows, Int columns, Int filters, Int filter_rows,                  \
      Int filter_columns, Int out_rows, Int out_columns, Int groups, Int stride_rows,            \
      Int stride_columns, Int dilation_rows, Int dilation_columns, Int top, Int left
#define CONV_GEOMETRY                                                                            \
  {                                                                                              \
    batch, groups, channels / groups, rows, columns, filters / groups, filter_rows,              \
        filter_columns, out_rows, out_columns, stride_rows, stride_columns, dilation_rows,       \
        dilation_columns, top, left                                                              \
  }
#define POOL_SHAPE                                                                               \
  Int maps, Int rows, Int columns, Int out_rows, Int out_columns, Int size_rows,                 \
      Int size_columns, Int stride_rows, Int stride_columns, Int pad_rows, Int pad_columns
#define POOL_GEOMETRY                                                                            \
  {                                                                                              \
    maps, rows, columns, out_rows, out_columns, size_rows, size_columns, stride_rows,            \
        stride_columns, pad_rows, pad_columns                                                    \
  }

#define KERNELS(T, type)                                                                         \
  EXPORT void lasagnette2_conv2d_##type(const T* x, const T* w, const T* bias, T* y, CONV_SHAPE, \
                                        Int relu) {                                              \
    forward<T>(x, w, bias, y, CONV_GEOMETRY, relu != 0);                                         \
  }  \
  EXPORT void lasagnette2_conv2d_pool_##type(const T* x, const T* w, const T* bias, T* p, uint8_t* winners, CONV_SHAPE, Int relu) { \
    forward_pool<T>(x, w, bias, p, winners, CONV_GEOMETRY, relu != 0); \
  } \
  EXPORT void lasagnette2_conv2d_pool_grad_input_##type(const T* w, const T* g, const uint8_t* winners, T* gx, CONV_SHAPE) { \
    grad_input<T>(w, Pooled<T>{g, winners, out_rows, out_columns}, gx, CONV_GEOMETRY); \
  } \
  EXPORT void lasagnette2_conv2d_pool_grad_weights_##type(const T* x, const T* g, const uint8_t* winners, T* gw, T* gb, CONV_SHAPE) { \
    grad_weights<T>(Maps<T>{x, rows, columns}, Pooled<T>{g, winners, out_rows, out_columns}, gw, gb, CONV_GEOMETRY); \
  }                                                                                              \
  EXPORT void lasagnette2_conv2d_grad_input_##type(const T* w, const T* g, T* gx, CONV_SHAPE) {  \
    grad_input<T>(w, Maps<T>{g, out_rows, out_columns}, gx, CONV_GEOMETRY);                                                      \
  }                                                                                              \
  EXPORT void lasagnette2_conv2d_grad_weights_##type(const T* x, const T* g, T* gw, T* gb,       \
                                                     CONV_SHAPE) {                               \
    grad_weights<T>(Maps<T>{x, rows, columns}, Maps<T>{g, out_rows, out_columns}, gw, gb, CONV_GEOMETRY);                                                \
  }                                                                                              \
  EXPORT void lasagnette2_max_pool_##type(const T* x, T* y, POOL_SHAPE) {                        \
    max_pool<T>(x, y, POOL_GEOMETRY);                                                            \
  }                                                                                              \
  EXPORT void lasagnette2_max_pool_grad_##type(const T* x, const T* y, const T* g, T* gx,        \
                                               POOL_SHAPE, Int relu) {                           \
    max_pool_grad<T>(x, y, g, gx, POOL_GEOMETRY, relu != 0);                                     \
  }                                                                                              \
  EXPORT void lasagnette2_average_pool_##type(const T* x, T* y, POOL_SHAPE, Int include_pad) {   \
    average_pool<T>(x, y, POOL_GEOMETRY, include_pad != 0);                                      \
  }                                                                                              \
  EXPORT void lasagnette2_average_pool_grad_##type(const T* g, T* gx, POOL_SHAPE,                \
                                                   Int include_pad) {                            \
    average_pool_grad<T>(g, gx, POOL_GEOMETRY, include_pad != 0);                                \
  }                                                                                              \
  EXPORT void lasagnette2_batch_statistics_##type(const T* x, T* mean, T* variance, Int batch, Int channels, Int positions) { \
    batch_statistics<T>(x, mean, variance, {batch, channels, 1, positions}); \
  } \
  EXPORT void lasagnette2_normalize_##type(const T* x, const T* mean, const T* scale, const T* shift, T* y, Int batch, Int channels, Int positions, Int relu) { \
    normalize<T>(x, mean, scale, shift, y, {batch, channels, 1, positions}, relu != 0); \
  } \
  EXPORT void lasagnette2_normalize_pool_##type(const T* x, const T* mean, const T* scale, const T* shift, T* pooled, uint8_t* winners, Int batch, Int channels, Int rows, Int columns, Int relu) { \
    normalize_pool<T>(x, mean, scale, shift, pooled, winners, {batch, channels, rows, columns}, relu != 0); \
  } \
  EXPORT void lasagnette2_batch_norm_grad_##type(const T* x, const T* g, const T* mean, const T* scale, const T* shift, const T* inv_std, T* gx, T* g_scale, T* g_shift, Int batch, Int channels, Int positions, Int relu) { \
    batch_norm_grad<T>(x, Maps<T>{g, 1, positions}, mean, scale, shift, inv_std, gx, g_scale, g_shift, {batch, channels, 1, positions}, relu != 0); \
  } \
  EXPORT void lasagnette2_batch_norm_pool_grad_##type(const T* x, const T* g, const uint8_t* winners, const T* mean, const T* scale, const T* shift, const T* inv_std, T* gx, T* g_scale, T* g_shift, Int batch, Int channels, Int rows, Int columns) { \
    batch_norm_grad<T>(x, Pooled<T>{g, winners, rows, columns}, mean, scale, shift, inv_std, gx, g_scale, g_shift, {batch, channels, rows, columns}, false); \
  } \
  EXPORT void lasagnette2_dropout_mask_##type(T* out, Int count, Int threshold, double scale,    \
                                              Int key, Int counter) {                            \
    dropout_mask<T>(out, count, static_cast<uint32_t>(threshold), static_cast<T>(scale),         \
                    static_cast<uint64_t>(key), static_cast<uint64_t>(counter));                 \
  }

KERNELS(float, f32)
KERNELS(double, f64)

EXPORT void lasagnette2_set_threads(Int count) {
  thread_count = static_cast<int>(std::max<Int>(1, count));
}

// Keeps freed memory in the process: by default every large array is mapped anew, and its page
// faults cost up to a third of a training step.
EXPORT void lasagnette2_keep_memory() {
#if defined(__GLIBC__)
  if (!mallopt(M_MMAP_THRESHOLD, 1 << 30)) mallopt(M_MMAP_THRESHOLD, 32 << 20);  // older limit
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
#endif
}
