// Masks of dropout, drawn by a counter.
#pragma once

#include "simd.h"

namespace {

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
