// Crops of photographs: affine maps of a fine grid, bilinear samples, the mean of two by two.
//
// The place of a sample is rounded to 1/128 of a pixel. From there on everything is exact: weights
// and sums are whole numbers up to 2^24, which float32 holds, too, so neither the order of a sum
// nor fused operations change a byte, and the NumPy version gives the same.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#define EXPORT extern "C" __attribute__((visibility("default")))
#define INLINE inline __attribute__((always_inline))
#if defined(__clang__)  // what a loop writes is not what it reads
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif

namespace {

using Int = int64_t;

// Vectors of GCC and Clang, whatever the processor has. Functions take them by reference: as
// values their passing would depend on the instruction set.
typedef uint8_t Byte8 __attribute__((vector_size(8)));
typedef uint16_t Short8 __attribute__((vector_size(16)));
typedef int32_t Int8 __attribute__((vector_size(32)));
typedef float Float4 __attribute__((vector_size(16)));
typedef float Float8 __attribute__((vector_size(32)));

constexpr Int kFine = 2;     // samples per pixel of the crop, in each direction
constexpr int kParts = 128;  // parts of a pixel that places are rounded to
constexpr float kWhole = kFine * kFine * kParts * kParts;  // sum of the weights of a crop's pixel
constexpr Int kWidest = 8;  // columns per pixel of the crop above which samples are read one by one
constexpr Int kBlock = 32;  // bytes of a row that are summed at once
constexpr Int kAhead = 4;   // rows of the crop whose pixels are fetched in advance
constexpr Int kSpare = 16;  // floats after a row that vectors may touch

struct Picture {
  const uint8_t* pixels;
  Int rows, columns;
};

// Grid coordinates u, v from -1/2 to 1/2 lie at x0 + xu u + xv v, y0 + yu u + yv v.
struct Map {
  double x0, xu, xv, y0, yu, yv;
};

// A sample lies between the pixels `at` and `at + 1`, `part` parts after the first.
struct Place {
  int32_t at, part;
};

// The two samples of one column of the crop: where they start in a row, and weights by lane.
struct Taps {
  Float8 first_weights, second_weights;
  Int first, second;
};

struct Scratch {
  std::unique_ptr<double[]> steps;
  std::unique_ptr<Place[]> columns, rows;
  std::unique_ptr<Taps[]> taps;
  std::unique_ptr<float[]> upper, lower, sums;

  explicit Scratch(Int side)
      : steps(new (std::nothrow) double[kFine * side]),
        columns(new (std::nothrow) Place[2 * kFine * side]),
        rows(new (std::nothrow) Place[2 * kFine * side]),
        taps(new (std::nothrow) Taps[side]),
        upper(new (std::nothrow) float[3 * kWidest * side + kSpare]),
        lower(new (std::nothrow) float[3 * kWidest * side + kSpare]),
        sums(new (std::nothrow) float[2 * 4 * side]) {}

