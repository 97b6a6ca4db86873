// The way back through a step of a rule with an MLP on each coordinate.
//
// From the cotangents of the update and of the next slots to the gradients of the weights and, where asked for, the
// cotangents of gradient, parameter and slots. With x the features, s their scales, n coordinates:
//
//   xhat_f = s_f x_f,  s_f = (mean x_f^2 + epsilon)^(-1/2):   d x_f = s_f d xhat_f - s_f^3 / n (sum x_f d xhat_f) x_f
//   root = (v + share mean v + epsilon)^(-1/2):               d v  += share / n (sum of what the root passes to v)
//
// and the sum of x_f d xhat_f is known from the gradients of the first layer's weights.

#ifndef L2L_TF_FAST_NATIVE_COORDINATE_BACK_H_
#define L2L_TF_FAST_NATIVE_COORDINATE_BACK_H_

#include <vector>

#include "coordinate_step.h"

namespace l2l {

// Where the cotangents of one tensor of one row are; all but `update` null where only the weights' are asked for.
struct Cotangents {
  const float* update;
  const float* const* next_slots;
  float *gradient, *parameter;
  float* const* slots;
};

class CoordinateBack : public CoordinateStep {
 public:
  // After `begin` and `read_from` and `set_slot` with null next slots. Adds to the weights' gradients, those of w and b
  // of each layer one after another.
  void run(const Cotangents& cotangents, float* weights_back) {
    again();
    allocate_pages();
    go_back(cotangents.update);
    gradients_of_layers(weights_back);
    if (arrangement_->extents.factored) gradients_of_rows_and_columns(weights_back);
    if (cotangents.gradient) features_back(cotangents);
  }

 private:
  static constexpr int kPages = 16;  // sums over many chunks cost less

  // The statistics of the step, and its next slots in memory of our own.
  void again() {
    const Arrangement& own = *arrangement_;
    long size = 0;
    for (int slot = 0; slot < own.num_slots; ++slot) size += own.slot_size(slot);
    next_.resize(size);
    float* next = next_.data();
    for (int slot = 0; slot < own.num_slots; next += own.slot_size(slot++)) next_slots_[slot] = next;
    for (int block = 0; block < num_blocks(); ++block) look(block);
    finish_look();
    for (int block = 0; block < num_blocks(); ++block) measure(block);
    finish_measure();
  }

  // A page is what a chunk leaves for the sums: [x; 1], then [h; 1] of each hidden layer and the outputs, then the
  // cotangents of each layer before its nonlinearity.
  void allocate_pages() {
    hidden_ = num_features_ + 1;
    int rows = hidden_;
    totals_.resize(weights_->layers.size());
    backs_.clear();
    for (size_t i = 0; i < weights_->layers.size(); ++i) {
      const MlpWeights::Layer& layer = weights_->layers[i];
      totals_[i].assign(((i ? layer.inputs : num_features_) + 1) * layer.units, 0.0f);
      rows += layer.units + 1;
    }
    for (const MlpWeights::Layer& layer : weights_->layers) {
      backs_.push_back(rows);
      rows += layer.units;
    }
    page_rows_ = rows;
    pages_.resize(kPages * page_rows_);
    for (int page = 0; page < kPages; ++page) {
      Row* at = &pages_[page * page_rows_];
      at[num_features_] = filled(1.0f);
      int next = hidden_;
      for (const MlpWeights::Layer& layer : weights_->layers) {
        at[next + layer.units] = filled(1.0f);
        next += layer.units + 1;
      }
    }
    first_back_.resize(units_ * arrangement_->extents.size());
  }

