#include "variables.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/resource_mgr.h"
#include "tensorflow/core/framework/resource_var.h"

namespace l2l {

struct Variables::Held {
  std::vector<tensorflow::core::RefCountPtr<tensorflow::Var>> variables;
  std::vector<tensorflow::mutex*> locked;
  std::vector<tensorflow::Tensor> tensors;
};

Variables::Variables(TF_OpKernelContext* c_context, int first, int count) : held_(new Held) {
  auto* context = reinterpret_cast<tensorflow::OpKernelContext*>(c_context);
  for (int i = first; i < first + count; ++i) {
    tensorflow::core::RefCountPtr<tensorflow::Var> variable;
    if (context->input_dtype(i) != tensorflow::DT_RESOURCE ||
        !tensorflow::LookupResource(context, tensorflow::HandleFromInput(context, i), &variable).ok()) {
      ok_ = false;
      return;
    }
    held_->variables.push_back(std::move(variable));
  }
  // In one order for all operations: no two wait for one another.
  std::vector<tensorflow::mutex*> mutexes;
  for (const auto& variable : held_->variables) mutexes.push_back(variable->mu());
  std::sort(mutexes.begin(), mutexes.end());
  mutexes.erase(std::unique(mutexes.begin(), mutexes.end()), mutexes.end());
  for (tensorflow::mutex* mutex : mutexes) {
    mutex->lock();
    held_->locked.push_back(mutex);
  }
  for (const auto& variable : held_->variables) {
    tensorflow::Tensor* tensor = variable->tensor();
    if (!tensor->IsInitialized() || tensor->dtype() != tensorflow::DT_FLOAT) {
      ok_ = false;
      return;
    }
    if (!tensor->RefCountIsOne()) {  // Somebody keeps the value of before.
      tensorflow::Tensor own;
      if (!context->allocate_temp(tensor->dtype(), tensor->shape(), &own).ok()) {
        ok_ = false;
        return;
      }
      std::memcpy(own.data(), tensor->data(), tensor->TotalBytes());
      *tensor = own;
    }
    held_->tensors.push_back(*tensor);
  }
}

Variables::~Variables() {
  held_->tensors.clear();
  for (tensorflow::mutex* mutex : held_->locked) mutex->unlock();
}

float* Variables::floats(int i) const { return static_cast<float*>(held_->tensors[i].data()); }
long Variables::size(int i) const { return held_->tensors[i].NumElements(); }

}  // namespace l2l
