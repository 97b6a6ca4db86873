// TensorFlow operations for rules with an MLP on each coordinate, over all tensors of a model at once.
//
//   L2lMlpForward: a step. Tensors are [rows..., *shape] with `lead` axes of independent rows before their own: members
//     of a population, functions of a batch. Weights are one set for all rows, or [members, ...] with as many
//     successive rows to each; so are what coordinates share, `shared` [rows, tensors, C], and `magnitudes`
//     [rows, tensors], of which either axis may be 1.
//     Where updates are normalised (divided by their root mean square over the tensor, times scale exp(magnitude)), it
//     tells `statistics`, [rows, tensors, numbers] (`CoordinateRule::num_statistics`), of what it saw; else none.
//   L2lMlpUpdate: the same with slots in variables, which it changes where they are.
//   L2lMlpGradients: the gradients of the weights, from a step's inputs and the cotangents of its updates. Rows with
//     one set of weights add up.
//   L2lMlpBackward: the same, from the cotangents of the next slots too, and those of all that the step took.

#include <functional>
#include <memory>

#include "call.h"
#include "coordinate_back.h"
#include "coordinate_step.h"
#include "parallel.h"
#include "variables.h"

namespace {

using l2l::Arrangement;
using l2l::Attributes;
using l2l::Call;
using l2l::CoordinateBack;
using l2l::CoordinateRule;
using l2l::CoordinateStep;
using l2l::Extents;
using l2l::MlpWeights;
using l2l::Tensor;

constexpr long kAlone = 32768;  // Coordinates of all tensors up to which one thread takes them.

struct Kernel {
  CoordinateRule rule;
  int num_weights, num_tensors, num_slots, lead, threads;
};

void* create(TF_OpKernelConstruction* construction) {
  Attributes attributes(construction);
  auto kernel = std::make_unique<Kernel>();
  CoordinateRule& rule = kernel->rule;
  rule.factored = attributes.boolean("factored");
  rule.decays = attributes.numbers("decays");
  rule.complements = attributes.numbers("complements");
  rule.num_decays = static_cast<int>(rule.decays.size()) - rule.factored;
  rule.respond = {attributes.number("scale"), attributes.number("magnitude_scale")};
  rule.normalized = attributes.boolean("normalized");
  rule.masked = attributes.boolean("masked");
  rule.waits = attributes.boolean("waits");
  kernel->num_weights = attributes.integer("num_weights");
  kernel->num_tensors = attributes.integer("num_tensors");
  kernel->num_slots = attributes.integer("num_slots");
  kernel->lead = attributes.integer("lead");
  kernel->threads = attributes.integer("threads");
  return kernel.release();
}

void destroy(void* kernel) { delete static_cast<Kernel*>(kernel); }

// The inputs that all operations begin with: shared, magnitudes, weights, gradients, parameters, slots.
class Inputs {
 public:
  // False where they do not fit; the call has ended then.
  bool read(const Kernel& kernel, Call* call) {
    kernel_ = &kernel;
    shared_.push_back(call->input(0));
    shared_.push_back(call->input(1));
    int next = 2;
    for (int i = 0; i < kernel.num_weights; ++i) weights_.push_back(call->input(next++));
    for (int i = 0; i < kernel.num_tensors; ++i) gradients.push_back(call->input(next++));
    for (int i = 0; i < kernel.num_tensors; ++i) parameters.push_back(call->input(next++));
    first_slot = next;
    if (!call->check()) return false;
    return rule_fits(call) && tensors_fit(call) && weights_fit(call) && shared_fit(call);
  }

  const MlpWeights& weights_of(long row) const { return members_[row * members_.size() / num_rows]; }

  const float* shared_of(long row, int tensor) const { return of(shared_[0], row, tensor, num_shared_); }
  size_t num_members() const { return members_.size(); }
  const Tensor& weight(int i) const { return weights_[i]; }
  float magnitude_of(long row, int tensor) const { return *of(shared_[1], row, tensor, 1); }