  // The cotangents of the first layer before its nonlinearity, for every coordinate, and the sums over coordinates.
  void go_back(const float* update_back) {
    const Arrangement& own = *arrangement_;
    const int decays = own.rule.num_decays, last = static_cast<int>(weights_->layers.size()) - 1;
    const long n = own.extents.size();
    int used = 0;
    for (int block = 0; block < num_blocks(); ++block)
      each_chunk(block, [&](long begin, int lanes, long group, long in_group) {
        Row* first = scratch_rows(chunk_rows_);
        Row* second = first + decays;
        Row* spare = second + num_seconds_;
        Row* x = &pages_[used * page_rows_];
        Row gradient;
        see_chunk(begin, lanes, group, in_group, &gradient, first, second, x);
        Row* hidden = x + hidden_;
        first_layer(x, group, in_group, lanes, spare, hidden);
        const Row* outputs = layers_after_first(*weights_, magnitude_, hidden, 1);
        Row* back = x + backs_[last];
        Row cotangent;
        load(update_back + begin, lanes, &cotangent);
        for (int v = 0; v < kVectors; ++v) {
          back[0].v[v] = outputs[0].v[v];
          back[1].v[v] = outputs[1].v[v];
          own.rule.respond.back(cotangent.v[v], &back[0].v[v], &back[1].v[v]);
        }
        const Row* after = outputs;
        for (int i = last; i > 0; --i) {
          const MlpWeights::Layer& layer = weights_->layers[i];
          const Row* before = after - layer.inputs - 1;
          Row* below = x + backs_[i - 1];
          multiply(layer.inputs, layer.units, layer.w, x + backs_[i], below);
          for (int r = 0; r < layer.inputs; ++r)
            for (int v = 0; v < kVectors; ++v)
              below[r].v[v] = before[r].v[v] > 0.0f ? below[r].v[v] : Vector{};
          after = before;
        }
        for (int h = 0; h < units_; ++h) store(x[backs_[0] + h], lanes, &first_back_[h * n + begin]);
        if (++used == kPages) add_up(&used);  // lanes beyond the tensor have cotangents of 0
      });
    add_up(&used);
  }

  // What `see` makes of the slots after the step.
  void see_chunk(long begin, int lanes, long group, long in_group, Row* gradient, Row* first, Row* second,
                 Row* x) const {
    const Arrangement& own = *arrangement_;
    const int decays = own.rule.num_decays;
    Row parameter;
    load(gradient_ + begin, lanes, gradient);
    load_parameter(begin, lanes, &parameter);
    for (int slot = 0; slot < decays + own.num_seconds; ++slot)
      load(next_slots_[slot] + begin, lanes, first + slot);
    load_factored(group, in_group, lanes, second + own.num_seconds);
    own.see(*gradient, parameter, first, second, shares_.data(), x);
  }

  void add_up(int* used) {
    int left = 0;
    for (size_t i = 0; i < weights_->layers.size(); ++i) {
      const MlpWeights::Layer& layer = weights_->layers[i];
      const int inputs = i ? layer.inputs : num_features_;
      add_outer(*used, page_rows_, inputs + 1, &pages_[left], layer.units, &pages_[backs_[i]], totals_[i].data());
      left += inputs + 1;
    }
    *used = 0;
  }

  // From the sums over coordinates to the gradients of w and b of each layer, and how the scales pass theirs on.
  void gradients_of_layers(float* weights_back) {
    const Arrangement& own = *arrangement_;
    const MlpWeights::Layer& first = weights_->layers[0];
    const float* total = totals_[0].data();
    passed_on_.resize(num_features_);
    for (int f = 0; f < num_features_; ++f, total += units_) {
      const Feature& feature = own.features[f];
      double of_scale = 0;
      for (int h = 0; h < units_; ++h) {
        weights_back[feature.number * units_ + h] += scales_[f] * total[h];
        if (feature.twin >= 0) weights_back[feature.twin * units_ + h] += scales_[f] * total[h];
        of_scale += total[h] * first_[f * units_ + h];
      }
      passed_on_[f] = static_cast<float>(-scales_[f] * scales_[f] * of_scale / own.extents.size());
    }
    float* next = weights_back + first.inputs * units_;
    for (int c = own.rule.num_features(); c < first.inputs; ++c)
      for (int h = 0; h < units_; ++h)
        weights_back[c * units_ + h] += shared_[c - own.rule.num_features()] * total[h];
    for (int h = 0; h < units_; ++h) *next++ += total[h];
    for (size_t i = 1; i < totals_.size(); ++i)
      for (float value : totals_[i]) *next++ += value;
  }

