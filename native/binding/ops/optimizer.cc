// Rows of the optimizers, of gradient norms and of clipping.
#include "../../ops/optimizer/optimizer.h"
#include "families.h"

namespace mg {
namespace {

using Storages = std::vector<Storage>;

template <class T>
std::vector<T*> pointers(const Storages& storages) {
  std::vector<T*> list;
  for (const Storage& s : storages) list.push_back(s.as<T>());
  return list;
}
template <class T>
std::vector<const T*> const_pointers(const Storages& storages) {
  std::vector<const T*> list;
  for (const Storage& s : storages) list.push_back(s.as<T>());
  return list;
}

std::vector<i64> counts_of(const Storages& storages) {
  std::vector<i64> counts;
  for (const Storage& s : storages) counts.push_back(s.count);
  return counts;
}

ListBlocks blocks_of(const Storages& storages) { return ListBlocks(counts_of(storages)); }

// All float32 or all float64.
DType checked_list(const Call& c, const Storages& xs, const char* name) {
  if (xs.empty()) c.refuse("ERR_MG_ARGUMENT", std::string("at least one storage in ") + name, "none");
  c.expect_float(xs[0], name);
  for (const Storage& x : xs) c.expect(x, name, xs[0].dtype, x.count);
  return xs[0].dtype;
}

// `list` is like `model`, tensor by tensor; or empty where that is allowed.
void expect_like(const Call& c, const Storages& list, const char* name, const Storages& model, bool may_be_empty = false) {
  if (may_be_empty && list.empty()) return;
  if (list.size() != model.size()) c.refuse("ERR_MG_SHAPE", std::to_string(model.size()) + " storages in " + name, list.size());
  for (std::size_t j = 0; j < list.size(); j++) c.expect(list[j], name, model[j].dtype, model[j].count);
}

double positive(const Call& c, const char* name, double value) {
  if (!(value > 0)) c.refuse("ERR_MG_ARGUMENT", std::string(name) + " above 0", value);
  return value;
}

struct GlobalNormArgs : Args {
  using Args::Args;
  const Storages& xs = storages("xs");
};

void call_global_norm(Call& c, const GlobalNormArgs& a) {
  const Storages xs = a.xs;
  const DType dtype = checked_list(c, xs, "xs");
  const ListBlocks list = blocks_of(xs);
  const Storage norm = c.result(dtype, 1), partials = c.workspace(list.count() * 8);
  by_float(dtype, [&](auto t) {
    using T = decltype(t);
    c.run([xs, list, norm, partials, tensors = const_pointers<T>(xs)](const Target& on) {
      MG_EITHER(on.on_gpu(), cuda::global_norm<T>(on.stream(), list, counts_of(xs), tensors, norm.as<T>(), partials.as<double>()),
                global_norm<T>(list, tensors, norm.as<T>(), partials.as<double>()));
    });
  });
}

struct ClipByNormArgs : Args {
  using Args::Args;
  const Storages& xs = storages("xs");
  const Storage& norm = storage("norm");
  const double max_norm = number("maxNorm");
};

void call_clip_by_norm(Call& c, const ClipByNormArgs& a) {
  const Storages xs = a.xs;
  const Storage norm = a.norm;
  const DType dtype = checked_list(c, xs, "xs");
  c.expect(norm, "norm", dtype, 1);
  const double max_norm = positive(c, "maxNorm", a.max_norm);
  const ListBlocks list = blocks_of(xs);
  Storages ys;
  for (const Storage& x : xs) ys.push_back(c.result(dtype, x.count));
  by_float(dtype, [&](auto t) {
    using T = decltype(t);
    c.run([xs, ys, list, norm, max_norm, from = const_pointers<T>(xs), to = pointers<T>(ys)](const Target& on) {
      MG_EITHER(on.on_gpu(), cuda::clip_by_norm<T>(on.stream(), counts_of(xs), from, norm.as<T>(), max_norm, to),
                clip_by_norm<T>(list, from, norm.as<T>(), max_norm, to));
    });
  });
}

struct ClipByValueArgs : Args {
  using Args::Args;
  const Storages& xs = storages("xs");
  const double limit = number("limit");
};

void call_clip_by_value(Call& c, const ClipByValueArgs& a) {
  const Storages xs = a.xs;
  const DType dtype = checked_list(c, xs, "xs");
  const double limit = positive(c, "limit", a.limit);
  const ListBlocks list = blocks_of(xs);
  Storages ys;
  for (const Storage& x : xs) ys.push_back(c.result(dtype, x.count));
  by_float(dtype, [&](auto t) {
    using T = decltype(t);
    c.run([xs, ys, list, limit, from = const_pointers<T>(xs), to = pointers<T>(ys)](const Target& on) {
      MG_EITHER(on.on_gpu(), cuda::clip_by_value<T>(on.stream(), counts_of(xs), from, limit, to),
                clip_by_value<T>(list, from, limit, to));
    });
  });
}

// What the steps have in common: parameters, grads, norm, maxNorm, lr and weightDecay; and the lists of their state.
template <class T>
struct Step {
  Storages parameter_storages, grad_storages, state_storages;
  Storage norm_storage;
  ListBlocks list;
  std::vector<T*> parameters;
  std::vector<const T*> grads;
  double max_norm, lr, weight_decay;

