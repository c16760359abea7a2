// A first-stage net on all windows of a level: convolution, relu, 2x2 pooling, dense layers.
//
// Neighbouring windows share most of their pixels, so their convolutions are computed once. A
// window is padded with zeros, though, where the level has the neighbour's pixels: in a window's
// outermost rows and columns the filters lack their outer taps. Those sums are computed anew, on the
// stride's grid only: a row by leaving out the taps' rows that lie outside, a column by taking the
// products with the taps outside away from the sums that are there.
//
// Maps are stored with the filters of a pixel side by side; every step of the net is one loop that
// adds weights, a vector of outputs, times single values to a block of sums (`accumulate`).
// Every sum runs in the same order whatever the number of threads.

#include "sweep.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

constexpr Int kFewWindows = 512;  // below so many threads cost more than they bring

struct Image {
  const uint8_t* pixels;
  Int rows, columns, row, column, channel;  // the last three: bytes from one to the next
  float mean, scale;
};

// A part of the level whose windows lie on the stride's grid from its corner on.
struct Part {
  Int top, left;      // in the level
  Int rows, columns;  // windows
  float* out;
  Int pitch;  // windows from one row of results to the next
};

// Evaluates a part: cells row after row, and a row of windows as soon as its last cells are there.
class Sweep {
 public:
  Sweep(const Net& net, const Image& image, const Part& part, Int stride)
      : net_(net),
        image_(image),
        part_(part),
        stride_(stride),
        step_(stride / 2),
        edges_(2 * net.edge()),
        width_((part.columns - 1) * stride + net.side),
        line_(width_ * net.filters),
        row_((width_ / 2 + edges_ * part.columns) * net.filters),
        pixels_(3 * (width_ + 2 * net.pad())),
        open_((net.cells() + step_ - 1) / step_) {
    Int hidden = 0;
    net.dense([&](const Dense& d, Int) { hidden = std::max(hidden, d.pitch * part.columns); });
    const Int lines = 2 * net.taps, rows = net.cells() + open_ * edges_;
    float* memory = scratch<float, 0>((net.taps + 1) * pixels_ + lines * line_ + rows * row_ +
                                      2 * hidden);
    input_ = memory;
    lines_ = input_ + (net.taps + 1) * pixels_;
    middle_ = lines_ + lines * line_;
    edge_ = middle_ + net.cells() * row_;
    hidden_[0] = edge_ + open_ * edges_ * row_;
    hidden_[1] = hidden_[0] + hidden;
  }

  void run() {
    const Int cells = net_.cells(), last = (part_.rows - 1) * step_ + cells;
    Int read = -net_.pad();
    for (Int r = 0; r < last; r++) {
      for (; read < 2 * r + 2 + net_.pad(); read++) read_pixels(read);
      fill_cells(r);
      if (r >= cells - 1 && (r - cells + 1) % step_ == 0) classify((r - cells + 1) / step_);
    }
  }

 private:
  const Net& net_;
  const Image& image_;
  const Part& part_;
  const Int stride_, step_, edges_, width_, line_, row_, pixels_, open_;
  float *input_, *lines_, *middle_, *edge_, *hidden_[2];

  // Scaled pixels of a row, red, green, blue in turn, with zeros around the part.
  float* input(Int y) const { return input_ + (y + net_.taps + 1) % (net_.taps + 1) * pixels_; }

  // Sums of a row of pixels: all taps' rows (slot 0), or those at a place where some are missing.
  float* line(Int y, Int slot) const { return lines_ + (y % 2 * net_.taps + slot) * line_; }

  Int slot(Int place) const {
    const Int pad = net_.pad();
    if (place < pad) return 1 + place;
    return place < net_.side - pad ? 0 : 1 + 2 * pad - (net_.side - place);
  }

  // Which cell of a window an edge's number means.
  Int cell(Int number) const {
    return number < edges_ / 2 ? number : net_.cells() - edges_ + number;
  }

  float* edge_row(Int window, Int number) const {
    return edge_ + (window % open_ * edges_ + number) * row_;
  }

  void read_pixels(Int y) {
    float* const to = input(y);
    std::fill_n(to, pixels_, 0.0f);
    const Int row = part_.top + y;
    if (row < 0 || row >= image_.rows) return;
    const uint8_t* from = image_.pixels + row * image_.row + part_.left * image_.column;
    float* at = to + 3 * net_.pad();
    for (Int c = 0; c < 3; c++, from += image_.channel, at++) {
      for (Int x = 0; x < width_; x++) {
        at[3 * x] = (static_cast<float>(from[x * image_.column]) - image_.mean) * image_.scale;
      }
    }
  }