  // What rows and columns add to the first layer has gradients of its own.
  void gradients_of_rows_and_columns(float* weights_back) {
    const Arrangement& own = *arrangement_;
    const Extents& extents = own.extents;
    const int decays = own.rule.num_decays, slot = decays + own.num_seconds;
    const long num_rows = extents.groups * extents.rows, num_columns = extents.groups * extents.columns;
    row_bias_back_.resize(units_ * num_rows);
    column_bias_back_.resize(units_ * num_columns);
    for (int h = 0; h < units_; ++h)
      reduce(&first_back_[h * extents.size()], nullptr, nullptr, &row_bias_back_[h * num_rows],
             &column_bias_back_[h * num_columns]);
    rows_back_.resize(decays * num_rows);
    columns_back_.resize(decays * num_columns);
    for (int k = 0; k < decays; ++k) {
      const int first = own.rule.num_common() + own.rule.num_of_decay() * k;
      fold_back(next_slots_[slot + k], num_rows, row_shares_[k], first + 3, first + 5, row_bias_back_.data(),
                weights_back, &rows_back_[k * num_rows]);
      fold_back(next_slots_[slot + decays + k], num_columns, column_shares_[k], first + 4, first + 6,
                column_bias_back_.data(), weights_back, &columns_back_[k * num_columns]);
    }
  }

  // Back through `fold`: adds to the weights' gradients; `values_back` are the cotangents of the values.
  void fold_back(const float* values, long count, float share, int root_feature, int inverse_feature,
                 const float* bias_back, float* weights_back, float* values_back) {
    const MlpWeights::Layer& layer = weights_->layers[0];
    const auto [roots, inverses, root_scale, inverse_scale] =
        roots_of(values, count, share, root_feature, inverse_feature);
    root_back_.assign(count, 0.0f);
    inverse_back_.assign(count, 0.0f);
    double of_root_scale = 0, of_inverse_scale = 0;
    for (int h = 0; h < units_; ++h) {
      const float* own = bias_back + h * count;
      const float root_weight = layer.w[root_feature * units_ + h];
      const float inverse_weight = layer.w[inverse_feature * units_ + h];
      double of_root = 0, of_inverse = 0;
      for (long i = 0; i < count; ++i) {
        of_root += roots[i] * own[i];
        of_inverse += inverses[i] * own[i];
        root_back_[i] += root_scale * root_weight * own[i];
        inverse_back_[i] += inverse_scale * inverse_weight * own[i];
      }
      weights_back[root_feature * units_ + h] += static_cast<float>(root_scale * of_root);
      weights_back[inverse_feature * units_ + h] += static_cast<float>(inverse_scale * of_inverse);
      of_root_scale += root_weight * of_root;
      of_inverse_scale += inverse_weight * of_inverse;
    }
    const float root_passed_on = static_cast<float>(-std::pow(root_scale, 3) * of_root_scale / count);
    const float inverse_passed_on = static_cast<float>(-std::pow(inverse_scale, 3) * of_inverse_scale / count);
    double of_share = 0;
    for (long i = 0; i < count; ++i) {
      const float root_back = root_back_[i] + root_passed_on * roots[i];
      const float inverse_back = inverse_back_[i] + inverse_passed_on * inverses[i] + root_back * values[i];
      const float below = -0.5f * inverses[i] * inverses[i] * inverses[i] * inverse_back;
      values_back[i] = root_back * inverses[i] + below;
      of_share += below;
    }
    const float everywhere = static_cast<float>(kShare * of_share / count);
    for (long i = 0; i < count; ++i) values_back[i] += everywhere;
  }

