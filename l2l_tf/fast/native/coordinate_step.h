// A step of a rule with an MLP on each coordinate of a tensor.
//
// Statistics of the whole tensor come first: means of second moments (`look`), then, as features have those in them,
// means of the features' squares (`measure`, which writes the next slots); then the update (`respond`), and where it is
// divided by its root mean square, that (`normalize`). Each goes
// block by block, so that several threads can share a tensor, and chunk by chunk within a block.

#ifndef L2L_TF_FAST_NATIVE_COORDINATE_STEP_H_
#define L2L_TF_FAST_NATIVE_COORDINATE_STEP_H_

#include <algorithm>
#include <cmath>
#include <vector>

#include "coordinate_rule.h"

namespace l2l {

constexpr float kSquareEpsilon = 1e-12f;  // under the root that updates are divided by
constexpr long kBlock = 16384;  // about how many coordinates are a block

// `count` rows that stay this thread's until it asks again.
inline Row* scratch_rows(size_t count) {
  static thread_local std::vector<Row> rows;
  if (rows.size() < count) rows.resize(count);
  return rows.data();
}

class CoordinateStep {
 public:
  // Prepares for a tensor: `shared` are the numbers that its coordinates share, `magnitude` is added to e. Where the
  // numbers of the tensor are is said after it.
  void begin(const Arrangement* arrangement, const MlpWeights* weights, const float* shared, float magnitude) {
    arrangement_ = arrangement;
    weights_ = weights;
    shared_ = shared;
    magnitude_ = magnitude;
    slots_.resize(arrangement->num_slots);
    next_slots_.resize(arrangement->num_slots);
    const Extents& extents = arrangement->extents;
    rows_per_block_ = std::min(extents.rows, std::max(1L, kBlock / extents.columns));
    blocks_per_group_ = (extents.rows + rows_per_block_ - 1) / rows_per_block_;
    num_seconds_ = arrangement->num_seconds + arrangement->num_factored;
    num_features_ = arrangement->features.size();
    units_ = weights->layers[0].units;
    int units = 0;
    for (const MlpWeights::Layer& layer : weights->layers) units += layer.units;
    chunk_rows_ = arrangement->rule.num_decays + num_seconds_ + num_features_ + std::max(1 + units, num_features_);
    sums_.assign(num_blocks() * std::max(arrangement->num_seconds, num_features_), 0.0f);
    unusable_.assign(num_blocks(), 0);
    update_squares_.assign(num_blocks(), 0.0);
    awake_.assign(num_blocks(), 0);
    mean_gradient_squares_.resize(arrangement->rule.num_decays);
    if (extents.factored) {
      row_sums_.resize(extents.groups * extents.rows);
      column_sums_.assign(num_blocks() * extents.columns, 0.0f);
    }
  }

  void read_from(const float* gradient, const float* parameter) {
    gradient_ = gradient;
    parameter_ = parameter;
  }
  void write_to(float* update) { update_ = update; }
  void set_slot(int slot, const float* before, float* after) {
    slots_[slot] = before;
    next_slots_[slot] = after;
  }

  int num_blocks() const { return arrangement_->extents.groups * blocks_per_group_; }

  // Sums of the second moments over a block.
  void look(int block) {
    const Arrangement& own = *arrangement_;
    const int decays = own.rule.num_decays;
    Vector* totals = reinterpret_cast<Vector*>(scratch_rows(own.num_seconds));
    std::fill_n(totals, own.num_seconds, Vector{});
    each_chunk(block, [&](long begin, int lanes, long, long) {
      Row gradient, second;
      IntRow is_usable;
      load_gradient(begin, lanes, &gradient, &is_usable);
      for (int s = 0; s < own.num_seconds; ++s) {
        load(slots_[decays + s] + begin, lanes, &second);
        const float decay = own.decay(s), complement = own.complement(s);
        for (int v = 0; v < kVectors; ++v)
          totals[s] += decay * second.v[v] + complement * (gradient.v[v] * gradient.v[v]);
      }
    });
    for (int s = 0; s < own.num_seconds; ++s) sums_[block * long{own.num_seconds} + s] = sum(totals[s]);
    if (own.extents.factored) sum_squares(block);
  }

