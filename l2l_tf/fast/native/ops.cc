// TensorFlow operations on a block of coordinates, by TensorFlow's C interface.
//
//   L2lLstmForward: a step. State [chunks, rows, kLanes], features [F, n], n coordinates in chunks of kLanes.
//   L2lLstmBackward: T steps again and back, chunk by chunk: what a step leaves for its way back stays in cache.
//   L2lLaterSum: sums over later steps, y_t = sum over s > t of factor_s x_s.

#include "lstm.h"
#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"

namespace {

using l2l::kLanes;
using l2l::Row;
using Page = l2l::Lstm::Page;
using State = l2l::Lstm::State;

// So many steps of a chunk are in memory at a time; longer unrolls keep the state before each such segment.
constexpr int kSegment = 20;

struct Status {
  TF_Status* status = TF_NewStatus();
  ~Status() { TF_DeleteStatus(status); }
  operator TF_Status*() const { return status; }
  bool ok() const { return TF_GetCode(status) == TF_OK; }
};

// An input or output; its memory is TensorFlow's.
class Tensor {
 public:
  explicit Tensor(TF_Tensor* tensor) : tensor_(tensor) {}
  Tensor(Tensor&& other) : tensor_(other.tensor_) { other.tensor_ = nullptr; }
  ~Tensor() {
    if (tensor_) TF_DeleteTensor(tensor_);
  }
  int rank() const { return TF_NumDims(tensor_); }
  int dim(int i) const { return static_cast<int>(TF_Dim(tensor_, i)); }
  float* floats() const { return static_cast<float*>(TF_TensorData(tensor_)); }
  Row* rows() const { return static_cast<Row*>(TF_TensorData(tensor_)); }
  bool aligned() const { return reinterpret_cast<size_t>(TF_TensorData(tensor_)) % alignof(Row) == 0; }

 private:
  TF_Tensor* tensor_;
};

class Call {
 public:
  explicit Call(TF_OpKernelContext* context) : context_(context) {}

  Tensor input(int i) {
    TF_Tensor* tensor = nullptr;
    TF_GetInput(context_, i, &tensor, status_);
    return Tensor(tensor);
  }

  int rank(int i) { return input(i).rank(); }
  int dim(int i, int axis) { return input(i).dim(axis); }

  Tensor output(int i, const std::vector<int64_t>& shape) {
    size_t bytes = sizeof(float);
    for (int64_t size : shape) bytes *= size;
    return Tensor(TF_AllocateOutput(context_, i, TF_FLOAT, shape.data(), shape.size(), bytes, status_));
  }

  // Output i in the memory of an input, if nobody else needs that: the input is gone then.
  Tensor output_in_place_of(int input, int i, const std::vector<int64_t>& shape, bool* in_place) {
    int forwarded = -1;
    Tensor output(
        TF_ForwardInputOrAllocateOutput(context_, &input, 1, i, shape.data(), shape.size(), &forwarded, status_));
    *in_place = forwarded == input;
    return output;
  }

  bool ok() const { return status_.ok(); }

  // Ends the call with an error unless `holds`: that of what failed before, or else of arguments that do not fit.
  bool require(bool holds, const char* what) {
    if (holds) return true;
    if (ok()) TF_SetStatus(status_, TF_INVALID_ARGUMENT, what);
    TF_OpKernelContext_Failure(context_, status_);
    return false;
  }

  // Ends the call with the error of what failed before, if something did.
  bool check() { return require(ok(), ""); }