  std::vector<Tensor> gradients, parameters;
  std::vector<Arrangement> arrangements;
  long num_rows = 1;
  int first_slot;

 private:
  bool rule_fits(Call* call) {
    const CoordinateRule& rule = kernel_->rule;
    if (!call->require(rule.factored || !rule.normalized, "updates are normalised where factored")) return false;
    return call->require(rule.num_decays > 0 && rule.complements.size() == rule.decays.size(),
                         "decays are one or more, and where factored one more; complements are 1 - decay");
  }

  bool tensors_fit(Call* call) {
    int slots = 0;
    for (int i = 0; i < kernel_->num_tensors; ++i) {
      const std::vector<int64_t> shape = gradients[i].shape();
      const int rank = static_cast<int>(shape.size()), lead = kernel_->lead;
      if (!call->require(shape == parameters[i].shape(), "parameters have the shapes of their gradients")) return false;
      if (!call->require(rank >= lead, "tensors have the leading axes of rows")) return false;
      long rows = 1, size = 1;
      for (int axis = 0; axis < lead; ++axis) rows *= shape[axis];
      if (i == 0) num_rows = rows;
      if (!call->require(rows == num_rows, "tensors have the same rows")) return false;
      for (int axis = lead; axis < rank; ++axis) size *= shape[axis];
      Extents extents{false, 1, size, 1};
      if (kernel_->rule.factored && rank - lead >= 2) {
        extents = {true, 1, static_cast<long>(shape[rank - 2]), static_cast<long>(shape[rank - 1])};
        for (int axis = lead; axis < rank - 2; ++axis) extents.groups *= shape[axis];
      }
      arrangements.emplace_back(kernel_->rule, extents);
      slots += arrangements.back().num_slots;
    }
    return call->require(slots == kernel_->num_slots, "slots are those of the tensors, one tensor's after another's");
  }

  bool weights_fit(Call* call) {
    const int num_layers = kernel_->num_weights / 2;
    if (!call->require(kernel_->num_weights % 2 == 0 && num_layers >= 2 && shared_[0].rank() == 3,
                       "weights are w and b of two or more layers, and what is shared is [rows, tensors, numbers]"))
      return false;
    num_shared_ = shared_[0].dim(2);
    const int axes = weights_[0].rank() - 2;
    const long count = axes == 1 ? weights_[0].dim(0) : 1;
    if (!call->require(axes == 0 || axes == 1, "weights are [inputs, units], or with an axis of members before it"))
      return false;
    if (!call->require(count > 0 && num_rows % count == 0, "members divide rows")) return false;
    members_.resize(count);
    int inputs = kernel_->rule.num_features() + num_shared_;
    for (int i = 0; i < num_layers; ++i) {
      const Tensor &w = weights_[2 * i], &b = weights_[2 * i + 1];
      if (!call->require(w.rank() == 2 + axes && b.rank() == 1 + axes && (!axes || w.dim(0) == count) &&
                             (!axes || b.dim(0) == count) && w.dim(axes) == inputs && w.dim(axes + 1) == b.dim(axes),
                         "weights of a layer are w [inputs, units] and b [units], after the members if there are any"))
        return false;
      const int units = b.dim(axes);
      for (long m = 0; m < count; ++m)
        members_[m].layers.push_back({inputs, units, w.floats() + m * inputs * units, b.floats() + m * units});
      inputs = units;
    }
    return call->require(inputs == 2, "the last layer has two units");
  }

  bool shared_fit(Call* call) {
    const auto fits = [&](const Tensor& tensor) {
      return tensor.dim(0) > 0 && num_rows % tensor.dim(0) == 0 &&
             (tensor.dim(1) == 1 || tensor.dim(1) == kernel_->num_tensors);
    };
    return call->require(shared_[1].rank() == 2 && fits(shared_[0]) && fits(shared_[1]),
                         "what is shared is [rows, tensors, numbers] and magnitudes are [rows, tensors]");
  }