  // Between `look` and `measure`: the means, and the next row and column means.
  void finish_look() {
    const Arrangement& own = *arrangement_;
    shares_.resize(num_seconds_);
    for (int s = 0; s < own.num_seconds; ++s)
      shares_[s] = kShare * static_cast<float>(total(s, own.num_seconds) / own.extents.size()) + kGradientEpsilon;
    if (own.extents.factored) {
      factor();
    } else if (own.rule.factored) {
      for (int k = 0; k < own.rule.num_decays; ++k)
        mean_gradient_squares_[k] = static_cast<float>(total(1 + k, own.num_seconds) / own.extents.size());
    }
    std::fill(sums_.begin(), sums_.end(), 0.0f);
  }

  // Sums of the features' squares over a block, and its next slots.
  void measure(int block) {
    const Arrangement& own = *arrangement_;
    const int decays = own.rule.num_decays;
    Row* first = scratch_rows(chunk_rows_);
    Row* second = first + decays;
    Row* x = second + num_seconds_;
    Vector* totals = reinterpret_cast<Vector*>(x + num_features_);
    std::fill_n(totals, num_features_, Vector{});
    int unusable = 0;
    each_chunk(block, [&](long begin, int lanes, long group, long in_group) {
      Row gradient, parameter;
      IntRow is_usable;
      load_gradient(begin, lanes, &gradient, &is_usable);
      load_parameter(begin, lanes, &parameter);
      for (int slot = 0; slot < decays + own.num_seconds; ++slot) {
        const bool is_first = slot < decays;
        const float decay = is_first ? own.rule.decays[slot] : own.decay(slot - decays);
        const float complement = is_first ? own.rule.complements[slot] : own.complement(slot - decays);
        Row before, after;
        load(slots_[slot] + begin, lanes, &before);
        for (int v = 0; v < kVectors; ++v) {
          const Vector g = gradient.v[v];
          first[slot].v[v] = decay * before.v[v] + complement * (is_first ? g : g * g);
          after.v[v] = own.rule.masked ? (is_usable.v[v] ? first[slot].v[v] : before.v[v]) : first[slot].v[v];
        }
        store(after, lanes, next_slots_[slot] + begin);
      }
      if (own.rule.masked) unusable += count_unusable(is_usable, lanes);
      load_factored(group, in_group, lanes, second + own.num_seconds);
      own.see(gradient, parameter, first, second, shares_.data(), x);
      for (int f = 0; f < num_features_; ++f) {
        if (lanes < kLanes) std::fill(lane(x + f) + lanes, lane(x + f) + kLanes, 0.0f);
        for (int v = 0; v < kVectors; ++v) totals[f] += x[f].v[v] * x[f].v[v];
      }
    });
    for (int f = 0; f < num_features_; ++f) sums_[block * long{num_features_} + f] = sum(totals[f]);
    unusable_[block] = unusable;
  }

  // Between `measure` and `respond`: the first layer's weights, with the features' scales folded in, and its biases,
  // with all in them that coordinates share.
  void finish_measure() {
    const Arrangement& own = *arrangement_;
    const MlpWeights::Layer& layer = weights_->layers[0];
    first_.resize(num_features_ * units_);
    scales_.resize(num_features_);
    for (int f = 0; f < num_features_; ++f) {
      const Feature& feature = own.features[f];
      const float scale = scale_of(total(f, num_features_) / own.extents.size(), feature.number);
      scales_[f] = scale;
      for (int h = 0; h < units_; ++h) {
        float weight = layer.w[feature.number * units_ + h];
        if (feature.twin >= 0) weight += layer.w[feature.twin * units_ + h];
        first_[f * units_ + h] = scale * weight;
      }
    }
    bias_.assign(layer.b, layer.b + units_);
    const int num_features = own.rule.num_features();
    for (int c = 0; c < layer.inputs - num_features; ++c)
      for (int h = 0; h < units_; ++h) bias_[h] += shared_[c] * layer.w[(num_features + c) * units_ + h];
    if (own.extents.factored) fold_rows_and_columns();
  }

