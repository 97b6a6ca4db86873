// Variables that an operation changes where they are. TensorFlow's C interface has none: `variables.cc` uses C++'s,
// which takes a compiler several times as long, and alone in a file it takes that while the others are compiled.

#ifndef L2L_TF_FAST_NATIVE_VARIABLES_H_
#define L2L_TF_FAST_NATIVE_VARIABLES_H_

#include <memory>

#include "tensorflow/c/kernels.h"

namespace l2l {

// The float32 variables of inputs first, ..., first + count - 1, which nobody else reads or writes as long as this
// lives.
class Variables {
 public:
  Variables(TF_OpKernelContext* context, int first, int count);
  ~Variables();
  bool ok() const { return ok_; }  // false where an input is no such variable
  float* floats(int i) const;
  long size(int i) const;

 private:
  struct Held;
  std::unique_ptr<Held> held_;
  bool ok_ = true;
};

}  // namespace l2l

#endif