  // Sums of row y over some of the taps' rows, beginning with the bias or with another line.
  void convolve(Int y, Taps rows, const float* begin, float* to) const {
    const Int filters = net_.filters, count = 3 * net_.taps;
    for (Int f = 0; f < filters; f += kLanes) {
      in_blocks(width_, [&](Int x, auto block) {
        Floats sums[block()];
        for (int n = 0; n < block(); n++) {
          sums[n] = load(begin ? begin + (x + n) * filters + f : net_.bias + f);
        }
        for (Int t = rows.from; t < rows.to; t++) {
          accumulate(sums, net_.weights + t * count * filters + f, filters, count,
                     input(y - net_.pad() + t) + 3 * x, 3);
        }
        for (int n = 0; n < block(); n++) store(to + (x + n) * filters + f, sums[n]);
      });
    }
  }

  // All sums of a row of pixels that some window needs.
  void fill_lines(Int y) {
    const Taps all = {0, net_.taps};
    const float* begun = nullptr;
    Taps has = {0, 0};
    for (Int q = 0; q < edges_ * 2; q++) {
      const Int place = 2 * cell(q / 2) + q % 2;
      // Also where the window is not in this part: the order of sums must not depend on that.
      if ((y - place) % stride_ || !slot(place)) continue;
      has = taps_at(net_, place);
      convolve(y, has, nullptr, line(y, slot(place)));
      begun = line(y, slot(place));
    }
    if (!begun) {
      convolve(y, all, nullptr, line(y, 0));
    } else if (has.from > 0) {  // what is missing is added to what is there
      convolve(y, {0, has.from}, begun, line(y, 0));
    } else {
      convolve(y, {has.to, net_.taps}, begun, line(y, 0));
    }
  }

  void fill_cells(Int r) {
    fill_lines(2 * r);
    fill_lines(2 * r + 1);
    fill_row(r, net_.cells() / 2, middle_ + r % net_.cells() * row_);
    for (Int e = 0; e < edges_; e++) {
      const Int window = (r - cell(e)) / step_;
      if (r < cell(e) || (r - cell(e)) % step_ || window >= part_.rows) continue;
      fill_row(r, cell(e), edge_row(window, e));
    }
  }

  // Pooled cells of a row at a place of a window: everywhere, then at the windows' edge columns.
  void fill_row(Int r, Int place, float* to) const {
    const Int filters = net_.filters;
    const float* const above = line(2 * r, slot(2 * place));
    const float* const below = line(2 * r + 1, slot(2 * place + 1));
    for (Int c = 0; c < width_ / 2; c++) {
      for (Int f = 0; f < filters; f += kLanes) {
        const Int at = 2 * c * filters + f;
        const Floats best = larger(larger(load(above + at), load(above + at + filters)),
                                   larger(load(below + at), load(below + at + filters)));
        store(to + c * filters + f, larger(best, Floats{}));
      }
    }
    to += width_ / 2 * filters;
    for (Int e = 0; e < edges_; e++, to += part_.columns * filters) {
      for (Int f = 0; f < filters; f += kLanes) {
        in_blocks(part_.columns, [&](Int j, auto block) {
          Floats best[block()] = {};
          for (Int x = 2 * cell(e); x < 2 * cell(e) + 2; x++) {
            take_cut(2 * r, taps_at(net_, 2 * place), above, x, j, f, best);
            take_cut(2 * r + 1, taps_at(net_, 2 * place + 1), below, x, j, f, best);
          }
          for (int n = 0; n < block(); n++) store(to + (j + n) * filters + f, best[n]);
        });
      }
    }
  }

  // Sums at column x of windows j and on, without the taps left or right of the window.
  template <int N>
  INLINE void take_cut(Int y, Taps rows, const float* from, Int x, Int j, Int f,
                       Floats (&best)[N]) const {
    const Int filters = net_.filters, count = 3 * net_.taps, column = j * stride_ + x;
    const Taps inside = taps_at(net_, x);
    const Taps outside = inside.from > 0 ? Taps{0, inside.from} : Taps{inside.to, net_.taps};
    Floats sums[N];
    for (int n = 0; n < N; n++) sums[n] = load(from + (column + n * stride_) * filters + f);
    if (outside.from < outside.to) {
      for (Int t = rows.from; t < rows.to; t++) {
        accumulate<N, true>(sums,
                            net_.weights + (t * count + 3 * outside.from) * filters + f, filters,
                            3 * (outside.to - outside.from),
                            input(y - net_.pad() + t) + 3 * (column + outside.from), 3 * stride_);
      }
    }
    for (int n = 0; n < N; n++) best[n] = larger(best[n], sums[n]);
  }