  // The updates of a block.
  void respond(int block) {
    const Arrangement& own = *arrangement_;
    const int decays = own.rule.num_decays;
    Row* first = scratch_rows(chunk_rows_);
    Row* second = first + decays;
    Row* x = second + num_seconds_;
    Row* spare = x + num_features_;
    Row* hidden = spare + 1;
    const float magnitude = own.rule.normalized ? 0.0f : magnitude_;
    Vector squares = {};
    long awake_count = 0;
    each_chunk(block, [&](long begin, int lanes, long group, long in_group) {
      Row gradient, parameter, update;
      IntRow is_usable;
      load_gradient(begin, lanes, &gradient, &is_usable);
      load_parameter(begin, lanes, &parameter);
      for (int slot = 0; slot < decays + own.num_seconds; ++slot)
        load(next_slots_[slot] + begin, lanes, first + slot);
      load_factored(group, in_group, lanes, second + own.num_seconds);
      own.see(gradient, parameter, first, second, shares_.data(), x);
      first_layer(x, group, in_group, lanes, spare, hidden);
      const Row* outputs = layers_after_first(*weights_, magnitude, hidden);
      IntRow moves;
      for (int v = 0; v < kVectors; ++v) {
        moves.v[v] = ~IntVector{};
        update.v[v] = own.rule.respond(outputs[0].v[v], outputs[1].v[v]);
        if (own.rule.masked) moves.v[v] = is_usable.v[v];
        if (own.rule.waits) {
          // The slots of a coordinate that has had no gradient yet are 0, before a step and after it.
          IntVector awake = gradient.v[v] != Vector{};
          for (int slot = 0; slot < decays + own.num_seconds; ++slot) awake |= first[slot].v[v] != Vector{};
          moves.v[v] &= awake;
        }
        if (own.rule.masked || own.rule.waits) update.v[v] = moves.v[v] ? update.v[v] : Vector{};
      }
      store(update, lanes, update_ + begin);
      if (!own.rule.normalized) return;
      if (lanes < kLanes) std::fill(lane(&update) + lanes, lane(&update) + kLanes, 0.0f);
      for (int v = 0; v < kVectors; ++v) squares += update.v[v] * update.v[v];
      awake_count += lanes;
      if (own.rule.masked || own.rule.waits) awake_count -= count_unusable(moves, lanes);
    });
    update_squares_[block] = sum(squares);
    awake_[block] = awake_count;
  }

  // Between `respond` and `normalize`, where the rule normalises: what the updates are multiplied by.
  void finish_respond() {
    if (!arrangement_->rule.normalized) return;
    double squares = 0;
    long count = 0;
    for (int block = 0; block < num_blocks(); ++block) {
      squares += update_squares_[block];
      count += awake_[block];
    }
    const float mean = static_cast<float>(squares / std::max(1L, count));
    factor_ = arrangement_->rule.respond.scale * std::exp(magnitude_) / std::sqrt(mean + kSquareEpsilon);
  }

  // The updates of a block, divided by their root mean square over the tensor, and sized.
  void normalize(int block) {
    if (!arrangement_->rule.normalized) return;
    const Extents& extents = arrangement_->extents;
    const long group = block / blocks_per_group_, row = block % blocks_per_group_ * rows_per_block_;
    float* from = update_ + (group * extents.rows + row) * extents.columns;
    const long count = (std::min(row + rows_per_block_, extents.rows) - row) * extents.columns;
    for (long i = 0; i < count; ++i) from[i] *= factor_;
  }

  // Writes what `num_statistics` says, after `finish_measure`, of a tensor with Adafactor's statistics.
  void tell_statistics(float* to) const {
    const Arrangement& own = *arrangement_;
    const int decays = own.rule.num_decays;
    to[0] = static_cast<float>(total(1, num_features_) / own.extents.size());
    for (int f = 0; f < num_features_; ++f)
      for (int k = 0; k < decays; ++k)
        if (own.features[f].number == own.rule.num_common() + k * own.rule.num_of_decay() + 1)
          to[1 + k] = static_cast<float>(total(f, num_features_) / own.extents.size());
    for (int k = 0; k < decays; ++k) to[1 + decays + k] = mean_gradient_squares_[k];
  }

  // All of it, on this thread.
  void all() {
    const int blocks = num_blocks();
    for (int block = 0; block < blocks; ++block) look(block);
    finish_look();
    for (int block = 0; block < blocks; ++block) measure(block);
    finish_measure();
    for (int block = 0; block < blocks; ++block) respond(block);
    finish_respond();
    for (int block = 0; block < blocks; ++block) normalize(block);
  }

  // How many coordinates had a gradient that is not usable, where that is asked for.
  long unusable() const {
    long total = 0;
    for (int count : unusable_) total += count;
    return total;
  }