  bool complete() const { return steps && columns && rows && taps && upper && lower && sums; }
};

template <class Vector, class T>
INLINE void load(Vector& values, const T* from) {
  std::memcpy(&values, from, sizeof values);
}

INLINE Place place(double position, Int length) {
  const double last = static_cast<double>(length - 1);
  position = position > 0 ? position : 0;
  position = position < last ? position : last;
  const int32_t at = static_cast<int32_t>(position);
  return {at, static_cast<int32_t>((position - at) * kParts + 0.5)};
}

// Weights of two neighbouring pixels, by lane: red, green, blue, red, green, blue, none, none.
INLINE void spread(Float8& weights, int part) {
  const float left = static_cast<float>(kParts - part), right = static_cast<float>(part);
  weights = Float8{left, left, left, right, right, right, 0, 0};
}

// The sum over two neighbouring pixels, for three channels and a lane that means nothing.
INLINE void fold(const Float8& pair, float* sums) {
#if defined(__clang__) || __GNUC__ >= 12
  const Float8 sum = pair + __builtin_shufflevector(pair, pair, 3, 4, 5, 6, 4, 5, 6, 7);
#else
  const Float8 sum = pair + __builtin_shuffle(pair, Int8{3, 4, 5, 6, 4, 5, 6, 7});
#endif
  std::memcpy(sums, &sum, sizeof(Float4));
}

// Four rows of bytes with weights that add up to 256, so that 16 bits hold the sums.
struct Rows {
  const uint8_t* bytes[4];
  uint16_t weights[4];
};

INLINE void sum_block(const Rows& rows, Int start, Int length, float* sums) {
  const uint8_t *const a = rows.bytes[0] + start, *const b = rows.bytes[1] + start,
                       *const c = rows.bytes[2] + start, *const d = rows.bytes[3] + start;
  float* const to = sums + start;
  INDEPENDENT
  for (Int i = 0; i < length; ++i) {
    to[i] = static_cast<uint16_t>(a[i] * rows.weights[0] + b[i] * rows.weights[1] +
                                  c[i] * rows.weights[2] + d[i] * rows.weights[3]);
  }
}

INLINE void sum_rows(const Rows& rows, Int length, float* sums) {
  if (length < kBlock) {
    sum_block(rows, 0, length, sums);
    return;
  }
  for (Int i = 0; i < length; i += kBlock) {
    // The last block starts early: bytes after the row may not be there.
    sum_block(rows, std::min(i, length - kBlock), kBlock, sums);
  }
}

INLINE uint8_t rounded(float sum) {
  return static_cast<uint8_t>(static_cast<int32_t>(sum * (1 / kWhole) + 0.5f));
}

// Round sums, four lanes for each pixel, into the three planes.
INLINE void store(const float* sums, Int count, Int plane, uint8_t* out) {
  uint8_t *const red = out, *const green = out + plane, *const blue = out + 2 * plane;
  INDEPENDENT
  for (Int j = 0; j < count; ++j) {
    red[j] = rounded(sums[4 * j]);
    green[j] = rounded(sums[4 * j + 1]);
    blue[j] = rounded(sums[4 * j + 2]);
  }
}

// Photographs seldom are in a cache, and their rows are too short for the processor to guess.
INLINE void prefetch(const Rows& rows, Int length) {
  for (int t = 0; t < 4; ++t) {
    for (Int i = 0; i < length; i += 64) __builtin_prefetch(rows.bytes[t] + i);
  }
}

INLINE Rows rows_of(const Picture& picture, const Place two[2], Int first) {
  Rows rows;
  for (int t = 0; t < 4; ++t) {
    const Int number = std::min(Int{two[t / 2].at} + t % 2, picture.rows - 1);
    rows.bytes[t] = picture.pixels + 3 * (number * picture.columns + first);
    const int part = two[t / 2].part;
    rows.weights[t] = static_cast<uint16_t>(t % 2 ? part : kParts - part);
  }
  return rows;
}

// Rows of the crop are rows of the picture: sum rows first, then columns of the sums.
// False, and nothing done, where so many columns are skipped that single samples are cheaper.
INLINE bool cut_upright(const Picture& picture, const Map& map, Int side, const Scratch& scratch,
                        uint8_t* out) {
  const Int fine = kFine * side;
  for (Int k = 0; k < fine; ++k) {
    const double step = scratch.steps[k];
    scratch.columns[k] = place(map.x0 + map.xu * step, picture.columns);
    scratch.rows[k] = place(map.y0 + map.yv * step, picture.rows);
  }
  const auto ends = std::minmax(scratch.columns[0].at, scratch.columns[fine - 1].at);
  const Int first = ends.first;
  const Int width = std::min<Int>(Int{ends.second} + 2, picture.columns) - first;
  if (width > kWidest * side) return false;

  for (Int j = 0; j < side; ++j) {
    const Place one = scratch.columns[2 * j], two = scratch.columns[2 * j + 1];
    Taps& taps = scratch.taps[j];
    spread(taps.first_weights, one.part);
    spread(taps.second_weights, two.part);
    taps.first = 3 * (one.at - first);
    taps.second = 3 * (two.at - first);
  }
  float *const upper = scratch.upper.get(), *const lower = scratch.lower.get();
  float* const sums = scratch.sums.get();
  // What follows the last column is read with a weight of zero, and has to be a number.
  std::fill_n(upper + 3 * width, kSpare, 0.0f);
  std::fill_n(lower + 3 * width, kSpare, 0.0f);

  for (Int i = 0; i < side; i += 2) {  // two rows at once share the taps
    const Int count = std::min<Int>(side - i, 2);
    const Place* const places = scratch.rows.get() + kFine * i;
    for (Int ahead = i + kAhead; ahead < std::min(i + kAhead + 2, side); ++ahead) {
      prefetch(rows_of(picture, scratch.rows.get() + kFine * ahead, first), 3 * width);
    }
    sum_rows(rows_of(picture, places, first), 3 * width, upper);
    if (count == 2) sum_rows(rows_of(picture, places + kFine, first), 3 * width, lower);
    for (Int j = 0; j < side; ++j) {
      const Taps& taps = scratch.taps[j];
      const Float8 first_weights = taps.first_weights, second_weights = taps.second_weights;
      Float8 one, two;
      load(one, upper + taps.first);
      load(two, upper + taps.second);
      const Float8 above = one * first_weights + two * second_weights;
      load(one, lower + taps.first);
      load(two, lower + taps.second);
      const Float8 below = one * first_weights + two * second_weights;
      fold(above, sums + 4 * j);
      fold(below, sums + 4 * (side + j));
    }
    store(sums, count * side, side * side, out + i * side);
  }
  return true;
}

// Two neighbouring pixels, and two lanes more.
INLINE void load_pair(Short8& values, const uint8_t* from, const uint8_t* end) {
  Byte8 bytes = {};
  if (end - from >= 8) {
    load(bytes, from);
  } else {
    std::memcpy(&bytes, from, static_cast<size_t>(end - from));
  }
  values = __builtin_convertvector(bytes, Short8);
}

// Any map: every sample is read by itself.
INLINE void cut_turned(const Picture& picture, const Map& map, Int side, const Scratch& scratch,
                       uint8_t* out) {
  const Int fine = kFine * side;
  const Int stride = 3 * picture.columns;
  const uint8_t* const end = picture.pixels + picture.rows * stride;
  const Float8 left = {kParts, kParts, kParts, 0, 0, 0, 0, 0};
  const Float8 change = {-1, -1, -1, 1, 1, 1, 0, 0};
  for (Int i = 0; i < side; ++i) {
    for (Int half = 0; half < kFine; ++half) {
      const double v = scratch.steps[kFine * i + half];
      Place *const columns = scratch.columns.get() + half * fine, *const rows = scratch.rows.get() +
                                                                                half * fine;
      for (Int k = 0; k < fine; ++k) {
        const double u = scratch.steps[k];
        columns[k] = place(map.x0 + map.xu * u + map.xv * v, picture.columns);
        rows[k] = place(map.y0 + map.yu * u + map.yv * v, picture.rows);
      }
      for (Int k = 0; k < fine; ++k) {  // they are read after all places of the row are known
        __builtin_prefetch(picture.pixels + rows[k].at * stride + 3 * Int{columns[k].at});
      }
    }
    for (Int j = 0; j < side; ++j) {
      Float8 sum = {};
      for (Int sample = 0; sample < kFine * kFine; ++sample) {
        const Int k = (sample / kFine) * fine + kFine * j + sample % kFine;
        const Place x = scratch.columns[k], y = scratch.rows[k];
        const uint8_t* const upper = picture.pixels + y.at * stride + 3 * Int{x.at};
        const uint8_t* const lower = y.at + 1 < picture.rows ? upper + stride : upper;
        Short8 above, below;
        load_pair(above, upper, end);
        load_pair(below, lower, end);
        const Short8 between =
            above * static_cast<uint16_t>(kParts - y.part) + below * static_cast<uint16_t>(y.part);
        const Int8 whole = __builtin_convertvector(between, Int8);
        sum +=
            __builtin_convertvector(whole, Float8) * (left + change * static_cast<float>(x.part));
      }
      fold(sum, scratch.sums.get() + 4 * j);
    }
    store(scratch.sums.get(), side, side * side, out + i * side);
  }
}

INLINE void cut_all(const Picture* pictures, const Map* maps, Int count, Int side,
                    const Scratch& scratch, uint8_t* out) {
  for (Int n = 0; n < count; ++n, out += 3 * side * side) {
    const bool upright = maps[n].xv == 0 && maps[n].yu == 0;
    if (!upright || !cut_upright(pictures[n], maps[n], side, scratch, out)) {
      cut_turned(pictures[n], maps[n], side, scratch, out);
    }
  }
}

// The same code for newer processors, chosen at run time by a plain test: `target_clones` would
// need a linker and a C library with indirect functions.
#if defined(__x86_64__)
__attribute__((target("avx2"))) void cut_avx2(const Picture* pictures, const Map* maps, Int count,
                                              Int side, const Scratch& scratch, uint8_t* out) {
  cut_all(pictures, maps, count, side, scratch, out);
}
#endif

}  // namespace

// Returns 0, or 1 where there is no memory. The number in the name is the version of the interface.
EXPORT int augment1_crop(const Picture* pictures, const Map* maps, Int count, Int side,
                         uint8_t* out) {
  const Scratch scratch(side);
  if (!scratch.complete()) return 1;
  const Int fine = kFine * side;
  for (Int k = 0; k < fine; ++k) {  // exactly symmetric, so that mirroring is a change of signs
    scratch.steps[k] = static_cast<double>(2 * k + 1 - fine) / static_cast<double>(2 * fine);
  }
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) {
    cut_avx2(pictures, maps, count, side, scratch, out);
    return 0;
  }
#endif
  cut_all(pictures, maps, count, side, scratch, out);
  return 0;
}