  // Over the matrices of `values`: rows[i] = sum_j values[i][j] column_factors[j], columns[j] likewise. Null are ones.
  void reduce(const float* values, const float* row_factors, const float* column_factors, float* rows,
              float* columns) const {
    const Extents& extents = arrangement_->extents;
    std::fill_n(columns, extents.groups * extents.columns, 0.0f);
    for (long i = 0; i < extents.groups * extents.rows; ++i, values += extents.columns) {
      const long group = i / extents.rows * extents.columns;
      const float* factors = column_factors ? column_factors + group : nullptr;
      const float factor = row_factors ? row_factors[i] : 1.0f;
      float* to = columns + group;
      Vector total = {};
      long j = 0;
      for (; j + kWidth <= extents.columns; j += kWidth) {
        Vector value, column, own = filled_vector(1.0f);
        std::memcpy(&value, values + j, sizeof(value));
        std::memcpy(&column, to + j, sizeof(value));
        if (factors) std::memcpy(&own, factors + j, sizeof(value));
        total += value * own;
        column += factor * value;
        std::memcpy(to + j, &column, sizeof(value));
      }
      float rest = 0;
      for (; j < extents.columns; ++j) {
        rest += values[j] * (factors ? factors[j] : 1.0f);
        to[j] += factor * values[j];
      }
      rows[i] = sum(total) + rest;
    }
  }

  // The cotangents of gradient, parameter and slots.
  void features_back(const Cotangents& cotangents) {
    const Arrangement& own = *arrangement_;
    const long n = own.extents.size();
    factored_back_.resize(own.num_factored * n);
    shares_back_.assign(num_seconds_, 0.0);
    for (int block = 0; block < num_blocks(); ++block)
      each_chunk(block, [&](long begin, int lanes, long group, long in_group) {
        chunk_back(cotangents, begin, lanes, group, in_group);
      });
    float gain = 0;
    for (int s = 0; s < own.num_seconds; ++s) {
      const float everywhere = static_cast<float>(kShare * shares_back_[s] / n);
      float* slot = cotangents.slots[own.rule.num_decays + s];
      for (long i = 0; i < n; ++i) slot[i] += own.decay(s) * everywhere;
      gain += 2 * own.complement(s) * everywhere;
    }
    if (own.extents.factored) {
      factored_back(cotangents, gain);
    } else {
      for (long i = 0; i < n; ++i) cotangents.gradient[i] += gain * gradient_[i];
    }
  }

  // Of a chunk, but for what the shares of means pass on.
  void chunk_back(const Cotangents& cotangents, long begin, int lanes, long group, long in_group) {
    const Arrangement& own = *arrangement_;
    const int decays = own.rule.num_decays;
    const long n = own.extents.size();
    Row* first = scratch_rows(2 * (decays + num_features_) + 3 * num_seconds_ + units_);
    Row* second = first + decays;
    Row* x = second + num_seconds_;
    Row* hidden_back = x + num_features_;
    Row* x_back = hidden_back + units_;
    Row* first_back = x_back + num_features_;
    Row* second_back = first_back + decays;
    Row* root_back = second_back + num_seconds_;
    Row gradient, gradient_back, parameter_back, later;
    see_chunk(begin, lanes, group, in_group, &gradient, first, second, x);
    for (int h = 0; h < units_; ++h) load(&first_back_[h * n + begin], lanes, hidden_back + h);
    multiply(num_features_, units_, first_.data(), hidden_back, x_back);
    for (int f = 0; f < num_features_; ++f)
      for (int v = 0; v < kVectors; ++v) x_back[f].v[v] += passed_on_[f] * x[f].v[v];
    own.see_back(gradient, first, second, shares_.data(), x_back, &gradient_back, &parameter_back, first_back,
                 second_back, root_back);
    load(parameter_ + begin, lanes, &later);
    for (int v = 0; v < kVectors; ++v)
      parameter_back.v[v] = usable(later.v[v]) ? parameter_back.v[v] : Vector{};
    store(parameter_back, lanes, cotangents.parameter + begin);
    for (int slot = 0; slot < decays + own.num_seconds; ++slot) {
      const int s = slot - decays;
      load(cotangents.next_slots[slot] + begin, lanes, &later);
      for (int v = 0; v < kVectors; ++v)
        later.v[v] += s < 0 ? first_back[slot].v[v] : second_back[s].v[v] + root_back[s].v[v];
      const float complement = s < 0 ? own.rule.complements[slot] : own.complement(s);
      const float decay = s < 0 ? own.rule.decays[slot] : own.decay(s);
      for (int v = 0; v < kVectors; ++v) {
        gradient_back.v[v] += complement * later.v[v] * (s < 0 ? filled_vector(1.0f) : 2.0f * gradient.v[v]);
        later.v[v] *= decay;
      }
      store(later, lanes, cotangents.slots[slot] + begin);
    }
    store(gradient_back, lanes, cotangents.gradient + begin);
    for (int s = 0; s < num_seconds_; ++s) {
      if (lanes < kLanes) std::fill(lane(root_back + s) + lanes, lane(root_back + s) + kLanes, 0.0f);
      Vector total = {};
      for (int v = 0; v < kVectors; ++v) total += root_back[s].v[v];
      shares_back_[s] += sum(total);
      if (s >= own.num_seconds) store(root_back[s], lanes, &factored_back_[(s - own.num_seconds) * n + begin]);
    }
  }