 protected:
  struct IntRow {
    IntVector v[kVectors];
  };

  static float* lane(Row* row) { return reinterpret_cast<float*>(row); }

  // body(first coordinate, lanes, group, first coordinate within the group) for every chunk of a block.
  template <class Body>
  void each_chunk(int block, const Body& body) const {
    const Extents& extents = arrangement_->extents;
    const long group = block / blocks_per_group_, row = block % blocks_per_group_ * rows_per_block_;
    const long start = group * extents.rows * extents.columns;
    const long end = std::min(row + rows_per_block_, extents.rows) * extents.columns;
    for (long at = row * extents.columns; at < end; at += kLanes)
      body(start + at, static_cast<int>(std::min(long{kLanes}, end - at)), group, at);
  }

  // The gradient, 0 where it is not usable.
  void load_gradient(long begin, int lanes, Row* gradient, IntRow* is_usable) const {
    load(gradient_ + begin, lanes, gradient);
    if (!arrangement_->rule.masked) return;
    for (int v = 0; v < kVectors; ++v) {
      is_usable->v[v] = usable(gradient->v[v]);
      gradient->v[v] = is_usable->v[v] ? gradient->v[v] : Vector{};
    }
  }

  // The parameter, 0 where it is not usable.
  void load_parameter(long begin, int lanes, Row* parameter) const {
    load(parameter_ + begin, lanes, parameter);
    for (int v = 0; v < kVectors; ++v) parameter->v[v] = usable(parameter->v[v]) ? parameter->v[v] : Vector{};
  }

  static int count_unusable(const IntRow& is_usable, int lanes) {
    int count = 0;
    for (int i = 0; i < lanes; ++i) count += is_usable.v[i / kWidth][i % kWidth] == 0;
    return count;
  }

  double total(int which, int count) const {
    double sum = 0;
    for (int block = 0; block < num_blocks(); ++block) sum += sums_[block * long{count} + which];
    return sum;
  }

  float scale_of(double mean_square, int feature) const {
    return 1.0f / std::sqrt(static_cast<float>(mean_square) + arrangement_->rule.epsilon(feature));
  }

  // The sums of the squared gradient over the rows of a block, and over its columns.
  void sum_squares(int block) {
    const Extents& extents = arrangement_->extents;
    const long group = block / blocks_per_group_, first = block % blocks_per_group_ * rows_per_block_;
    float* columns = &column_sums_[block * extents.columns];
    const bool masked = arrangement_->rule.masked;
    for (long row = first; row < std::min(first + rows_per_block_, extents.rows); ++row) {
      const long at = group * extents.rows + row;
      const float* gradient = gradient_ + at * extents.columns;
      Vector total = {};
      long j = 0;
      for (; j + kWidth <= extents.columns; j += kWidth) {
        Vector g, column;
        std::memcpy(&g, gradient + j, sizeof(g));
        std::memcpy(&column, columns + j, sizeof(g));
        if (masked) g = usable(g) ? g : Vector{};
        const Vector square = g * g;
        total += square;
        column += square;
        std::memcpy(columns + j, &column, sizeof(g));
      }
      float rest = 0;
      for (; j < extents.columns; ++j) {
        float g = gradient[j];
        if (masked && !(std::abs(g) < 1e15f)) g = 0;
        rest += g * g;
        columns[j] += g * g;
      }
      row_sums_[at] = sum(total) + rest;
    }
  }