  const float* of(const Tensor& tensor, long row, int own, int size) const {
    const long at = row * tensor.dim(0) / num_rows * tensor.dim(1) + (tensor.dim(1) == 1 ? 0 : own);
    return tensor.floats() + at * size;
  }

  const Kernel* kernel_;
  std::vector<Tensor> shared_, weights_;
  std::vector<MlpWeights> members_;
  int num_shared_;
};

// All rows of all tensors: the large ones with all threads on one, then the others, one a thread.
void step_each(int threads, long num_rows, const std::vector<Arrangement>& arrangements,
               const std::function<void(CoordinateStep*, long, int)>& begin,
               const std::function<void(const CoordinateStep&, long, int)>& end, int64_t* unusable) {
  long coordinates = 0;
  for (const Arrangement& arrangement : arrangements) coordinates += num_rows * arrangement.extents.size();
  if (coordinates <= kAlone) threads = 1;
  std::vector<int> small;
  std::atomic<int64_t> count{0};
  l2l::Pool& pool = l2l::Pool::get();
  for (size_t i = 0; i < arrangements.size(); ++i) {
    const long size = arrangements[i].extents.size();
    if (!size) continue;
    if (threads == 1 || size * num_rows < kAlone || num_rows >= 4 * threads) {
      small.push_back(static_cast<int>(i));
      continue;
    }
    CoordinateStep step;
    for (long row = 0; row < num_rows; ++row) {
      begin(&step, row, static_cast<int>(i));
      pool.run(step.num_blocks(), threads, [&](int block) { step.look(block); });
      step.finish_look();
      pool.run(step.num_blocks(), threads, [&](int block) { step.measure(block); });
      step.finish_measure();
      pool.run(step.num_blocks(), threads, [&](int block) { step.respond(block); });
      step.finish_respond();
      if (arrangements[i].rule.normalized)
        pool.run(step.num_blocks(), threads, [&](int block) { step.normalize(block); });
      end(step, row, static_cast<int>(i));
      count += step.unusable();
    }
  }
  // Rows that lie side by side in one piece of work: threads do not write near one another.
  const int rows_at_once = static_cast<int>(std::max(1L, num_rows / (8L * threads)));
  const int pieces = static_cast<int>((num_rows + rows_at_once - 1) / rows_at_once);
  pool.run(pieces * static_cast<int>(small.size()), threads, [&](int work) {
    static thread_local CoordinateStep step;
    const int tensor = small[work / pieces];
    const long first = work % pieces * long{rows_at_once};
    for (long row = first; row < std::min(first + rows_at_once, num_rows); ++row) {
      begin(&step, row, tensor);
      step.all();
      end(step, row, tensor);
      count += step.unusable();
    }
  });
  *unusable = count;
}

// Where the numbers of a call are, tensor by tensor and slot by slot. The next slots may be where those before are.
struct Step {
  const Kernel& kernel;
  const Inputs& inputs;
  std::vector<float*> updates;
  std::vector<const float*> before;
  std::vector<float*> after;
  float* statistics = nullptr;  // [rows, tensors, num_statistics], where the rule normalises

