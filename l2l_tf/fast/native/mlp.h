// An MLP on a chunk of kLanes coordinates: `l2l_tf/networks/mlp_layers.py`'s, and what becomes of its outputs.

#ifndef L2L_TF_FAST_NATIVE_MLP_H_
#define L2L_TF_FAST_NATIVE_MLP_H_

#include <algorithm>
#include <vector>

#include "functions.h"
#include "rows.h"

namespace l2l {

// phi of one member: (w [inputs][units], b [units]) of each layer. The first one's inputs are the features as Python
// numbers them, then what coordinates share.
struct MlpWeights {
  struct Layer {
    int inputs, units;
    const float *w, *b;
  };
  std::vector<Layer> layers;
};

template <int kRows, bool kRelu, class Start>
inline void affine_tile(int depth, int stride, const float* w, const Row* x, const Start& start, Row* out) {
  for (int first = 0; first < kVectors; first += kTileVectors) {
    Vector total[kRows][kTileVectors];
    for (int r = 0; r < kRows; ++r)
      for (int v = 0; v < kTileVectors; ++v) total[r][v] = start(r, first + v);
    for (int k = 0; k < depth; ++k)
      for (int r = 0; r < kRows; ++r) {
        const float entry = w[k * stride + r];
        for (int v = 0; v < kTileVectors; ++v) total[r][v] += entry * x[k].v[first + v];
      }
    for (int r = 0; r < kRows; ++r)
      for (int v = 0; v < kTileVectors; ++v)
        out[r].v[first + v] = kRelu ? positive_part(total[r][v]) : total[r][v];
  }
}

// out[r] = start(r) + sum_k w[k][r] x[k], its positive part where kRelu; start(r, v) is vector v of row r.
template <bool kRelu, class Start>
inline void affine(int rows, int depth, const float* w, const Row* x, const Start& start, Row* out) {
  const auto tile = [&](auto size, int r) {
    affine_tile<size(), kRelu>(depth, rows, w + r, x, [&](int own, int v) { return start(r + own, v); }, out + r);
  };
  int r = 0;
  for (; r + 4 <= rows; r += 4) tile(std::integral_constant<int, 4>(), r);
  switch (rows - r) {
    case 1: return tile(std::integral_constant<int, 1>(), r);
    case 2: return tile(std::integral_constant<int, 2>(), r);
    case 3: return tile(std::integral_constant<int, 3>(), r);
  }
}

// What becomes of the outputs: the stage that a kind of rule has its own of.
//   u = scale d exp(magnitude_scale (e + magnitude))
struct Respond {
  float scale, magnitude_scale;

  Vector operator()(Vector direction, Vector magnitude) const {
    return scale * direction * exp(magnitude_scale * magnitude);
  }

  // The cotangents of the outputs, in their place, from that of the update.
  void back(Vector cotangent, Vector* direction, Vector* magnitude) const {
    const Vector own = cotangent * scale * exp(magnitude_scale * *magnitude);
    *magnitude = magnitude_scale * own * *direction;
    *direction = own;
  }
};

// The layers after the first, for hidden_1 in `rows`, which has room for those of all layers and the outputs: each
// layer's rows come after those of the one before, and `gap` more. `magnitude` is added to the second output. Returns
// the outputs.
inline Row* layers_after_first(const MlpWeights& weights, float magnitude, Row* rows, int gap = 0) {
  for (size_t i = 1; i < weights.layers.size(); ++i) {
    const MlpWeights::Layer& layer = weights.layers[i];
    Row* next = rows + layer.inputs + gap;
    if (i + 1 < weights.layers.size()) {
      affine<true>(layer.units, layer.inputs, layer.w, rows, [&](int r, int) { return filled_vector(layer.b[r]); },
                   next);
    } else {
      const float start[2] = {layer.b[0], layer.b[1] + magnitude};
      affine<false>(layer.units, layer.inputs, layer.w, rows, [&](int r, int) { return filled_vector(start[r]); },
                    next);
    }
    rows = next;
  }
  return rows;
}

}  // namespace l2l

#endif
