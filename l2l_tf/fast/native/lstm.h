// The deep LSTM of `l2l_tf/fast/lstm_kernels.py` on a chunk of kLanes coordinates.
//
// A chunk's rows stay in the processor's first caches, and what goes entry by entry is done while they are there.

#ifndef L2L_TF_FAST_NATIVE_LSTM_H_
#define L2L_TF_FAST_NATIVE_LSTM_H_

#include <algorithm>
#include <vector>

#include "rows.h"

namespace l2l {

// x P(x^2) / Q(x^2), see `l2l_tf/fast/tanh.py`. NaN stays NaN.
inline Vector tanh(Vector x) {
  x = clamped(x, 8.0f);
  const Vector square = x * x;
  Vector p = 1.56797458e-08f * square + 2.22378811e-05f;
  p = p * square + 3.59317719e-03f;
  p = p * square + 1.34628745e-01f;
  p = p * square + 1.0f;
  Vector q = 8.71213197e-07f * square + 3.44609398e-04f;
  q = q * square + 2.62472025e-02f;
  q = q * square + 4.67962079e-01f;
  q = q * square + 1.0f;
  return x * p / q;
}

// As `packing.Stacked` has them.
struct Weights {
  struct Layer {
    int hidden;
    const float* w;  // [inputs + hidden + 1][4 hidden]
  };
  int features, size;
  std::vector<Layer> layers;
  const float* linear;  // [inputs + 1][size], inputs those of the last layer or, without any, the features
};

struct Gradients {
  std::vector<float*> layers;
  float* linear;
};

// A page is what a step takes, and leaves for its way back: for each layer x = [inputs; h; 1], the gates, c, and tanh
// c'; then what the linear layer sees, [h'; 1], and the cotangents of the output. The features are its first rows. A
// state is h and c of each layer.
class Lstm {
 private:
  struct Layer {
    int inputs, hidden;
    int x, state;  // where its rows of a page and of a state begin
    const float* w;
    int depth() const { return inputs + hidden + 1; }
    int h() const { return x + inputs; }
    int gates() const { return x + depth(); }
    int cell() const { return gates() + 4 * hidden; }
    int tanh_cell() const { return cell() + hidden; }
  };

 public:
  struct Page {
    Row* rows;
    Row* h(const Layer& layer) const { return rows + layer.h(); }
    Row* c(const Layer& layer) const { return rows + layer.cell(); }
  };
  struct State {
    Row* rows;
    Row* h(const Layer& layer) const { return rows + layer.state; }
    Row* c(const Layer& layer) const { return rows + layer.state + layer.hidden; }
  };

  explicit Lstm(const Weights& weights) : size_(weights.size), linear_(weights.linear) {
    int inputs = weights.features;
    for (const Weights::Layer& own : weights.layers) {
      const Layer layer{inputs, own.hidden, page_rows_, state_rows_, own.w};
      page_rows_ = layer.tanh_cell() + layer.hidden;
      state_rows_ += 2 * layer.hidden;
      most_inputs_ = std::max(most_inputs_, layer.depth());
      layers_.push_back(layer);
      inputs = layer.hidden;
    }
    most_inputs_ = std::max(most_inputs_, inputs);
    top_ = page_rows_;
    top_rows_ = inputs;
    page_rows_ += inputs + 1 + size_;
  }

  int state_rows() const { return state_rows_; }
  int page_rows() const { return page_rows_; }
  int work_rows() const { return 2 * most_inputs_; }
  Row* d_output(Row* page) const { return page + top_ + top_rows_ + 1; }

  // What the steps find in every page.
  void prepare(Row* page) const {
    for (const Layer& layer : layers_) page[layer.x + layer.depth() - 1] = filled(1.0f);
    page[top_ + top_rows_] = filled(1.0f);
  }

  // Copies h and c of each layer, from and to a `Page` or a `State`.
  template <class From, class To>
  void copy(From from, To to) const {
    for (const Layer& layer : layers_) {
      std::copy_n(from.h(layer), layer.hidden, to.h(layer));
      std::copy_n(from.c(layer), layer.hidden, to.c(layer));
    }
  }