  // The weights from inputs `first` on: linear, then those of the layers.
  bool weights(int first, int features, l2l::Weights* result) {
    const int num_layers = TF_NumInputs(context_) - first - 1;
    for (int i = 0; i <= num_layers; ++i) {
      tensors_.push_back(input(first + i));
      if (!require(ok() && tensors_.back().rank() == 2, "weights are matrices")) return false;
    }
    int inputs = features;
    for (int i = 1; i <= num_layers; ++i) {
      const int hidden = tensors_[i].dim(0) / 4;
      if (!require(tensors_[i].dim(0) % 4 == 0 && tensors_[i].dim(1) == inputs + hidden + 1,
                   "weights of a layer are [4 H, inputs + H + 1]"))
        return false;
      result->layers.push_back({hidden, tensors_[i].floats()});
      inputs = hidden;
    }
    if (!require(tensors_[0].dim(1) == inputs + 1, "weights of the linear layer are [size, H + 1]")) return false;
    result->features = features;
    result->size = tensors_[0].dim(0);
    result->linear = tensors_[0].floats();
    return true;
  }

 private:
  TF_OpKernelContext* context_;
  Status status_;
  std::vector<Tensor> tensors_;
};

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
  l2l::Lstm lstm(weights);
  lstm.prepare_backward();
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
    d_weights.push_back(call.output(3 + i, {4 * hidden, depth}));
    if (!call.check()) return;
    total.layers.push_back(d_weights.back().floats());
    std::fill_n(total.layers.back(), 4 * hidden * depth, 0.0f);
    inputs = hidden;
  }
  d_weights.push_back(call.output(2, {size, inputs + 1}));
  const Tensor given = in_place ? Tensor(nullptr) : call.input(0);
  const Tensor& features = in_place ? d_features : given;
  if (!call.check()) return;
  total.linear = d_weights.back().floats();
  std::fill_n(total.linear, size * (inputs + 1), 0.0f);

  // A chunk's pages are of the steps of a segment and the state after it. They follow those of chunks before as long as
  // there is room: sums over many pages cost less.
  const int page_rows = lstm.page_rows(), segments = (steps + kSegment - 1) / kSegment;
  Row* pages = scratch((kSegment + 3) * long{page_rows} + segments * long{rows} + num_features);
  Row* spare = pages + (kSegment + 1) * page_rows;
  Row* starts = spare + 2 * page_rows;
  Row* d_row = starts + segments * rows;
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
        lstm.backward(at_t, d_state, d_row);
        for (int f = 0; f < num_features; ++f)
          l2l::store(d_row[f], lanes, d_features.floats() + (t * long{num_features} + f) * n + begin);
      }
    }
  }
  lstm.add_gradients(used, pages, total);
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

void register_op(const char* name, const std::vector<const char*>& inputs, const std::vector<const char*>& outputs,
                 void (*compute)(void*, TF_OpKernelContext*), bool has_layers) {
  Status status;
  TF_OpDefinitionBuilder* op = TF_NewOpDefinitionBuilder(name);
  for (const char* input : inputs) TF_OpDefinitionBuilderAddInput(op, input);
  for (const char* output : outputs) TF_OpDefinitionBuilderAddOutput(op, output);
  if (has_layers) TF_OpDefinitionBuilderAddAttr(op, "num_layers: int >= 0");
  TF_OpDefinitionBuilderSetShapeInferenceFunction(op, [](TF_ShapeInferenceContext* context, TF_Status* status) {
    TF_ShapeInferenceContextSetUnknownShape(context, status);
  });
  TF_RegisterOpDefinition(op, status);
  TF_KernelBuilder* kernel = TF_NewKernelBuilder(
      name, "CPU", [](TF_OpKernelConstruction*) -> void* { return nullptr; }, compute, [](void*) {});
  TF_RegisterKernelBuilder(name, kernel, status);
}

__attribute__((constructor)) void register_ops() {
  register_op("L2lLstmForward", {"features: float", "state: float", "linear: float", "layers: num_layers * float"},
              {"output: float", "next_state: float"}, forward, true);
  register_op("L2lLstmBackward",
              {"features: float", "output_cotangents: float", "start: float", "end_cotangents: float", "linear: float",
               "layers: num_layers * float"},
              {"feature_cotangents: float", "start_cotangents: float", "linear_gradient: float",
               "layer_gradients: num_layers * float"},
              backward, true);
  register_op("L2lLaterSum", {"x: float", "factors: float"}, {"sums: float"}, later_sum, false);
}

}  // namespace
