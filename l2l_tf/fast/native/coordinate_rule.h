// What a rule with an MLP on each coordinate sees of a tensor: `l2l_tf/networks/coordinate_features.py` and
// `adafactor_features.py`, in the order in which a chunk of coordinates wants it.

#ifndef L2L_TF_FAST_NATIVE_COORDINATE_RULE_H_
#define L2L_TF_FAST_NATIVE_COORDINATE_RULE_H_

#include <algorithm>
#include <vector>

#include "mlp.h"
#include "rows.h"

namespace l2l {

constexpr float kShare = 1e-4f;  // of a second moment's mean over the tensor
constexpr float kGradientEpsilon = 1e-16f, kParameterEpsilon = 1e-6f, kUnitEpsilon = 1.0f;

// What the features are made of, and what the outputs become.
struct CoordinateRule {
  bool factored;  // Adafactor's statistics, instead of second moments of every decay
  int num_decays;
  std::vector<float> decays, complements;  // complements are 1 - decay; where factored, the second moment's come last
  Respond respond;
  bool normalized;  // whether updates are divided by their root mean square over the tensor, and then sized
  bool masked;  // whether a coordinate whose gradient is not usable gets no update and keeps its slots
  bool waits;   // whether a coordinate whose gradient was 0 in every step so far gets no update

  // Features as Python numbers them.
  int num_common() const { return factored ? 4 : 2; }
  int num_of_decay() const { return factored ? 8 : 4; }
  int num_features() const { return num_common() + num_of_decay() * num_decays; }

  // What `statistics` tell of a tensor where factored: means of theta^2, of (m r(v))^2 and g^2 for every decay.
  int num_statistics() const { return 1 + 2 * num_decays; }

  float epsilon(int feature) const {
    if (feature == 1) return kParameterEpsilon;
    if (feature < num_common()) return kGradientEpsilon;
    const int own = (feature - num_common()) % num_of_decay();
    const bool unit = factored ? own == 1 || own == 2 || own == 7 : own == 2;
    return unit ? kUnitEpsilon : kGradientEpsilon;
  }
};

// A tensor as `groups` matrices [rows, columns], one after another. Without factored moments, which need two axes, it
// is one column.
struct Extents {
  bool factored;
  long groups, rows, columns;
  long size() const { return groups * rows * columns; }
};

// A feature of a coordinate, by its numbers in Python: two where two are the same (moments of a vector are those of its
// rows and of its columns). Their weights are added.
struct Feature {
  int number, twin;
};

// How the slots and features of a tensor are arranged.
//   Slots: first moments [K], seconds of every coordinate [num_seconds], then row means [K] and column means [K].
//   Rows of a chunk: the first moments, the seconds, the factored moments A [K] where there are some.
class Arrangement {
 public:
  Arrangement(const CoordinateRule& rule, const Extents& extents) : rule(rule), extents(extents) {
    const int decays = rule.num_decays, common = rule.num_common(), own = rule.num_of_decay();
    num_seconds = rule.factored ? (extents.factored ? 1 : 1 + decays) : decays;
    num_factored = extents.factored ? decays : 0;
    num_slots = decays + num_seconds + 2 * num_factored;
    for (int f = 0; f < common; ++f) features.push_back({f, -1});
    for (int k = 0; k < decays; ++k) {
      const int first = common + k * own;
      if (!rule.factored) {
        for (int f = 0; f < own; ++f) features.push_back({first + f, -1});
        continue;
      }
      for (int f : {0, 1, 2, 7}) features.push_back({first + f, -1});
      if (extents.factored) continue;
      features.push_back({first + 3, first + 4});
      features.push_back({first + 5, first + 6});
    }
  }

  // Of the second moment number s, and 1 - it.
  float decay(int s) const { return rule.decays[number(s)]; }
  float complement(int s) const { return rule.complements[number(s)]; }

  long slot_size(int slot) const {
    if (slot < rule.num_decays + num_seconds) return extents.size();
    return slot < rule.num_decays + num_seconds + num_factored ? extents.groups * extents.rows
                                                               : extents.groups * extents.columns;
  }