  // Through A and the row and column means to the gradient, to which `gain` times itself is added too.
  void factored_back(const Cotangents& cotangents, float gain) {
    const Arrangement& own = *arrangement_;
    const Extents& extents = own.extents;
    const int decays = own.rule.num_decays, slot = decays + own.num_seconds;
    const long num_rows = extents.groups * extents.rows, num_columns = extents.groups * extents.columns;
    row_gains_.assign(num_rows, gain);
    column_gains_.assign(num_columns, 0.0f);
    rows_of_.resize(num_rows);
    columns_of_.resize(num_columns);
    for (int k = 0; k < decays; ++k) {
      const float everywhere = static_cast<float>(kShare * shares_back_[own.num_seconds + k] / extents.size());
      const float* rows = next_slots_[slot + k];
      const float* columns = next_slots_[slot + decays + k];
      const float* normal_rows = &normal_rows_[k * num_rows];
      reduce(&factored_back_[k * extents.size()], normal_rows, columns, rows_of_.data(), columns_of_.data());
      for (long group = 0; group < extents.groups; ++group) {
        const long row = group * extents.rows, column = group * extents.columns;
        double all_rows = 0, all_columns = 0, of_inverse = 0;
        for (long i = row; i < row + extents.rows; ++i) all_rows += normal_rows[i];
        for (long j = column; j < column + extents.columns; ++j) all_columns += columns[j];
        for (long i = row; i < row + extents.rows; ++i) {
          rows_of_[i] += static_cast<float>(everywhere * all_columns);
          of_inverse += double{rows_of_[i]} * rows[i];
        }
        const float inverse = group_inverses_[k * extents.groups + group];
        const float of_mean = static_cast<float>(-of_inverse * inverse * inverse / extents.rows);
        for (long i = row; i < row + extents.rows; ++i) {
          const float back = inverse * rows_of_[i] + of_mean + rows_back_[k * num_rows + i] +
                             cotangents.next_slots[slot + k][i];
          cotangents.slots[slot + k][i] = own.rule.decays[k] * back;
          row_gains_[i] += 2 * own.rule.complements[k] * back / extents.columns;
        }
        for (long j = column; j < column + extents.columns; ++j) {
          const float back = columns_of_[j] + static_cast<float>(everywhere * all_rows) +
                             columns_back_[k * num_columns + j] + cotangents.next_slots[slot + decays + k][j];
          cotangents.slots[slot + decays + k][j] = own.rule.decays[k] * back;
          column_gains_[j] += 2 * own.rule.complements[k] * back / extents.rows;
        }
      }
    }
    for (long i = 0; i < num_rows; ++i) {
      const float* gradient = gradient_ + i * extents.columns;
      const float* gains = &column_gains_[i / extents.rows * extents.columns];
      float* back = cotangents.gradient + i * extents.columns;
      for (long j = 0; j < extents.columns; ++j) back[j] += gradient[j] * (row_gains_[i] + gains[j]);
    }
  }

  int hidden_, page_rows_;
  std::vector<int> backs_;  // where the layers' cotangents begin in a page
  std::vector<Row> pages_;
  std::vector<std::vector<float>> totals_;
  std::vector<float> next_, first_back_, passed_on_, factored_back_;
  std::vector<double> shares_back_;
  // Of factored moments.
  std::vector<float> row_bias_back_, column_bias_back_, rows_back_, columns_back_, root_back_, inverse_back_;
  std::vector<float> row_gains_, column_gains_, rows_of_, columns_of_;
};

}  // namespace l2l

#endif