  // The next row and column means, and what features have of them:
  //   A = normal_rows columns, with the rows divided by their mean over the group.
  void factor() {
    const Arrangement& own = *arrangement_;
    const Extents& extents = own.extents;
    const int decays = own.rule.num_decays, slot = decays + own.num_seconds;
    const long num_rows = extents.groups * extents.rows, num_columns = extents.groups * extents.columns;
    padded_ = extents.columns + kLanes;
    normal_rows_.resize(decays * num_rows);
    columns_.resize(decays * extents.groups * padded_);
    row_shares_.resize(decays);
    column_shares_.resize(decays);
    group_inverses_.resize(decays * extents.groups);
    squares_.resize(num_columns);
    for (long group = 0; group < extents.groups; ++group)
      for (long j = 0; j < extents.columns; ++j) {
        double total = 0;
        for (long block = group * blocks_per_group_; block < (group + 1) * blocks_per_group_; ++block)
          total += column_sums_[block * extents.columns + j];
        squares_[group * extents.columns + j] = static_cast<float>(total / extents.rows);
      }
    for (int k = 0; k < decays; ++k) {
      const float decay = own.rule.decays[k], complement = own.rule.complements[k];
      const float* rows = slots_[slot + k];
      const float* columns = slots_[slot + decays + k];
      float* next_rows = next_slots_[slot + k];
      float* next_columns = next_slots_[slot + decays + k];
      double rows_total = 0, columns_total = 0, both_total = 0;
      for (long group = 0; group < extents.groups; ++group) {
        double of_rows = 0, of_columns = 0;
        for (long i = group * extents.rows; i < (group + 1) * extents.rows; ++i) {
          next_rows[i] = decay * rows[i] + complement * (row_sums_[i] / extents.columns);
          of_rows += next_rows[i];
        }
        for (long j = group * extents.columns; j < (group + 1) * extents.columns; ++j) {
          next_columns[j] = decay * columns[j] + complement * squares_[j];
          of_columns += next_columns[j];
        }
        const float inverse = 1.0f / (static_cast<float>(of_rows / extents.rows) + kGradientEpsilon);
        group_inverses_[k * extents.groups + group] = inverse;
        for (long i = group * extents.rows; i < (group + 1) * extents.rows; ++i)
          normal_rows_[k * num_rows + i] = next_rows[i] * inverse;
        repeat(next_columns + group * extents.columns, &columns_[(k * extents.groups + group) * padded_]);
        rows_total += of_rows;
        columns_total += of_columns;
        both_total += of_rows * inverse * of_columns;
      }
      mean_gradient_squares_[k] = static_cast<float>(rows_total / num_rows);
      row_shares_[k] = kShare * static_cast<float>(rows_total / num_rows) + kGradientEpsilon;
      column_shares_[k] = kShare * static_cast<float>(columns_total / num_columns) + kGradientEpsilon;
      shares_[own.num_seconds + k] = kShare * static_cast<float>(both_total / extents.size()) + kGradientEpsilon;
    }
  }

  // `values`, one for each column, over and over: those of any kLanes successive coordinates are then in a piece.
  void repeat(const float* values, float* padded) const {
    const long columns = arrangement_->extents.columns;
    for (long j = 0, from = 0; j < padded_; ++j) {
      padded[j] = values[from];
      if (++from == columns) from = 0;
    }
  }

  // A of the lanes, for every decay.
  void load_factored(long group, long in_group, int lanes, Row* factored) const {
    const Extents& extents = arrangement_->extents;
    const long num_rows = extents.groups * extents.rows;
    for (int k = 0; k < arrangement_->num_factored; ++k) {
      const float* rows = &normal_rows_[k * num_rows + group * extents.rows];
      const float* columns = &columns_[(k * extents.groups + group) * padded_ + in_group % extents.columns];
      spread(rows, in_group, lanes, factored + k);
      for (int v = 0; v < kVectors; ++v) {
        Vector column;
        std::memcpy(&column, columns + v * kWidth, sizeof(column));
        factored[k].v[v] *= column;
      }
    }
  }

  // For each lane the value of its row.
  void spread(const float* values, long in_group, int lanes, Row* row) const {
    const long columns = arrangement_->extents.columns;
    long i = in_group / columns;
    if (columns == 1) return load(values + i, lanes, row);
    long left = columns - in_group % columns;
    if (left >= lanes) {
      *row = filled(values[i]);
      return;
    }
    float* to = lane(row);
    for (int done = 0; done < kLanes; left = columns) {
      const int end = static_cast<int>(std::min(long{kLanes}, done + left));
      const float value = done < lanes ? values[i++] : 0.0f;
      for (; done < end; ++done) to[done] = value;
    }
  }