  void run(int64_t* unusable) const {
    std::vector<int> first_slots(1, 0);
    for (const Arrangement& arrangement : inputs.arrangements)
      first_slots.push_back(first_slots.back() + arrangement.num_slots);
    const auto begin = [&](CoordinateStep* step, long row, int tensor) {
      const Arrangement& arrangement = inputs.arrangements[tensor];
      const long at = row * arrangement.extents.size();
      step->begin(&arrangement, &inputs.weights_of(row), inputs.shared_of(row, tensor),
                  inputs.magnitude_of(row, tensor));
      step->read_from(inputs.gradients[tensor].floats() + at, inputs.parameters[tensor].floats() + at);
      step->write_to(updates[tensor] + at);
      for (int s = 0; s < arrangement.num_slots; ++s) {
        const int slot = first_slots[tensor] + s;
        const long slot_at = row * arrangement.slot_size(s);
        step->set_slot(s, before[slot] + slot_at, after[slot] + slot_at);
      }
    };
    const auto end = [&](const CoordinateStep& step, long row, int tensor) {
      if (statistics)
        step.tell_statistics(statistics + (row * kernel.num_tensors + tensor) * kernel.rule.num_statistics());
    };
    step_each(kernel.threads, inputs.num_rows, inputs.arrangements, begin, end, unusable);
  }
};

// The updates, the count of gradients that are not usable and the statistics, which are outputs 0, ..., `count` and the
// one after it.
bool add_outputs(Call* call, int count, std::vector<Tensor>* updates, Step* step, int64_t** unusable) {
  for (int i = 0; i < step->kernel.num_tensors; ++i) {
    updates->push_back(call->output(i, step->inputs.gradients[i].shape()));
    if (!call->check()) return false;
    step->updates.push_back(updates->back().floats());
  }
  *unusable = call->count(count);
  if (!call->check()) return false;
  const Kernel& kernel = step->kernel;
  const bool tells = kernel.rule.normalized;
  updates->push_back(call->output(
      count + 1, {tells ? step->inputs.num_rows : 0, kernel.num_tensors, kernel.rule.num_statistics()}));
  if (!call->check()) return false;
  if (tells) {
    step->statistics = updates->back().floats();
    std::fill_n(step->statistics, updates->back().size(), 0.0f);
  }
  return true;
}

constexpr char kSlotSizes[] = "slots have the sizes that their tensors say";

void forward(void* own, TF_OpKernelContext* context) {
  const Kernel& kernel = *static_cast<Kernel*>(own);
  Call call(context);
  Inputs inputs;
  if (!inputs.read(kernel, &call)) return;
  Step step{kernel, inputs, {}, {}, {}};
  std::vector<Tensor> updates, slots, next_slots;
  int64_t* unusable;
  if (!add_outputs(&call, kernel.num_tensors + kernel.num_slots, &updates, &step, &unusable)) return;
  int slot = 0;
  for (const Arrangement& arrangement : inputs.arrangements)
    for (int s = 0; s < arrangement.num_slots; ++s, ++slot) {
      const int input = inputs.first_slot + slot;
      std::vector<int64_t> shape;
      {
        const Tensor tensor = call.input(input);
        if (!call.require(call.ok() && tensor.size() == inputs.num_rows * arrangement.slot_size(s), kSlotSizes)) return;
        shape = tensor.shape();
      }
      bool in_place;
      next_slots.push_back(call.output_in_place_of(input, kernel.num_tensors + slot, shape, &in_place));
      if (!in_place) slots.push_back(call.input(input));
      if (!call.check()) return;
      step.after.push_back(next_slots.back().floats());
      step.before.push_back(in_place ? step.after.back() : slots.back().floats());
      if (!arrangement.extents.size()) std::copy_n(step.before.back(), next_slots.back().size(), step.after.back());
    }
  step.run(unusable);
}

void update(void* own, TF_OpKernelContext* context) {
  const Kernel& kernel = *static_cast<Kernel*>(own);
  Call call(context);
  Inputs inputs;
  if (!inputs.read(kernel, &call)) return;
  Step step{kernel, inputs, {}, {}, {}};
  std::vector<Tensor> updates;
  int64_t* unusable;
  if (!add_outputs(&call, kernel.num_tensors, &updates, &step, &unusable)) return;
  const l2l::Variables variables(context, inputs.first_slot, kernel.num_slots);
  if (!call.require(variables.ok(), "slots are float32 variables")) return;
  int slot = 0;
  for (const Arrangement& arrangement : inputs.arrangements)
    for (int s = 0; s < arrangement.num_slots; ++s, ++slot) {
      if (!call.require(variables.size(slot) == inputs.num_rows * arrangement.slot_size(s), kSlotSizes)) return;
      step.before.push_back(variables.floats(slot));
      step.after.push_back(variables.floats(slot));
    }
  step.run(unusable);
}

// Pieces of work of a sum, the same however many threads there are: each adds up on its own, then come the pieces.
constexpr long kPieces = 16;

void backward(const Kernel& kernel, TF_OpKernelContext* context, bool everything) {
  Call call(context);
  Inputs inputs;
  if (!inputs.read(kernel, &call)) return;
  if (!call.require(!kernel.rule.normalized, "there is no way back through normalised updates")) return;
  const int num_tensors = kernel.num_tensors, num_slots = kernel.num_slots;
  const auto read = [&](int first, int count, std::vector<Tensor>* tensors) {
    for (int i = 0; i < count; ++i) tensors->push_back(call.input(first + i));
    return call.check();
  };
  std::vector<Tensor> slots, update_cotangents, slot_cotangents, weights_back, gradients_back, parameters_back;
  std::vector<Tensor> slots_back;
  const int after_slots = inputs.first_slot + num_slots;
  if (!read(inputs.first_slot, num_slots, &slots) || !read(after_slots, num_tensors, &update_cotangents)) return;
  if (everything && !read(after_slots + num_tensors, num_slots, &slot_cotangents)) return;
  std::vector<int> first_slots(1, 0);
  for (int tensor = 0; tensor < num_tensors; ++tensor) {
    const Arrangement& arrangement = inputs.arrangements[tensor];
    const int first = first_slots.back();
    for (int s = 0; s < arrangement.num_slots; ++s) {
      const long size = inputs.num_rows * arrangement.slot_size(s);
      if (!call.require(slots[first + s].size() == size && (!everything || slot_cotangents[first + s].size() == size),
                        kSlotSizes))
        return;
    }
    if (!call.require(update_cotangents[tensor].size() == inputs.gradients[tensor].size(),
                      "cotangents of updates have the sizes of the gradients"))
      return;
    first_slots.push_back(first + arrangement.num_slots);
  }

  std::vector<long> sizes;  // of the weights of a member
  long num_weights = 0;
  for (int i = 0; i < kernel.num_weights; ++i) {
    weights_back.push_back(call.output(i, inputs.weight(i).shape()));
    if (!call.check()) return;
    sizes.push_back(weights_back.back().size() / inputs.num_members());
    num_weights += sizes.back();
  }
  if (everything) {
    for (int i = 0; i < num_tensors; ++i)
      gradients_back.push_back(call.output(kernel.num_weights + i, inputs.gradients[i].shape()));
    for (int i = 0; i < num_tensors; ++i)
      parameters_back.push_back(call.output(kernel.num_weights + num_tensors + i, inputs.gradients[i].shape()));
    for (int i = 0; i < num_slots; ++i)
      slots_back.push_back(call.output(kernel.num_weights + 2 * num_tensors + i, slots[i].shape()));
    if (!call.check()) return;
    for (int tensor = 0; tensor < num_tensors; ++tensor)
      if (!inputs.arrangements[tensor].extents.size())
        for (int slot = first_slots[tensor]; slot < first_slots[tensor + 1]; ++slot)
          std::copy_n(slot_cotangents[slot].floats(), slot_cotangents[slot].size(), slots_back[slot].floats());
  }

  // A piece is some rows of one member and one tensor.
  const long members = inputs.num_members(), rows_of_member = inputs.num_rows / members;
  const long pieces = std::min(rows_of_member, std::max(1L, kPieces / members));
  std::vector<float> totals(members * pieces * num_tensors * num_weights, 0.0f);
  long coordinates = 0;
  for (const Arrangement& arrangement : inputs.arrangements) coordinates += inputs.num_rows * arrangement.extents.size();
  const int threads = coordinates <= kAlone / 4 ? 1 : kernel.threads;
  l2l::Pool::get().run(static_cast<int>(members * pieces * num_tensors), threads, [&](int work) {
    static thread_local CoordinateBack step;
    const int tensor = work % num_tensors;
    const long piece = work / num_tensors % pieces, member = work / num_tensors / pieces;
    const Arrangement& arrangement = inputs.arrangements[tensor];
    const long size = arrangement.extents.size();
    if (!size) return;
    std::vector<const float*> next_cotangents(arrangement.num_slots);
    std::vector<float*> back(arrangement.num_slots);
    for (long i = piece * rows_of_member / pieces; i < (piece + 1) * rows_of_member / pieces; ++i) {
      const long row = member * rows_of_member + i;
      step.begin(&arrangement, &inputs.weights_of(row), inputs.shared_of(row, tensor), inputs.magnitude_of(row, tensor));
      step.read_from(inputs.gradients[tensor].floats() + row * size, inputs.parameters[tensor].floats() + row * size);
      for (int s = 0; s < arrangement.num_slots; ++s) {
        const int slot = first_slots[tensor] + s;
        const long at = row * arrangement.slot_size(s);
        step.set_slot(s, slots[slot].floats() + at, nullptr);
        if (!everything) continue;
        next_cotangents[s] = slot_cotangents[slot].floats() + at;
        back[s] = slots_back[slot].floats() + at;
      }
      l2l::Cotangents cotangents{update_cotangents[tensor].floats() + row * size, next_cotangents.data(),
                                 nullptr, nullptr, back.data()};
      if (everything) {
        cotangents.gradient = gradients_back[tensor].floats() + row * size;
        cotangents.parameter = parameters_back[tensor].floats() + row * size;
      }
      step.run(cotangents, &totals[work * num_weights]);
    }
  });
  for (long member = 0; member < members; ++member) {
    const long of_member = pieces * num_tensors;
    long first = member * of_member * num_weights;
    for (int i = 0; i < kernel.num_weights; first += sizes[i++])
      for (long w = 0; w < sizes[i]; ++w) {
        double total = 0;
        for (long piece = 0; piece < of_member; ++piece) total += totals[first + piece * num_weights + w];
        weights_back[i].floats()[member * sizes[i] + w] = static_cast<float>(total);
      }
  }
}

void weight_gradients(void* own, TF_OpKernelContext* context) { backward(*static_cast<Kernel*>(own), context, false); }
void whole_backward(void* own, TF_OpKernelContext* context) { backward(*static_cast<Kernel*>(own), context, true); }

__attribute__((constructor)) void register_ops() {
  const std::vector<const char*> attributes = {
      "num_weights: int >= 1", "num_tensors: int >= 1", "num_slots: int >= 1", "factored: bool", "decays: list(float)",
      "complements: list(float)", "scale: float", "magnitude_scale: float", "normalized: bool", "masked: bool", "waits: bool",
      "lead: int >= 0", "threads: int >= 1"};
  const auto inputs = [](const std::vector<const char*>& more) {
    std::vector<const char*> all{"shared: float", "magnitudes: float", "weights: num_weights * float",
                                 "gradients: num_tensors * float", "parameters: num_tensors * float"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  l2l::register_op("L2lMlpForward", inputs({"slots: num_slots * float"}),
                   {"updates: num_tensors * float", "next_slots: num_slots * float", "unusable: int64", "statistics: float"}, forward,
                   attributes, create, destroy);
  l2l::register_op("L2lMlpUpdate", inputs({"slots: num_slots * resource"}),
                   {"updates: num_tensors * float", "unusable: int64", "statistics: float"}, update, attributes, create, destroy);
  l2l::register_op("L2lMlpGradients",
                   inputs({"slots: num_slots * float", "update_cotangents: num_tensors * float"}),
                   {"weight_gradients: num_weights * float"}, weight_gradients, attributes, create, destroy);
  l2l::register_op("L2lMlpBackward",
                   inputs({"slots: num_slots * float", "update_cotangents: num_tensors * float",
                           "slot_cotangents: num_slots * float"}),
                   {"weight_gradients: num_weights * float", "gradient_cotangents: num_tensors * float",
                    "parameter_cotangents: num_tensors * float", "own_slot_cotangents: num_slots * float"},
                   whole_backward, attributes, create, destroy);
}

}  // namespace
