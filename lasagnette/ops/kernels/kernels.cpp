// Convolution, pooling, normalisation and dropout for float32 and float64, NCHW.
//
// One source, compiled once per instruction set (setup.py); the caller picks a library at run
// time. Nothing but the functions at the end is exported, so that inline code compiled for one
// instruction set can never be linked into another library.
//
// Every sum runs in an order that depends on the shapes alone, never on the number of threads.

#include <limits>

#include "conv_grad.h"
#include "dropout.h"
#include "norm.h"
#include "pool.h"

#if defined(_OPENMP)
#include <omp.h>
#endif
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#define EXPORT extern "C" __attribute__((visibility("default")))

// ---- what the library exports; the number in the names is the version of this interface ------

#define CONV_SHAPE                                                                    \
  Int batch, Int channels, Int rows, Int columns, Int filters, Int filter_rows,       \
      Int filter_columns, Int out_rows, Int out_columns, Int groups, Int stride_rows, \
      Int stride_columns, Int dilation_rows, Int dilation_columns, Int top, Int left
#define CONV_GEOMETRY                                  \
  {batch,         groups,           channels / groups, \
   rows,          columns,          filters / groups,  \
   filter_rows,   filter_columns,   out_rows,          \
   out_columns,   stride_rows,      stride_columns,    \
   dilation_rows, dilation_columns, top,               \
   left}
#define POOL_SHAPE                                                                                 \
  Int maps, Int rows, Int columns, Int out_rows, Int out_columns, Int size_rows, Int size_columns, \
      Int stride_rows, Int stride_columns, Int pad_rows, Int pad_columns
#define POOL_GEOMETRY                                                           \
  {maps,         rows,        columns,        out_rows, out_columns, size_rows, \
   size_columns, stride_rows, stride_columns, pad_rows, pad_columns}

#define KERNELS(T, type)                                                                         \
  EXPORT void lasagnette2_conv2d_##type(const T* x, const T* w, const T* bias, T* y, CONV_SHAPE, \
                                        Int relu) {                                              \
    forward<T>(x, w, bias, y, CONV_GEOMETRY, relu != 0);                                         \
  }                                                                                              \
  EXPORT void lasagnette2_conv2d_pool_##type(const T* x, const T* w, const T* bias, T* p,        \
                                             uint8_t* winners, CONV_SHAPE, Int relu) {           \
    forward_pool<T>(x, w, bias, p, winners, CONV_GEOMETRY, relu != 0);                           \
  }                                                                                              \
  EXPORT void lasagnette2_conv2d_pool_grad_input_##type(                                         \
      const T* w, const T* g, const uint8_t* winners, T* gx, CONV_SHAPE) {                       \
    grad_input<T>(w, Pooled<T>{g, winners, out_rows, out_columns}, gx, CONV_GEOMETRY);           \
  }                                                                                              \
  EXPORT void lasagnette2_conv2d_pool_grad_weights_##type(                                       \
      const T* x, const T* g, const uint8_t* winners, T* gw, T* gb, CONV_SHAPE) {                \
    grad_weights<T>(Maps<T>{x, rows, columns}, Pooled<T>{g, winners, out_rows, out_columns}, gw, \
                    gb, CONV_GEOMETRY);                                                          \
  }                                                                                              \
  EXPORT void lasagnette2_conv2d_grad_input_##type(const T* w, const T* g, T* gx, CONV_SHAPE) {  \
    grad_input<T>(w, Maps<T>{g, out_rows, out_columns}, gx, CONV_GEOMETRY);                      \
  }                                                                                              \
  EXPORT void lasagnette2_conv2d_grad_weights_##type(const T* x, const T* g, T* gw, T* gb,       \
                                                     CONV_SHAPE) {                               \
    grad_weights<T>(Maps<T>{x, rows, columns}, Maps<T>{g, out_rows, out_columns}, gw, gb,        \
                    CONV_GEOMETRY);                                                              \
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
  EXPORT void lasagnette2_batch_statistics_##type(const T* x, T* mean, T* variance, Int batch,   \
                                                  Int channels, Int positions) {                 \
    batch_statistics<T>(x, mean, variance, {batch, channels, 1, positions});                     \
  }                                                                                              \
  EXPORT void lasagnette2_normalize_##type(const T* x, const T* mean, const T* scale,            \
                                           const T* shift, T* y, Int batch, Int channels,        \
                                           Int positions, Int relu) {                            \
    normalize<T>(x, mean, scale, shift, y, {batch, channels, 1, positions}, relu != 0);          \
  }                                                                                              \
  EXPORT void lasagnette2_normalize_pool_##type(                                                 \
      const T* x, const T* mean, const T* scale, const T* shift, T* pooled, uint8_t* winners,    \
      Int batch, Int channels, Int rows, Int columns, Int relu) {                                \
    normalize_pool<T>(x, mean, scale, shift, pooled, winners, {batch, channels, rows, columns},  \
                      relu != 0);                                                                \
  }                                                                                              \
  EXPORT void lasagnette2_batch_norm_grad_##type(                                                \
      const T* x, const T* g, const T* mean, const T* scale, const T* shift, const T* inv_std,   \
      T* gx, T* g_scale, T* g_shift, Int batch, Int channels, Int positions, Int relu) {         \
    batch_norm_grad<T>(x, Maps<T>{g, 1, positions}, mean, scale, shift, inv_std, gx, g_scale,    \
                       g_shift, {batch, channels, 1, positions}, relu != 0);                     \
  }                                                                                              \
  EXPORT void lasagnette2_batch_norm_pool_grad_##type(                                           \
      const T* x, const T* g, const uint8_t* winners, const T* mean, const T* scale,             \
      const T* shift, const T* inv_std, T* gx, T* g_scale, T* g_shift, Int batch, Int channels,  \
      Int rows, Int columns) {                                                                   \
    batch_norm_grad<T>(x, Pooled<T>{g, winners, rows, columns}, mean, scale, shift, inv_std, gx, \
                       g_scale, g_shift, {batch, channels, rows, columns}, false);               \
  }                                                                                              \
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