  // What rows and columns add to the first layer: the roots of R and C, and their reciprocals.
  void fold_rows_and_columns() {
    const Arrangement& own = *arrangement_;
    const Extents& extents = own.extents;
    const int decays = own.rule.num_decays, slot = decays + own.num_seconds;
    const long num_rows = extents.groups * extents.rows;
    row_bias_.resize(units_ * num_rows);
    column_bias_.resize(units_ * extents.groups * padded_);
    roots_.resize(2 * std::max(num_rows, extents.groups * extents.columns));
    for (int h = 0; h < units_; ++h) std::fill_n(&row_bias_[h * num_rows], num_rows, bias_[h]);
    column_values_.assign(units_ * extents.groups * extents.columns, 0.0f);
    for (int k = 0; k < decays; ++k) {
      const int first = own.rule.num_common() + own.rule.num_of_decay() * k;
      fold(next_slots_[slot + k], num_rows, row_shares_[k], first + 3, first + 5, row_bias_.data());
      fold(next_slots_[slot + decays + k], extents.groups * extents.columns, column_shares_[k], first + 4,
           first + 6, column_values_.data());
    }
    for (int h = 0; h < units_; ++h)
      for (long group = 0; group < extents.groups; ++group)
        repeat(&column_values_[(h * extents.groups + group) * extents.columns],
               &column_bias_[(h * extents.groups + group) * padded_]);
  }

  // The features x r(x) and r(x) of the values, in `roots_`, and the scales of both.
  struct Roots {
    const float* roots;
    const float* inverses;
    float root_scale, inverse_scale;
  };
  Roots roots_of(const float* values, long count, float share, int root_feature, int inverse_feature) {
    float* roots = roots_.data();
    float* inverses = roots + count;
    double root_squares = 0, inverse_squares = 0;
    for (long i = 0; i < count; ++i) {
      inverses[i] = 1.0f / std::sqrt(values[i] + share);
      roots[i] = values[i] * inverses[i];
      root_squares += roots[i] * roots[i];
      inverse_squares += inverses[i] * inverses[i];
    }
    return {roots, inverses, scale_of(root_squares / count, root_feature),
            scale_of(inverse_squares / count, inverse_feature)};
  }

  // Adds to bias[h][i] what units h make of the features x r(x) and r(x) of the values.
  void fold(const float* values, long count, float share, int root_feature, int inverse_feature, float* bias) {
    const MlpWeights::Layer& layer = weights_->layers[0];
    const auto [roots, inverses, root_scale, inverse_scale] =
        roots_of(values, count, share, root_feature, inverse_feature);
    for (int h = 0; h < units_; ++h) {
      const float of_root = root_scale * layer.w[root_feature * units_ + h];
      const float of_inverse = inverse_scale * layer.w[inverse_feature * units_ + h];
      float* own = bias + h * count;
      for (long i = 0; i < count; ++i) own[i] += of_root * roots[i] + of_inverse * inverses[i];
    }
  }

  void first_layer(const Row* x, long group, long in_group, int lanes, Row* spare, Row* hidden) const {
    const Extents& extents = arrangement_->extents;
    if (!extents.factored) {
      affine<true>(units_, num_features_, first_.data(), x, [&](int h, int) { return filled_vector(bias_[h]); },
                   hidden);
      return;
    }
    const long num_rows = extents.groups * extents.rows;
    for (int h = 0; h < units_; ++h) {
      const float* columns =
          &column_bias_[(h * extents.groups + group) * padded_ + in_group % extents.columns];
      spread(&row_bias_[h * num_rows + group * extents.rows], in_group, lanes, spare);
      for (int v = 0; v < kVectors; ++v) {
        Vector column;
        std::memcpy(&column, columns + v * kWidth, sizeof(column));
        hidden[h].v[v] = spare->v[v] + column;
      }
    }
    affine<true>(units_, num_features_, first_.data(), x, [&](int h, int v) { return hidden[h].v[v]; }, hidden);
  }

  const Arrangement* arrangement_;
  const MlpWeights* weights_;
  const float* shared_;
  float magnitude_;
  const float *gradient_, *parameter_;
  float* update_;
  std::vector<const float*> slots_;
  std::vector<float*> next_slots_;
  long rows_per_block_, blocks_per_group_, padded_;
  int num_seconds_, num_features_, units_, chunk_rows_;
  std::vector<float> sums_, shares_, scales_, first_, bias_;
  std::vector<int> unusable_;
  std::vector<double> update_squares_;
  std::vector<long> awake_;
  std::vector<float> mean_gradient_squares_;
  float factor_;
  // Of factored moments.
  std::vector<float> row_sums_, column_sums_, squares_, group_inverses_, normal_rows_, columns_, row_shares_, column_shares_;
  std::vector<float> row_bias_, column_bias_, column_values_, roots_;
};

}  // namespace l2l

#endif
