// Greedy filtering of frames: the comparisons of `cascade.kernels.reference`, bit for bit.
//
// A frame yields to the best of the kept frames that overlap it too much. So every frame is held
// against those kept before it, by falling score, until one is found.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>

#define EXPORT extern "C" __attribute__((visibility("default")))
#define INLINE inline __attribute__((always_inline))

namespace {

using Int = int64_t;

constexpr Int kBlock = 16;  // kept frames that are looked at before asking whether one was found

// Sides and areas of frames; there is room for a block after the last.
struct Frames {
  const double *left, *top, *right, *bottom, *area;
};

INLINE bool overlap(const Frames& kept, Int n, const Frames& frames, Int at, bool iou,
                    double threshold) {
  const double width =
      std::min(frames.right[at], kept.right[n]) - std::max(frames.left[at], kept.left[n]);
  const double height =
      std::min(frames.bottom[at], kept.bottom[n]) - std::max(frames.top[at], kept.top[n]);
  const double common = std::max(width, 0.0) * height;
  const double whole = iou ? frames.area[at] + kept.area[n] - common
                           : std::min(frames.area[at], kept.area[n]);
  return common > threshold * whole;
}

// The first kept frame from `from` to before `to` that a frame yields to, or `to`.
INLINE Int first_overlap(const Frames& kept, Int from, Int to, const Frames& frames, Int at,
                         bool iou, double threshold) {
  for (Int start = from; start < to; start += kBlock) {
    Int any = 0;
    for (Int n = start; n < start + kBlock; n++) {
      any |= overlap(kept, n, frames, at, iou, threshold);
    }
    for (Int n = start; any && n < std::min(start + kBlock, to); n++) {
      if (overlap(kept, n, frames, at, iou, threshold)) return n;
    }
  }
  return to;
}

INLINE void suppress(const Frames& frames, const Int* ends, Int count, bool iou, double threshold,
                     double* memory, Int* numbers, Int* owner) {
  double* sides[5];
  for (int s = 0; s < 5; s++) sides[s] = memory + s * (count + kBlock);
  const Frames kept = {sides[0], sides[1], sides[2], sides[3], sides[4]};
  Int begin = 0, found = 0;
  for (Int at = 0; at < count; at++) {
    if (at > 0 && ends[at] != ends[at - 1]) begin = found;
    const Int better = first_overlap(kept, begin, found, frames, at, iou, threshold);
    if (better < found) {
      owner[at] = numbers[better];
      continue;
    }
    sides[0][found] = frames.left[at];
    sides[1][found] = frames.top[at];
    sides[2][found] = frames.right[at];
    sides[3][found] = frames.bottom[at];
    sides[4][found] = frames.area[at];
    owner[at] = numbers[found++] = at;
  }
}

// The same code for newer processors; without fused operations, which would round otherwise.
#if defined(__x86_64__)
__attribute__((target("avx2"))) void suppress_avx2(const Frames& frames, const Int* ends, Int count,
                                                   bool iou, double threshold, double* memory,
                                                   Int* numbers, Int* owner) {
  suppress(frames, ends, count, iou, threshold, memory, numbers, owner);
}
#endif

}  // namespace

// Returns 0, or 1 where there is no memory. The number in the name is the interface's version.
EXPORT int cascade1_suppress(const double* sides, const Int* ends, Int count, Int iou,
                             double threshold, Int* owner) {
  const std::unique_ptr<double[]> memory(new (std::nothrow) double[5 * (count + kBlock)]());
  const std::unique_ptr<Int[]> numbers(new (std::nothrow) Int[count]);
  if (!memory || !numbers) return 1;
  const Frames frames = {sides, sides + count, sides + 2 * count, sides + 3 * count,
                         sides + 4 * count};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) {
    suppress_avx2(frames, ends, count, iou != 0, threshold, memory.get(), numbers.get(), owner);
    return 0;
  }
#endif
  suppress(frames, ends, count, iou != 0, threshold, memory.get(), numbers.get(), owner);
  return 0;
}