  // The dense layers for a row of windows.
  void classify(Int i) {
    net_.dense([&](const Dense& d, Int number) {
      float* const to = hidden_[number % 2];
      const float* const from = hidden_[(number + 1) % 2];
      for (Int u = 0; u < d.pitch; u += kLanes) {
        in_blocks(part_.columns, [&](Int j, auto block) {
          Floats sums[block()];
          for (int n = 0; n < block(); n++) sums[n] = load(d.bias + u);
          if (number == 0) {
            add_cells(sums, d, u, i, j);
          } else {
            const Int pitch = padded(d.inputs);
            accumulate(sums, d.weights + u, d.pitch, d.inputs, from + j * pitch, pitch);
          }
          for (int n = 0; n < block(); n++) {
            store(to + (j + n) * d.pitch + u, d.relu ? larger(sums[n], Floats{}) : sums[n]);
          }
        });
      }
      if (number + 1 < net_.layers) return;
      for (Int j = 0; j < part_.columns; j++) {
        std::copy_n(to + j * d.pitch, d.units, part_.out + (i * part_.pitch + j) * d.units);
      }
    });
  }

  template <int N>
  INLINE void add_cells(Floats (&sums)[N], const Dense& d, Int u, Int i, Int j) const {
    const Int filters = net_.filters, cells = net_.cells(), half = edges_ / 2;
    const float* weights = d.weights + u;
    for (Int r = 0; r < cells; r++) {
      const float* row = middle_ + (i * step_ + r) % cells * row_;
      if (r < half) row = edge_row(i, r);
      if (r >= cells - half) row = edge_row(i, r - cells + edges_);
      const float* const ends = row + width_ / 2 * filters;
      for (Int c = 0; c < cells;) {
        const bool middle = c >= half && c < cells - half;
        const Int count = middle ? cells - edges_ : 1;
        const Int number = c < half ? c : c - cells + edges_;
        accumulate(sums, weights, d.pitch, count * filters,
                   middle ? row + (j * step_ + c) * filters
                          : ends + (number * part_.columns + j) * filters,
                   middle ? step_ * filters : filters);
        weights += count * filters * d.pitch;
        c += count;
      }
    }
  }
};

}  // namespace

// Logits (windows, classes) of a level, row by row, those flush with the right and lower border
// included. The number in the name is the version of the interface.
EXPORT void cascade1_sweep(const uint8_t* pixels, Int rows, Int columns, Int row, Int column,
                           Int channel, Int stride, float mean, float scale, const Int* shape,
                           const float* packed, Int threads, float* out) {
  const Net net(shape, packed);
  const Int high = rows - net.side, wide = columns - net.side;
  if (high < 0 || wide < 0) return;
  const Image image = {pixels, rows, columns, row, column, channel, mean, scale};
  const Int down = high / stride + 1, across = wide / stride + 1;
  const bool flush_row = high % stride, flush_column = wide % stride;
  const Int pitch = across + flush_column;
  const Int classes = net.shape[2 * net.layers - 2];
  const auto place = [&](Int i, Int j) { return out + (i * pitch + j) * classes; };
  const Int bands = down * pitch < kFewWindows ? 1 : std::min(threads, down);
#pragma omp parallel for schedule(dynamic, 1) num_threads(static_cast<int>(bands)) if (bands > 1)
  for (Int band = 0; band < bands; band++) {
    const Int first = down * band / bands, count = down * (band + 1) / bands - first;
    const auto sweep = [&](const Part& part) { Sweep(net, image, part, stride).run(); };
    sweep({first * stride, 0, count, across, place(first, 0), pitch});
    if (flush_column) sweep({first * stride, wide, count, 1, place(first, across), pitch});
    if (band + 1 < bands || !flush_row) continue;
    sweep({high, 0, 1, across, place(down, 0), pitch});
    if (flush_column) sweep({high, wide, 1, 1, place(down, across), pitch});
  }
}
