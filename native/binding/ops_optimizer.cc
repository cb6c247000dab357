#include "../ops/optimizer/optimizer.h"
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

ListBlocks blocks_of(const Storages& storages) {
  return ListBlocks(counts_of(storages));
}

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
  if (list.size() != model.size())
    c.refuse("ERR_MG_SHAPE", std::to_string(model.size()) + " storages in " + name, list.size());
  for (std::size_t j = 0; j < list.size(); ++j) c.expect(list[j], name, model[j].dtype, model[j].count);
}

double positive(const Call& c, const char* name, double value) {
  if (!(value > 0)) c.refuse("ERR_MG_ARGUMENT", std::string(name) + " above 0", value);
  return value;
}

void call_global_norm(Call& c) {
  const Storages xs = c.ins(0);
  const DType dtype = checked_list(c, xs, "xs");
  const ListBlocks list = blocks_of(xs);
  const Storage norm = c.result(dtype, 1), partials = c.workspace(list.count() * 8);
  by_float(dtype, [&](auto t) {
    using T = decltype(t);
    c.run([xs, list, norm, partials, tensors = const_pointers<T>(xs)](const Target& on) {
      if constexpr (has_cuda && sizeof(T) > 0) {
        if (on.on_gpu())
          return cuda::global_norm<T>(on.stream(), list, counts_of(xs), tensors, norm.as<T>(), partials.as<double>());
      }
      static_cast<void>(on);
      global_norm<T>(list, tensors, norm.as<T>(), partials.as<double>());
    });
  });
}

void call_clip_by_norm(Call& c) {
  const Storages xs = c.ins(0);
  const Storage norm = c.in(1);
  const DType dtype = checked_list(c, xs, "xs");
  c.expect(norm, "norm", dtype, 1);
  const double max_norm = positive(c, "maxNorm", c.number(2));
  const ListBlocks list = blocks_of(xs);
  Storages ys;
  for (const Storage& x : xs) ys.push_back(c.result(dtype, x.count));
  by_float(dtype, [&](auto t) {
    using T = decltype(t);
    c.run([xs, ys, list, norm, max_norm, from = const_pointers<T>(xs), to = pointers<T>(ys)](const Target& on) {
      if constexpr (has_cuda && sizeof(T) > 0) {
        if (on.on_gpu()) return cuda::clip_by_norm<T>(on.stream(), counts_of(xs), from, norm.as<T>(), max_norm, to);
      }
      static_cast<void>(on);
      clip_by_norm<T>(list, from, norm.as<T>(), max_norm, to);
    });
  });
}

void call_clip_by_value(Call& c) {
  const Storages xs = c.ins(0);
  const DType dtype = checked_list(c, xs, "xs");
  const double limit = positive(c, "limit", c.number(1));
  const ListBlocks list = blocks_of(xs);
  Storages ys;
  for (const Storage& x : xs) ys.push_back(c.result(dtype, x.count));
  by_float(dtype, [&](auto t) {
    using T = decltype(t);
    c.run([xs, ys, list, limit, from = const_pointers<T>(xs), to = pointers<T>(ys)](const Target& on) {
      if constexpr (has_cuda && sizeof(T) > 0) {
        if (on.on_gpu()) return cuda::clip_by_value<T>(on.stream(), counts_of(xs), from, limit, to);
      }
      static_cast<void>(on);
      clip_by_value<T>(list, from, limit, to);
    });
  });
}

// What the steps have in common: arguments 0 parameters, 1 grads, and norm, maxNorm, lr, weightDecay at the places given.
template <class T>
struct Step {
  Storages parameter_storages, grad_storages, state_storages;
  Storage norm_storage;
  ListBlocks list;
  std::vector<T*> parameters;
  std::vector<const T*> grads;
  double max_norm, lr, weight_decay;

  Step(const Call& c, const std::vector<std::size_t>& states, std::size_t norm, std::size_t numbers)
      : parameter_storages(c.ins(0)), grad_storages(c.ins(1)), norm_storage(c.in(norm)), list(blocks_of(c.ins(0))),
        parameters(pointers<T>(c.ins(0))), grads(const_pointers<T>(c.ins(1))),
        max_norm(c.number(numbers)), lr(c.number(numbers + 1)), weight_decay(c.number(numbers + 2)) {
    for (const std::size_t i : states) state_storages.insert(state_storages.end(), c.ins(i).begin(), c.ins(i).end());
  }
  std::vector<i64> counts() const { return counts_of(parameter_storages); }
  StepLists<T> lists() const {
    return {&list, &parameters, &grads, norm_storage.buffer ? norm_storage.as<T>() : nullptr, max_norm, lr, weight_decay};
  }
};

DType checked_step(const Call& c, std::size_t norm, std::size_t max_norm) {
  const DType dtype = checked_list(c, c.ins(0), "parameters");
  expect_like(c, c.ins(1), "grads", c.ins(0));
  if (c.has(norm)) c.expect(c.in(norm), "norm", dtype, 1);
  positive(c, "maxNorm", c.number(max_norm));
  return dtype;
}

