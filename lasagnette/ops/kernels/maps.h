// Where kernels read maps from.
#pragma once

#include "pairs.h"

namespace {

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

}  // namespace