  // A step from the features and the state in `page` to the state in `next`, another `Page` or a `State`.
  template <class To>
  void forward(Row* page, To next) const {
    for (size_t i = 0; i < layers_.size(); ++i) {
      const Layer& layer = layers_[i];
      const int h = layer.hidden;
      Row* above = page + (i + 1 < layers_.size() ? layers_[i + 1].x : top_);
      Row* next_hidden = next.h(layer);
      Row* next_cell = next.c(layer);
      multiply<true>(4 * h, layer.depth(), layer.w, page + layer.x, page + layer.gates());
      for (int unit = 0; unit < h; ++unit) {
        Row* gate = page + layer.gates() + unit;
        for (int v = 0; v < kVectors; ++v) {
          const Vector in = tanh(gate[0].v[v]), forget = tanh(gate[h].v[v]);
          const Vector candidate = tanh(gate[2 * h].v[v]), out = tanh(gate[3 * h].v[v]);
          const Vector cell = (0.5f + 0.5f * forget) * page[layer.cell() + unit].v[v] + (0.5f + 0.5f * in) * candidate;
          const Vector tanh_cell = tanh(cell);
          const Vector hidden = (0.5f + 0.5f * out) * tanh_cell;
          gate[0].v[v] = in, gate[h].v[v] = forget, gate[2 * h].v[v] = candidate, gate[3 * h].v[v] = out;
          page[layer.tanh_cell() + unit].v[v] = tanh_cell;
          above[unit].v[v] = hidden;
          next_hidden[unit].v[v] = hidden;
          next_cell[unit].v[v] = cell;
        }
      }
    }
  }

  // The output [size] of the step that `page` is of.
  void output(const Row* page, Row* output) const {
    multiply<true>(size_, top_rows_ + 1, linear_, page + top_, output);
  }

  // Back through `forward`: from the cotangents of the output, in the page, and of the state after the step, in
  // `d_state`, to those of the state before it, in place, and of the features. Those of the gates are left in the
  // place of the gates. `work` is room for `work_rows`.
  void backward(Row* page, Row* d_state, Row* d_features, Row* work) const {
    Row* d_above = work;
    Row* d_inputs = d_above + most_inputs_;
    multiply(top_rows_, size_, linear_, d_output(page), d_above);
    for (size_t i = layers_.size(); i-- > 0;) {
      const Layer& layer = layers_[i];
      Row* d_hidden = d_state + layer.state;
      gates_back(layer, page, d_above, d_hidden);
      const int depth = 4 * layer.hidden;
      multiply(layer.hidden, depth, layer.w + layer.inputs * depth, page + layer.gates(), d_hidden);
      multiply(layer.inputs, depth, layer.w, page + layer.gates(), d_inputs);
      std::swap(d_above, d_inputs);
    }
    std::copy_n(d_above, layers_.empty() ? top_rows_ : layers_[0].inputs, d_features);
  }

  // Adds the weights' gradients over successive pages that `backward` went through.
  void add_gradients(int pages, const Row* first, const Gradients& total) const {
    for (size_t i = 0; i < layers_.size(); ++i) {
      const Layer& layer = layers_[i];
      add_outer(pages, page_rows_, layer.depth(), first + layer.x, 4 * layer.hidden, first + layer.gates(),
                total.layers[i]);
    }
    add_outer(pages, page_rows_, top_rows_ + 1, first + top_, size_, first + top_ + top_rows_ + 1, total.linear);
  }

 private:
  // The cotangents of the gates, and of h' (those from above, and of the state) and c' to those of c, in place.
  static void gates_back(const Layer& layer, Row* page, const Row* d_above, Row* d_state) {
    const int h = layer.hidden;
    for (int unit = 0; unit < h; ++unit) {
      Row* gate = page + layer.gates() + unit;
      for (int v = 0; v < kVectors; ++v) {
        const Vector in = gate[0].v[v], forget = gate[h].v[v], candidate = gate[2 * h].v[v], out = gate[3 * h].v[v];
        const Vector cell = page[layer.cell() + unit].v[v], tanh_cell = page[layer.tanh_cell() + unit].v[v];
        const Vector d_hidden = d_above[unit].v[v] + d_state[unit].v[v];
        const Vector d_cell =
            d_state[h + unit].v[v] + d_hidden * (0.5f + 0.5f * out) * (1.0f - tanh_cell * tanh_cell);
        gate[0].v[v] = 0.5f * d_cell * candidate * (1.0f - in * in);
        gate[h].v[v] = 0.5f * d_cell * cell * (1.0f - forget * forget);
        gate[2 * h].v[v] = d_cell * (0.5f + 0.5f * in) * (1.0f - candidate * candidate);
        gate[3 * h].v[v] = 0.5f * d_hidden * tanh_cell * (1.0f - out * out);
        d_state[h + unit].v[v] = d_cell * (0.5f + 0.5f * forget);
      }
    }
  }

  int size_;
  const float* linear_;
  std::vector<Layer> layers_;
  int state_rows_ = 0, page_rows_ = 0, most_inputs_ = 0, top_, top_rows_;
};

}  // namespace l2l

#endif