// sgdStep(parameters, grads, momenta, norm, dims, maxNorm, lr, weightDecay, momentum)
void call_sgd_step(Call& c) {
  c.expect_dims(4, 1);
  const DType dtype = checked_step(c, 3, 5);
  expect_like(c, c.ins(2), "momenta", c.ins(0), true);
  const bool nesterov = c.dims(4)[0] != 0;
  const double momentum = c.number(8);
  by_float(dtype, [&](auto t) {
    using T = decltype(t);
    const Step<T> step(c, {2}, 3, 5);
    const auto momenta = pointers<T>(c.ins(2));
    c.run([=](const Target& on) {
      if constexpr (has_cuda && sizeof(T) > 0) {
        if (on.on_gpu()) return cuda::sgd_step<T>(on.stream(), step.counts(), step.lists(), momenta, momentum, nesterov);
      }
      static_cast<void>(on);
      sgd_step<T>(step.lists(), momenta, momentum, nesterov);
    });
  });
}

// adamStep(parameters, grads, firsts, seconds, steps, norm, dims, maxNorm, lr, weightDecay, beta1, beta2, epsilon)
void call_adam_step(Call& c) {
  c.expect_dims(6, 1);
  const DType dtype = checked_step(c, 5, 7);
  expect_like(c, c.ins(2), "firsts", c.ins(0));
  expect_like(c, c.ins(3), "seconds", c.ins(0));
  if (c.ins(4).size() != c.ins(0).size()) c.refuse("ERR_MG_SHAPE", "a step count for each parameter", c.ins(4).size());
  for (const Storage& t : c.ins(4)) c.expect(t, "steps", DType::float64, 1);
  const bool decoupled = c.dims(6)[0] != 0;
  const double beta1 = c.number(10), beta2 = c.number(11), epsilon = c.number(12);
  by_float(dtype, [&](auto t) {
    using T = decltype(t);
    const Step<T> step(c, {2, 3, 4}, 5, 7);
    const auto firsts = pointers<T>(c.ins(2)), seconds = pointers<T>(c.ins(3));
    const auto steps = pointers<double>(c.ins(4));
    c.run([=](const Target& on) {
      if constexpr (has_cuda && sizeof(T) > 0) {
        if (on.on_gpu())
          return cuda::adam_step<T>(on.stream(), step.counts(), step.lists(), firsts, seconds, steps, beta1, beta2, epsilon,
                                    decoupled);
      }
      static_cast<void>(on);
      adam_step<T>(step.lists(), firsts, seconds, steps, beta1, beta2, epsilon, decoupled);
    });
  });
}

// rmspropStep(parameters, grads, squares, means, momenta, norm, dims, maxNorm, lr, weightDecay, decay, epsilon, momentum)
void call_rmsprop_step(Call& c) {
  c.expect_dims(6, 1);
  const DType dtype = checked_step(c, 5, 7);
  if (c.dims(6)[0] >= static_cast<i64>(RmsPropFlavor::count)) c.refuse("ERR_MG_ARGUMENT", "a known flavor", c.dims(6)[0]);
  const RmsPropFlavor flavor = static_cast<RmsPropFlavor>(c.dims(6)[0]);
  expect_like(c, c.ins(2), "squares", c.ins(0));
  expect_like(c, c.ins(3), "means", c.ins(0), flavor != RmsPropFlavor::graves);
  expect_like(c, c.ins(4), "momenta", c.ins(0), true);
  const double decay = c.number(10), epsilon = c.number(11), momentum = c.number(12);
  by_float(dtype, [&](auto t) {
    using T = decltype(t);
    const Step<T> step(c, {2, 3, 4}, 5, 7);
    const auto squares = pointers<T>(c.ins(2)), means = pointers<T>(c.ins(3)), momenta = pointers<T>(c.ins(4));
    c.run([=](const Target& on) {
      if constexpr (has_cuda && sizeof(T) > 0) {
        if (on.on_gpu())
          return cuda::rmsprop_step<T>(on.stream(), step.counts(), step.lists(), flavor, squares, means, momenta, decay, epsilon,
                                       momentum);
      }
      static_cast<void>(on);
      rmsprop_step<T>(step.lists(), flavor, squares, means, momenta, decay, epsilon, momentum);
    });
  });
}

}  // namespace

OpRows optimizer_ops() {
  return {
      {"globalNorm", {ins("xs")}, "Storage", call_global_norm},
      {"clipByNorm", {ins("xs"), in("norm"), number("maxNorm")}, "Storage[]", call_clip_by_norm},
      {"clipByValue", {ins("xs"), number("limit")}, "Storage[]", call_clip_by_value},
      {"sgdStep",
       {ins("parameters"), ins("grads"), ins("momenta"), in_or_null("norm"), dims("dims"),
        number("maxNorm"), number("lr"), number("weightDecay"), number("momentum")},
       "void", call_sgd_step},
      {"adamStep",
       {ins("parameters"), ins("grads"), ins("firsts"), ins("seconds"), ins("steps"), in_or_null("norm"), dims("dims"),
        number("maxNorm"), number("lr"), number("weightDecay"), number("beta1"), number("beta2"), number("epsilon")},
       "void", call_adam_step},
      {"rmspropStep",
       {ins("parameters"), ins("grads"), ins("squares"), ins("means"), ins("momenta"), in_or_null("norm"), dims("dims"),
        number("maxNorm"), number("lr"), number("weightDecay"), number("decay"), number("epsilon"), number("momentum")},
       "void", call_rmsprop_step},
  };
}

}  // namespace mg
