// TensorFlow operations on a block of coordinates, by TensorFlow's C interface.
//
//   L2lLstmForward: a step. State [chunks, rows, kLanes], features [F, n], n coordinates in chunks of kLanes.
//   L2lLstmBackward: T steps again and back, chunk by chunk: what a step leaves for its way back stays in cache.
//   L2lToChunks, L2lFromChunks: states as the networks have them, h and c of each layer [N, H], to chunks and back.
//   L2lLstmUpdate: a step from gradients [size, n] with states [rows, N] in variables, of N coordinates each, which it
//     changes where they are. A coordinate with a gradient that is not usable keeps its state and has no update, and
//     with `waits` so does one whose gradients were 0 so far.
//   L2lLaterSum: sums over later steps, y_t = sum over s > t of factor_s x_s.

#include "call.h"
#include "functions.h"
#include "lstm.h"
#include "parallel.h"
#include "variables.h"

namespace {

using l2l::Call;
using l2l::kLanes;
using l2l::register_op;
using l2l::Row;
using l2l::Status;
using l2l::Tensor;
using Page = l2l::Lstm::Page;
using State = l2l::Lstm::State;

// So many steps of a chunk are in memory at a time; longer unrolls keep the state before each such segment.
constexpr int kSegment = 20;

int chunks_of(int n) { return (n + kLanes - 1) / kLanes; }
int lanes_of(int chunk, int n) { return std::min(kLanes, n - chunk * kLanes); }

// `count` rows that stay this thread's until it asks again.
Row* scratch(size_t count) {
  static thread_local std::vector<Row> rows;
  if (rows.size() < count) rows.resize(count);
  return rows.data();
}

bool is_state(const Tensor& state, int n, int rows) {
  return state.rank() == 3 && state.dim(0) == chunks_of(n) && state.dim(1) == rows && state.dim(2) == kLanes &&
         state.aligned();
}

void forward(void*, TF_OpKernelContext* context) {
  Call call(context);
  const Tensor features = call.input(0);
  if (!call.require(call.ok() && features.rank() == 2, "features are [F, n]")) return;
  const int num_features = features.dim(0), n = features.dim(1);
  l2l::Weights weights;
  if (!call.weights(2, num_features, &weights)) return;
  const l2l::Lstm lstm(weights);
  const int rows = lstm.state_rows(), size = weights.size;
  bool in_place;
  const Tensor outputs = call.output(0, {size, n});
  const Tensor next_state = call.output_in_place_of(1, 1, {chunks_of(n), rows, kLanes}, &in_place);
  if (!call.check()) return;
  const Tensor before = in_place ? Tensor(nullptr) : call.input(1);
  const Tensor& state = in_place ? next_state : before;
  if (!call.require(call.ok() && is_state(state, n, rows), "the state is [chunks, rows, lanes]")) return;

  Row* page = scratch(lstm.page_rows() + size);
  Row* output = page + lstm.page_rows();
  lstm.prepare(page);
  for (int chunk = 0; chunk < chunks_of(n); ++chunk) {
    const int begin = chunk * kLanes, lanes = lanes_of(chunk, n);
    lstm.copy(State{state.rows() + chunk * long{rows}}, Page{page});
    for (int f = 0; f < num_features; ++f) l2l::load(features.floats() + f * long{n} + begin, lanes, page + f);
    lstm.forward(page, State{next_state.rows() + chunk * long{rows}});
    lstm.output(page, output);
    for (int s = 0; s < size; ++s) l2l::store(output[s], lanes, outputs.floats() + s * long{n} + begin);
  }
}

void backward(void*, TF_OpKernelContext* context) {
  Call call(context);
  const Tensor d_outputs = call.input(1), start = call.input(2), d_end = call.input(3);
  if (!call.require(call.ok() && call.rank(0) == 3 && d_outputs.rank() == 3, "features are [T, F, n]")) return;
  const int steps = call.dim(0, 0), num_features = call.dim(0, 1), n = call.dim(0, 2);
  l2l::Weights weights;
  if (!call.weights(4, num_features, &weights)) return;
  const l2l::Lstm lstm(weights);
  const int rows = lstm.state_rows(), size = weights.size;
  if (!call.require(d_outputs.dim(0) == steps && d_outputs.dim(1) == size && d_outputs.dim(2) == n,
                    "cotangents of the outputs are [T, size, n]"))
    return;
  if (!call.require(is_state(start, n, rows) && is_state(d_end, n, rows), "states are [chunks, rows, lanes]")) return;

  // A chunk's cotangents at t are written when its features have been read for the last time.
  bool in_place;
  const Tensor d_features = call.output_in_place_of(0, 0, {steps, num_features, n}, &in_place);
  const Tensor d_start = call.output(1, {start.dim(0), rows, kLanes});
  std::vector<Tensor> d_weights;
  l2l::Gradients total;
  int inputs = num_features;
  for (size_t i = 0; i < weights.layers.size(); ++i) {
    const int hidden = weights.layers[i].hidden, depth = inputs + hidden + 1;
    d_weights.push_back(call.output(3 + i, {depth, 4 * hidden}));
    if (!call.check()) return;
    total.layers.push_back(d_weights.back().floats());
    std::fill_n(total.layers.back(), 4 * hidden * depth, 0.0f);
    inputs = hidden;
  }
  d_weights.push_back(call.output(2, {inputs + 1, size}));
  const Tensor given = in_place ? Tensor(nullptr) : call.input(0);
  const Tensor& features = in_place ? d_features : given;
  if (!call.check()) return;
  total.linear = d_weights.back().floats();
  std::fill_n(total.linear, size * (inputs + 1), 0.0f);

  // A chunk's pages are of the steps of a segment and the state after it. They follow those of chunks before as long as
  // there is room: sums over many pages cost less.
  const int page_rows = lstm.page_rows(), segments = (steps + kSegment - 1) / kSegment;
  Row* pages = scratch((kSegment + 3) * long{page_rows} + segments * long{rows} + num_features + lstm.work_rows());
  Row* spare = pages + (kSegment + 1) * page_rows;
  Row* starts = spare + 2 * page_rows;
  Row* d_row = starts + segments * rows;
  Row* work = d_row + num_features;
  for (Row* page = pages; page < starts; page += page_rows) lstm.prepare(page);
  int used = 0;
  for (int chunk = 0; chunk < chunks_of(n); ++chunk) {
    const int begin = chunk * kLanes, lanes = lanes_of(chunk, n);
    const auto step = [&](int t, Row* page, Row* next_page) {
      for (int f = 0; f < num_features; ++f)
        l2l::load(features.floats() + (t * long{num_features} + f) * n + begin, lanes, page + f);
      lstm.forward(page, Page{next_page});
    };
    std::copy_n(start.rows() + chunk * long{rows}, rows, starts);
    for (int segment = 1; segment < segments; ++segment) {
      lstm.copy(State{starts + (segment - 1) * rows}, Page{spare});
      for (int i = 0; i < kSegment; ++i)
        step((segment - 1) * kSegment + i, spare + i % 2 * page_rows, spare + (i + 1) % 2 * page_rows);
      lstm.copy(Page{spare + kSegment % 2 * page_rows}, State{starts + segment * rows});
    }
    Row* d_state = d_start.rows() + chunk * long{rows};
    std::copy_n(d_end.rows() + chunk * long{rows}, rows, d_state);
    for (int segment = segments - 1; segment >= 0; --segment) {
      const int first = segment * kSegment, length = std::min(kSegment, steps - first);
      if (used + length > kSegment) {
        lstm.add_gradients(used, pages, total);
        used = 0;
      }
      Row* page = pages + used * page_rows;
      used += length;
      lstm.copy(State{starts + segment * rows}, Page{page});
      for (int i = 0; i < length; ++i) step(first + i, page + i * page_rows, page + (i + 1) * page_rows);
      for (int i = length - 1; i >= 0; --i) {
        const int t = first + i;
        Row* at_t = page + i * page_rows;
        for (int s = 0; s < size; ++s)
          l2l::load(d_outputs.floats() + (t * long{size} + s) * n + begin, lanes, lstm.d_output(at_t) + s);
        lstm.backward(at_t, d_state, d_row, work);
        for (int f = 0; f < num_features; ++f)
          l2l::store(d_row[f], lanes, d_features.floats() + (t * long{num_features} + f) * n + begin);
      }
    }
  }
  lstm.add_gradients(used, pages, total);
}

// Rows begin to begin + n of the tensors [N, H] as a state [chunks, rows, kLanes], filled up with zeros.
void to_chunks(void*, TF_OpKernelContext* context) {
  Call call(context);
  const Tensor span = call.input(0);
  if (!call.require(call.ok() && span.rank() == 1 && span.dim(0) == 2, "the span is [begin, n]")) return;
  const int begin = span.ints()[0], n = span.ints()[1], num_tensors = call.num_inputs() - 1;
  std::vector<Tensor> tensors;
  int rows = 0;
  for (int i = 0; i < num_tensors; ++i) {
    tensors.push_back(call.input(1 + i));
    const Tensor& tensor = tensors.back();
    if (!call.require(call.ok() && tensor.rank() == 2 && begin >= 0 && n <= tensor.dim(0) - begin,
                      "tensors are [N, H], and the span is within N"))
      return;
    rows += tensor.dim(1);
  }
  const Tensor state = call.output(0, {chunks_of(n), rows, kLanes});
  if (!call.check()) return;
  float* to = state.floats();
  for (int chunk = 0; chunk < chunks_of(n); ++chunk) {
    const int lanes = lanes_of(chunk, n);
    for (const Tensor& tensor : tensors) {
      const int size = tensor.dim(1);
      const float* from = tensor.floats() + (begin + chunk * long{kLanes}) * size;
      if (lanes < kLanes) std::fill_n(to, size * kLanes, 0.0f);
      l2l::transpose(lanes, size, from, size, to, kLanes);
      to += size * kLanes;
    }
  }
}

// Rows first to first + size of successive states, as a tensor [n, size].
void from_chunks(void*, TF_OpKernelContext* context) {
  Call call(context);
  const Tensor where = call.input(0);
  if (!call.require(call.ok() && where.rank() == 1 && where.dim(0) == 3, "where is [first, size, n]")) return;
  const int first = where.ints()[0], size = where.ints()[1], n = where.ints()[2];
  const Tensor tensor = call.output(0, {n, size});
  if (!call.check()) return;
  int done = 0;
  for (int block = 1; block < call.num_inputs(); ++block) {
    const Tensor state = call.input(block);
    if (!call.require(call.ok() && state.rank() == 3 && state.dim(2) == kLanes && first >= 0 &&
                          size <= state.dim(1) - first,
                      "states are [chunks, rows, lanes], and rows first to first + size are within"))
      return;
    for (int chunk = 0; chunk < state.dim(0) && done < n; ++chunk, done += kLanes) {
      const float* from = state.floats() + (chunk * long{state.dim(1)} + first) * kLanes;
      float* to = tensor.floats() + done * long{size};
      l2l::transpose(size, std::min(kLanes, n - done), from, kLanes, to, size);
    }
  }
  call.require(done >= n, "the states have n coordinates");
}

void later_sum(void*, TF_OpKernelContext* context) {
  Call call(context);
  const Tensor x = call.input(0), factors = call.input(1);
  if (!call.require(call.ok() && x.rank() == 3 && x.dim(0) > 0 && factors.rank() == 1 && factors.dim(0) == x.dim(0),
                    "x is [T + 1, size, n] and the factors are [T + 1]"))
    return;
  const int steps = x.dim(0) - 1;
  const long entries = long{x.dim(1)} * x.dim(2);
  const Tensor sums = call.output(0, {steps, x.dim(1), x.dim(2)});
  if (!call.check()) return;
  for (int t = steps - 1; t >= 0; --t) {
    const float factor = factors.floats()[t + 1];
    const float* next_x = x.floats() + (t + 1) * entries;
    float* sum = sums.floats() + t * entries;
    for (long i = 0; i < entries; ++i) sum[i] = factor * next_x[i];
    if (t + 1 == steps) continue;
    for (long i = 0; i < entries; ++i) sum[i] += sum[entries + i];
  }
}

// What is around the LSTM layers: `LogAndSign`, a gain (for a log_scale of 0), or, where there are averages, RNNProp's
// law, which keeps three rows of the state.
struct Around {
  float log_scale, gain;
  std::vector<float> averages;  // beta, 1 - beta and log beta of both moments, epsilon^2, the least mean square, scale
  bool magnitude, waits;
  int threads;