  template <class A>
  Step(const A& a, std::initializer_list<const Storages*> states)
      : parameter_storages(a.parameters), grad_storages(a.grads), norm_storage(a.norm), list(blocks_of(a.parameters)),
        parameters(pointers<T>(a.parameters)), grads(const_pointers<T>(a.grads)), max_norm(a.max_norm), lr(a.lr),
        weight_decay(a.weight_decay) {
    for (const Storages* state : states) state_storages.insert(state_storages.end(), state->begin(), state->end());
  }
  std::vector<i64> counts() const { return counts_of(parameter_storages); }
  StepLists<T> lists() const { return {&list, &parameters, &grads, or_null<T>(norm_storage), max_norm, lr, weight_decay}; }
};

template <class A>
DType checked_step(const Call& c, const A& a) {
  const DType dtype = checked_list(c, a.parameters, "parameters");
  expect_like(c, a.grads, "grads", a.parameters);
  if (has(a.norm)) c.expect(a.norm, "norm", dtype, 1);
  positive(c, "maxNorm", a.max_norm);
  return dtype;
}

struct SgdArgs : Args {
  using Args::Args;
  const Storages &parameters = storages("parameters"), &grads = storages("grads"), &momenta = storages("momenta");
  const Storage& norm = storage_or_null("norm");
  const std::vector<i64>& dims = integers("dims");  // whether Nesterov's form is meant
  const double max_norm = number("maxNorm"), lr = number("lr"), weight_decay = number("weightDecay");
  const double momentum = number("momentum");
};

void call_sgd_step(Call& c, const SgdArgs& a) {
  c.expect_dims(a.dims, 1);
  const DType dtype = checked_step(c, a);
  expect_like(c, a.momenta, "momenta", a.parameters, true);
  const bool nesterov = a.dims[0] != 0;
  const double momentum = a.momentum;
  by_float(dtype, [&](auto t) {
    using T = decltype(t);
    const Step<T> step(a, {&a.momenta});
    const auto momenta = pointers<T>(a.momenta);
    c.run([=](const Target& on) {
      MG_EITHER(on.on_gpu(), cuda::sgd_step<T>(on.stream(), step.counts(), step.lists(), momenta, momentum, nesterov),
                sgd_step<T>(step.lists(), momenta, momentum, nesterov));
    });
  });
}

struct AdamArgs : Args {
  using Args::Args;
  const Storages &parameters = storages("parameters"), &grads = storages("grads");
  const Storages &firsts = storages("firsts"), &seconds = storages("seconds"), &steps = storages("steps");
  const Storage& norm = storage_or_null("norm");
  const std::vector<i64>& dims = integers("dims");  // whether weight decay is decoupled
  const double max_norm = number("maxNorm"), lr = number("lr"), weight_decay = number("weightDecay");
  const double beta1 = number("beta1"), beta2 = number("beta2"), epsilon = number("epsilon");
};

void call_adam_step(Call& c, const AdamArgs& a) {
  c.expect_dims(a.dims, 1);
  const DType dtype = checked_step(c, a);
  expect_like(c, a.firsts, "firsts", a.parameters);
  expect_like(c, a.seconds, "seconds", a.parameters);
  if (a.steps.size() != a.parameters.size()) c.refuse("ERR_MG_SHAPE", "a step count for each parameter", a.steps.size());
  for (const Storage& t : a.steps) c.expect(t, "steps", DType::float64, 1);
  const bool decoupled = a.dims[0] != 0;
  const double beta1 = a.beta1, beta2 = a.beta2, epsilon = a.epsilon;
  by_float(dtype, [&](auto t) {
    using T = decltype(t);
    const Step<T> step(a, {&a.firsts, &a.seconds, &a.steps});
    const auto firsts = pointers<T>(a.firsts), seconds = pointers<T>(a.seconds);
    const auto steps = pointers<double>(a.steps);
    c.run([=](const Target& on) {
      MG_EITHER(
          on.on_gpu(),
          cuda::adam_step<T>(on.stream(), step.counts(), step.lists(), firsts, seconds, steps, beta1, beta2, epsilon, decoupled),
          adam_step<T>(step.lists(), firsts, seconds, steps, beta1, beta2, epsilon, decoupled));
    });
  });
}

struct RmsPropArgs : Args {
  using Args::Args;
  const Storages &parameters = storages("parameters"), &grads = storages("grads");
  const Storages &squares = storages("squares"), &means = storages("means"), &momenta = storages("momenta");
  const Storage& norm = storage_or_null("norm");
  const std::vector<i64>& dims = integers("dims");  // flavor
  const double max_norm = number("maxNorm"), lr = number("lr"), weight_decay = number("weightDecay");
  const double decay = number("decay"), epsilon = number("epsilon"), momentum = number("momentum");
};

void call_rmsprop_step(Call& c, const RmsPropArgs& a) {
  c.expect_dims(a.dims, 1);
  const DType dtype = checked_step(c, a);
  if (a.dims[0] >= i64(RmsPropFlavor::count)) c.refuse("ERR_MG_ARGUMENT", "a known flavor", a.dims[0]);
  const RmsPropFlavor flavor = RmsPropFlavor(a.dims[0]);
  expect_like(c, a.squares, "squares", a.parameters);
  expect_like(c, a.means, "means", a.parameters, flavor != RmsPropFlavor::graves);
  expect_like(c, a.momenta, "momenta", a.parameters, true);
  const double decay = a.decay, epsilon = a.epsilon, momentum = a.momentum;
  by_float(dtype, [&](auto t) {
    using T = decltype(t);
    const Step<T> step(a, {&a.squares, &a.means, &a.momenta});
    const auto squares = pointers<T>(a.squares), means = pointers<T>(a.means), momenta = pointers<T>(a.momenta);
    c.run([=](const Target& on) {
      MG_EITHER(on.on_gpu(),
                cuda::rmsprop_step<T>(on.stream(), step.counts(), step.lists(), flavor, squares, means, momenta, decay, epsilon,
                                      momentum),
                rmsprop_step<T>(step.lists(), flavor, squares, means, momenta, decay, epsilon, momentum));
    });
  });
}

}  // namespace

OpRows optimizer_ops() {
  return {
      op<call_global_norm>("globalNorm", "Storage"),
      op<call_clip_by_norm>("clipByNorm", "Storage[]"),
      op<call_clip_by_value>("clipByValue", "Storage[]"),
      op<call_sgd_step>("sgdStep", "void"),
      op<call_adam_step>("adamStep", "void"),
      op<call_rmsprop_step>("rmspropStep", "void"),
  };
}

}  // namespace mg
