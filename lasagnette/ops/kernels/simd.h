// Vectors of numbers, and memory that stays with its thread.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <type_traits>
#include <utility>

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

constexpr int kVectors = 3;  // vectors of pixels held at once: 3 x kOutputs sums in registers
constexpr Int kChunks = 16;  // parts of a batch whose weight gradients are summed apart
constexpr Int kBandBytes = 1 << 18;   // size of one band's padded copy, to stay in the L2 cache
constexpr Int kBlockBytes = 1 << 14;  // gradients taken at once, to stay in the L1 cache
constexpr Int kSmallWork = 1 << 16;   // below so many operations threads cost more than they bring

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

}  // namespace