  int own_rows() const { return averages.empty() ? 0 : 3; }
  int features() const { return averages.empty() ? (log_scale > 0 ? 2 : 1) : magnitude ? 3 : 2; }

  // The features of gradients, and what is kept: first and second moment, and step.
  void see(const Row& gradient, const Row* before, Row* after, Row* features) const {
    for (int v = 0; v < l2l::kVectors; ++v) {
      const l2l::Vector g = gradient.v[v];
      if (!averages.empty()) {
        const float* of = averages.data();
        const l2l::Vector first = of[0] * before[0].v[v] + of[1] * g;
        const l2l::Vector second = of[3] * before[1].v[v] + of[4] * (g * g), step = before[2].v[v] + 1.0f;
        const l2l::Vector mean = first / (1.0f - l2l::exp(of[2] * step));
        const l2l::Vector mean_square = second / (1.0f - l2l::exp(of[5] * step));
        const l2l::Vector inverse = l2l::inverse_root(mean_square + of[6]);
        after[0].v[v] = first, after[1].v[v] = second, after[2].v[v] = step;
        features[0].v[v] = g * inverse;
        features[1].v[v] = mean * inverse;
        if (magnitude)
          features[2].v[v] = l2l::log(mean_square < of[7] ? l2l::filled_vector(of[7]) : mean_square) / -std::log(of[7]);
      } else if (log_scale > 0) {
        const l2l::Vector logarithm = l2l::log((g < 0.0f ? -g : g) + 1.1920929e-7f) / log_scale;
        features[0].v[v] = logarithm < -1.0f ? l2l::filled_vector(-1.0f) : logarithm;
        features[1].v[v] = l2l::clamped(g * gain, 1.0f);
      } else {
        features[0].v[v] = gain * g;
      }
    }
  }

