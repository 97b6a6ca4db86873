// One call of an operation, its inputs and outputs, by TensorFlow's C interface.

#ifndef L2L_TF_FAST_NATIVE_CALL_H_
#define L2L_TF_FAST_NATIVE_CALL_H_

#include <algorithm>
#include <cstring>
#include <vector>

#include "lstm.h"
#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"

namespace l2l {

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
  long size() const { return TF_TensorElementCount(tensor_); }
  std::vector<int64_t> shape() const {
    std::vector<int64_t> dims;
    for (int i = 0; i < rank(); ++i) dims.push_back(TF_Dim(tensor_, i));
    return dims;
  }
  const int* ints() const { return static_cast<int*>(TF_TensorData(tensor_)); }
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

  // A scalar that counts.
  int64_t* count(int i) {
    TF_Tensor* tensor = TF_AllocateOutput(context_, i, TF_INT64, nullptr, 0, sizeof(int64_t), status_);
    if (!ok()) return nullptr;
    counts_.emplace_back(tensor);
    return static_cast<int64_t*>(TF_TensorData(tensor));
  }

  // Output i in the memory of an input, if nobody else needs that: the input is gone then.
  Tensor output_in_place_of(int input, int i, const std::vector<int64_t>& shape, bool* in_place) {
    int forwarded = -1;
    Tensor output(
        TF_ForwardInputOrAllocateOutput(context_, &input, 1, i, shape.data(), shape.size(), &forwarded, status_));
    *in_place = forwarded == input;
    return output;
  }

  int num_inputs() const { return TF_NumInputs(context_); }
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
  bool weights(int first, int features, Weights* result) {
    const int num_layers = num_inputs() - first - 1;
    for (int i = 0; i <= num_layers; ++i) {
      tensors_.push_back(input(first + i));
      if (!require(ok() && tensors_.back().rank() == 2, "weights are matrices")) return false;
    }
    int inputs = features;
    for (int i = 1; i <= num_layers; ++i) {
      const int hidden = tensors_[i].dim(1) / 4;
      if (!require(tensors_[i].dim(1) % 4 == 0 && tensors_[i].dim(0) == inputs + hidden + 1,
                   "weights of a layer are [inputs + H + 1, 4 H]"))
        return false;
      result->layers.push_back({hidden, tensors_[i].floats()});
      inputs = hidden;
    }
    if (!require(tensors_[0].dim(0) == inputs + 1, "weights of the linear layer are [H + 1, size]")) return false;
    result->features = features;
    result->size = tensors_[0].dim(1);
    result->linear = tensors_[0].floats();
    return true;
  }

 private:
  TF_OpKernelContext* context_;
  Status status_;
  std::vector<Tensor> tensors_, counts_;
};

// The attributes of an operation, read once for all of its calls.
class Attributes {
 public:
  explicit Attributes(TF_OpKernelConstruction* construction) : construction_(construction) {}

  int integer(const char* name) {
    int32_t value = 0;
    TF_OpKernelConstruction_GetAttrInt32(construction_, name, &value, status_);
    return value;
  }

  float number(const char* name) {
    float value = 0;
    TF_OpKernelConstruction_GetAttrFloat(construction_, name, &value, status_);
    return value;
  }

  bool boolean(const char* name) {
    TF_Bool value = 0;
    TF_OpKernelConstruction_GetAttrBool(construction_, name, &value, status_);
    return value;
  }

  std::vector<float> numbers(const char* name) {
    int32_t size = 0, total = 0;
    TF_OpKernelConstruction_GetAttrSize(construction_, name, &size, &total, status_);
    std::vector<float> values(std::max(size, 0));
    TF_OpKernelConstruction_GetAttrFloatList(construction_, name, values.data(), size, status_);
    return values;
  }

 private:
  TF_OpKernelConstruction* construction_;
  Status status_;
};

using Compute = void (*)(void*, TF_OpKernelContext*);
using Create = void* (*)(TF_OpKernelConstruction*);
using Delete = void (*)(void*);

inline void register_op(const char* name, const std::vector<const char*>& inputs,
                        const std::vector<const char*>& outputs, Compute compute,
                        const std::vector<const char*>& attributes = {},
                        Create create = [](TF_OpKernelConstruction*) -> void* { return nullptr; },
                        Delete destroy = [](void*) {}) {
  Status status;
  TF_OpDefinitionBuilder* op = TF_NewOpDefinitionBuilder(name);
  for (const char* input : inputs) TF_OpDefinitionBuilderAddInput(op, input);
  for (const char* output : outputs) TF_OpDefinitionBuilderAddOutput(op, output);
  for (const char* attribute : attributes) TF_OpDefinitionBuilderAddAttr(op, attribute);
  for (const char* input : inputs)
    if (std::strstr(input, "resource")) TF_OpDefinitionBuilderSetIsStateful(op, true);
  TF_OpDefinitionBuilderSetShapeInferenceFunction(op, [](TF_ShapeInferenceContext* context, TF_Status* status) {
    TF_ShapeInferenceContextSetUnknownShape(context, status);
  });
  TF_RegisterOpDefinition(op, status);
  TF_KernelBuilder* kernel = TF_NewKernelBuilder(name, "CPU", create, compute, destroy);
  TF_RegisterKernelBuilder(name, kernel, status);
}

}  // namespace l2l

#endif
