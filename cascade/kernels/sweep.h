// What a sweep is made of: the net as it is packed, and sums of products over vectors of outputs.
#pragma once

#include <algorithm>
#include <type_traits>

#include "../../lasagnette/ops/kernels/simd.h"

#define INLINE inline __attribute__((always_inline))

namespace {

using Floats = Vector<float>;
constexpr int kLanes = Simd<float>::lanes;
constexpr int kBlock = 8;        // sums that are in registers at once
constexpr Int kPadding = 16;     // filters and units are padded to a multiple of this, by the caller

inline Int padded(Int count) { return (count + kPadding - 1) / kPadding * kPadding; }

struct Dense {
  const float *weights, *bias;  // (inputs, pitch), (pitch)
  Int inputs, units, pitch;
  bool relu;
};

// The net as `cascade.kernels` packs it.
struct Net {
  Int side, taps, filters, layers;
  const float *weights, *bias;  // (taps, 3 * taps, filters), (filters); padded
  const Int* shape;
  const float* rest;

  Net(const Int* shape, const float* packed)
      : side(shape[0]), taps(shape[1]), filters(padded(shape[2])), layers(shape[3]) {
    weights = packed;
    bias = weights + 3 * taps * taps * filters;
    this->shape = shape + 4;
    rest = bias + filters;
  }

  Int pad() const { return taps / 2; }
  Int cells() const { return side / 2; }
  Int edge() const { return (pad() + 1) / 2; }  // cells on each side that see the border

  // Calls `use` with every dense layer in turn.
  template <class Use>
  void dense(Use use) const {
    const float* at = rest;
    Int inputs = cells() * cells() * filters;
    for (Int n = 0; n < layers; n++) {
      const Int units = shape[2 * n], pitch = padded(units);
      use(Dense{at, at + inputs * pitch, inputs, units, pitch, shape[2 * n + 1] != 0}, n);
      at += (inputs + 1) * pitch;
      inputs = units;
    }
  }
};

// Taps of a filter, in one direction, that lie inside the window.
struct Taps {
  Int from, to;
};

INLINE Taps taps_at(const Net& net, Int place) {
  return {std::max<Int>(0, net.pad() - place), std::min(net.taps, net.side - place + net.pad())};
}

// sums[n] += (or -=) the sum over t of weights[t] * values[n * step + t].
template <int N, bool Minus = false>
INLINE void accumulate(Floats (&sums)[N], const float* weights, Int pitch, Int count,
                       const float* values, Int step) {
  for (Int t = 0; t < count; t++) {
    const Floats w = load(weights + t * pitch);
    for (int n = 0; n < N; n++) {
      if (Minus) {
        sums[n] -= w * values[n * step + t];
      } else {
        sums[n] += w * values[n * step + t];
      }
    }
  }
}

// Calls `use(start, N)` for blocks of N that cover `count`; the last one overlaps the one before.
template <class Use>
INLINE void in_blocks(Int count, Use use) {
  if (count >= kBlock) {
    for (Int at = 0; at < count; at += kBlock) {
      use(std::min(at, count - kBlock), std::integral_constant<int, kBlock>());
    }
  } else if (count >= kBlock / 2) {
    use(Int{0}, std::integral_constant<int, kBlock / 2>());
    use(count - kBlock / 2, std::integral_constant<int, kBlock / 2>());
  } else {
    for (Int at = 0; at < count; at++) use(at, std::integral_constant<int, 1>());
  }
}

INLINE Floats larger(Floats a, Floats b) { return a > b ? a : b; }

}  // namespace