  l2l::Vector respond(l2l::Vector output) const {
    return averages.empty() ? output : averages[8] * l2l::tanh(output);
  }
};

// Chunks of coordinates that a thread takes at a time.
constexpr int kChunksAtOnce = 16;

void update(void* own, TF_OpKernelContext* context) {
  const Around& around = *static_cast<Around*>(own);
  Call call(context);
  const Tensor gradients = call.input(0), blocks = call.input(1);
  if (!call.require(call.ok() && gradients.rank() == 2 && blocks.size() == 1, "gradients are [size, n]")) return;
  const int size = gradients.dim(0), n = gradients.dim(1), num_blocks = blocks.ints()[0];
  const int num_features = size * around.features(), own_rows = around.own_rows();
  if (!call.require(!own_rows || size == 1, "averages are of gradients [1, n]")) return;
  l2l::Weights weights;
  if (!call.require(num_blocks > 0 && num_blocks <= call.num_inputs() - 3, "states are as many as said")) return;
  if (!call.weights(2 + num_blocks, num_features, &weights)) return;
  const l2l::Lstm lstm(weights);
  const int rows = own_rows + lstm.state_rows(), outputs = weights.size;
  const Tensor updates = call.output(0, {outputs, n});
  int64_t* unusable = call.count(1);
  if (!call.check()) return;
  const l2l::Variables states(context, 2, num_blocks);
  if (!call.require(states.ok(), "states are float32 variables")) return;
  const int per_block = rows ? static_cast<int>(states.size(0) / rows) : n;
  for (int block = 0; block < num_blocks; ++block)
    if (!call.require(states.size(block) == long{rows} * per_block, "states are [rows, N], all of them alike")) return;
  if (!call.require(long{per_block} * num_blocks >= n, "the states have n coordinates")) return;

  std::atomic<int64_t> count{0};
  const int chunks = chunks_of(per_block), pieces = (chunks + kChunksAtOnce - 1) / kChunksAtOnce;
  l2l::Pool::get().run(num_blocks * pieces, n > 2048 ? around.threads : 1, [&](int work) {
    const int block = work / pieces, last = std::min(chunks, (work % pieces + 1) * kChunksAtOnce);
    Row* page = scratch(lstm.page_rows() + 2 * rows + outputs);
    Row* before = page + lstm.page_rows();
    Row* after = before + rows;
    Row* output = after + rows;
    lstm.prepare(page);
    for (int chunk = work % pieces * kChunksAtOnce; chunk < last; ++chunk) {
      const int begin = chunk * kLanes, first = block * per_block + begin;
      const int lanes = std::min(lanes_of(chunk, per_block), n - first);
      if (lanes <= 0) break;
      l2l::IntVector all[l2l::kVectors];
      for (l2l::IntVector& v : all) v = l2l::IntVector{} - 1;
      for (int row = 0; row < rows; ++row)
        l2l::load(states.floats(block) + row * long{per_block} + begin, lanes, before + row);
      // Running averages and the count of steps, where there are some, tell who has had a gradient by themselves.
      l2l::IntVector awake[l2l::kVectors] = {};
      for (int row = 0; row < (own_rows ? own_rows : rows); ++row)
        for (int v = 0; v < l2l::kVectors; ++v) awake[v] |= before[row].v[v] != l2l::Vector{};
      for (int i = 0; i < size; ++i) {
        Row gradient;
        l2l::load(gradients.floats() + i * long{n} + first, lanes, &gradient);
        for (int v = 0; v < l2l::kVectors; ++v) {
          const l2l::IntVector usable = l2l::usable(gradient.v[v]);
          gradient.v[v] = usable ? gradient.v[v] : l2l::Vector{};
          all[v] &= usable;
          awake[v] |= gradient.v[v] != l2l::Vector{};
          if (l2l::sum(__builtin_convertvector(usable, l2l::Vector)) > -l2l::kWidth)
            for (int lane = 0; lane < l2l::kWidth; ++lane) count += usable[lane] == 0;
        }
        around.see(gradient, before, after, page + i * around.features());
      }
      if (around.waits && rows)
        for (int v = 0; v < l2l::kVectors; ++v) all[v] &= awake[v];
      lstm.copy(State{before + own_rows}, Page{page});
      lstm.forward(page, State{after + own_rows});
      lstm.output(page, output);
      for (int row = 0; row < rows; ++row) {
        for (int v = 0; v < l2l::kVectors; ++v) after[row].v[v] = all[v] ? after[row].v[v] : before[row].v[v];
        l2l::store(after[row], lanes, states.floats(block) + row * long{per_block} + begin);
      }
      for (int i = 0; i < outputs; ++i) {
        for (int v = 0; v < l2l::kVectors; ++v) output[i].v[v] = all[v] ? around.respond(output[i].v[v]) : l2l::Vector{};
        l2l::store(output[i], lanes, updates.floats() + i * long{n} + first);
      }
    }
  });
  *unusable = count;
}

void* create_update(TF_OpKernelConstruction* construction) {
  l2l::Attributes attributes(construction);
  return new Around{attributes.number("log_scale"), attributes.number("gain"), attributes.numbers("averages"),
                    attributes.boolean("magnitude"), attributes.boolean("waits"), attributes.integer("threads")};
}

__attribute__((constructor)) void register_ops() {
  const std::vector<const char*> layers = {"num_layers: int >= 0"};
  register_op("L2lLstmForward", {"features: float", "state: float", "linear: float", "layers: num_layers * float"},
              {"output: float", "next_state: float"}, forward, layers);
  register_op("L2lLstmBackward",
              {"features: float", "output_cotangents: float", "start: float", "end_cotangents: float", "linear: float",
               "layers: num_layers * float"},
              {"feature_cotangents: float", "start_cotangents: float", "linear_gradient: float",
               "layer_gradients: num_layers * float"},
              backward, layers);
  register_op("L2lLstmUpdate",
              {"gradients: float", "blocks: int32", "states: num_blocks * resource", "linear: float",
               "layers: num_layers * float"},
              {"updates: float", "unusable: int64"}, update,
              {"num_layers: int >= 0", "num_blocks: int >= 1", "log_scale: float", "gain: float",
               "averages: list(float)", "magnitude: bool", "waits: bool", "threads: int >= 1"},
              create_update, [](void* around) { delete static_cast<Around*>(around); });
  register_op("L2lLaterSum", {"x: float", "factors: float"}, {"sums: float"}, later_sum);
  register_op("L2lToChunks", {"span: int32", "tensors: num_tensors * float"}, {"state: float"}, to_chunks,
              {"num_tensors: int >= 0"});
  register_op("L2lFromChunks", {"where: int32", "states: num_states * float"}, {"tensor: float"}, from_chunks,
              {"num_states: int >= 1"});
}

}  // namespace