  // The features of a chunk: x from its gradient, parameter, first moments and seconds (the factored moments among
  // them); `shares` are what is added to each second below its root.
  void see(const Row& gradient, const Row& parameter, const Row* first, const Row* second, const float* shares,
           Row* x) const {
    x[0] = gradient;
    x[1] = parameter;
    for (int v = 0; v < kVectors; ++v) {
      Vector inverse = {};
      if (rule.factored) {
        inverse = inverse_root(second[0].v[v] + shares[0]);
        x[2].v[v] = second[0].v[v] * inverse;
        x[3].v[v] = inverse;
      }
      Row* next = x + rule.num_common();
      for (int k = 0; k < rule.num_decays; ++k) {
        const int s = rule.factored ? 1 + k : k;
        const Vector moment = first[k].v[v], square = second[s].v[v];
        const Vector root = inverse_root(square + shares[s]);
        if (!rule.factored) {
          next[0].v[v] = moment;
          next[1].v[v] = square * root;
          next[2].v[v] = moment * root;
          next[3].v[v] = root;
          next += 4;
          continue;
        }
        next[0].v[v] = moment;
        next[1].v[v] = moment * inverse;
        next[2].v[v] = gradient.v[v] * root;
        next[3].v[v] = moment * root;
        next += 4;
        if (extents.factored) continue;
        next[0].v[v] = square * root;
        next[1].v[v] = root;
        next += 2;
      }
    }
  }

  // Back through `see`: from the cotangents of x to those of the gradient, the parameter, the first moments, the
  // seconds where they stand themselves, and what the roots are taken of.
  void see_back(const Row& gradient, const Row* first, const Row* second, const float* shares, const Row* x_back,
                Row* gradient_back, Row* parameter_back, Row* first_back, Row* second_back, Row* root_back) const {
    *parameter_back = x_back[1];
    for (int v = 0; v < kVectors; ++v) {
      const Vector g = gradient.v[v];
      Vector own = x_back[0].v[v], inverse = {}, inverse_back = {};
      if (rule.factored) {
        inverse = inverse_root(second[0].v[v] + shares[0]);
        inverse_back = x_back[2].v[v] * second[0].v[v] + x_back[3].v[v];
      }
      const Row* next = x_back + rule.num_common();
      for (int k = 0; k < rule.num_decays; ++k) {
        const int s = rule.factored ? 1 + k : k;
        const Vector moment = first[k].v[v], square = second[s].v[v];
        const Vector root = inverse_root(square + shares[s]);
        Vector of_root;
        if (!rule.factored) {
          first_back[k].v[v] = next[0].v[v] + next[2].v[v] * root;
          of_root = next[1].v[v] * square + next[2].v[v] * moment + next[3].v[v];
          second_back[s].v[v] = next[1].v[v] * root;
          next += 4;
        } else {
          first_back[k].v[v] = next[0].v[v] + next[1].v[v] * inverse + next[3].v[v] * root;
          inverse_back += next[1].v[v] * moment;
          own += next[2].v[v] * root;
          of_root = next[2].v[v] * g + next[3].v[v] * moment;
          second_back[s].v[v] = Vector{};
          next += 4;
          if (!extents.factored) {
            of_root += next[0].v[v] * square + next[1].v[v];
            second_back[s].v[v] = next[0].v[v] * root;
            next += 2;
          }
        }
        root_back[s].v[v] = -0.5f * root * root * root * of_root;
      }
      if (rule.factored) {
        second_back[0].v[v] = x_back[2].v[v] * inverse;
        root_back[0].v[v] = -0.5f * inverse * inverse * inverse * inverse_back;
      }
      gradient_back->v[v] = own;
    }
  }

  const CoordinateRule& rule;
  const Extents extents;
  int num_seconds, num_factored, num_slots;
  std::vector<Feature> features;

 private:
  int number(int s) const { return !rule.factored ? s : s == 0 ? rule.num_decays : s - 1; }
};

}  // namespace l2l

#endif
