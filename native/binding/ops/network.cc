// The fused multigrid network as ops.
#include "families.h"
#include "../network.h"

namespace mg {
namespace {

struct NetworkArguments : Args {
  using Args::Args;
  const std::vector<i64>& spec = integers("spec");
  const double forget_bias = number("forgetBias"), epsilon = number("epsilon"), budget = number("budget");
  const std::vector<Storage>&parameters = storages("parameters"), &fields = storages("fields");
  const std::vector<Storage>& state = storages("state");  // all hidden, then all cell; or none
};
struct NetworkBackwardArguments : NetworkArguments {
  using NetworkArguments::NetworkArguments;
  const std::vector<Storage>& outputs = storages("outputs");
  const Storage& saved = storage("saved");
  const std::vector<Storage>& gradients = storages_or_null("gradients");
  const std::vector<i64>& wanted = integers("wanted");  // whether the gradient of the state is
};

i64 field_count(const Plan& p, std::size_t i) {
  const Node& n = p.nodes[i];
  return p.spec.steps * p.spec.batch * n.area() * n.channels;
}
i64 output_count(const Plan& p, std::size_t i) {
  const Grid& g = p.grids[std::size_t(p.outputs[i])];
  return p.spec.steps * p.spec.batch * g.area() * g.channels;
}
i64 state_count(const Plan& p, std::size_t i) {
  const Grid& g = p.grids[std::size_t(p.states[i])];
  return p.spec.batch * g.area() * g.channels;
}

void expect_length(const Call& c, const char* name, std::size_t got, std::size_t expected) {
  if (got != expected) c.refuse("ERR_MG_SHAPE", std::to_string(expected) + " " + name, got);
}

// What both passes are given, checked against the plan.
struct Given {
  std::shared_ptr<const Plan> plan;
  std::shared_ptr<Recordings> recordings;  // on a GPU
  DType dtype;
  std::vector<Storage> parameters, fields, state;
};

Given given(Call& c, const NetworkArguments& a) {
  Given g;
  g.parameters = a.parameters;
  g.fields = a.fields;
  g.state = a.state;
  if (g.parameters.empty()) c.refuse("ERR_MG_SHAPE", "parameters", "none");
  c.expect_float(g.parameters[0], "parameters");
  g.dtype = g.parameters[0].dtype;
  const PlannedNetwork found =
      planned_network(c.op(), NetworkKey{a.spec, a.forget_bias, a.epsilon, a.budget, dtype_bytes(g.dtype)}, c.workers());
  g.plan = found.plan;
  g.recordings = found.recordings;
  const Plan& p = *g.plan;
  if ((p.spec.machine == Machine::cuda) != c.on_gpu())
    c.refuse("ERR_MG_DEVICE", "a network described for the device of its tensors", "one for the other kind");
  expect_length(c, "parameters", g.parameters.size(), p.parameters.size());
  for (std::size_t i = 0; i < g.parameters.size(); i++)
    c.expect(g.parameters[i], p.parameters[i].name.c_str(), g.dtype, p.parameters[i].size);
  expect_length(c, "fields", g.fields.size(), p.spec.fields.size());
  for (std::size_t i = 0; i < g.fields.size(); i++) c.expect(g.fields[i], "field", g.dtype, field_count(p, i));
  if (!g.state.empty()) expect_length(c, "states", g.state.size(), 2 * p.states.size());
  for (std::size_t i = 0; i < g.state.size(); i++) c.expect(g.state[i], "state", g.dtype, state_count(p, i % p.states.size()));
  return g;
}

// Pointers to the data of storages; null where there is none. They live as long as the job that holds the storages.
template <class T>
std::vector<T*> pointers(const std::vector<Storage>& storages, std::size_t first, std::size_t count) {
  std::vector<T*> list;
  for (std::size_t i = first; i < first + count; i++) list.push_back(i < storages.size() ? or_null<T>(storages[i]) : nullptr);
  return list;
}

// The tensors that both passes are given, as a kernel takes them.
template <class T>
struct NetworkPointers {
  std::vector<T*> parameters, fields, hidden0, cell0, outputs;
  NetworkArgs<T> args;

  NetworkPointers(const Given& g, const std::vector<Storage>& y, const Storage& saved, const Storage& workspace)
      : parameters(pointers<T>(g.parameters, 0, g.parameters.size())), fields(pointers<T>(g.fields, 0, g.fields.size())),
        hidden0(pointers<T>(g.state, 0, g.plan->states.size())),
        cell0(pointers<T>(g.state, g.plan->states.size(), g.plan->states.size())), outputs(pointers<T>(y, 0, y.size())) {
    args.parameters = parameters.data();
    args.fields = fields.data();
    args.hidden0 = hidden0.data();
    args.cell0 = cell0.data();
    args.outputs = outputs.data();
    args.saved = saved.as<char>();
    args.workspace = workspace.as<char>();
  }
  NetworkPointers(const NetworkPointers&) = delete;
};

void call_forward(Call& c, const NetworkArguments& a) {
  const Given g = given(c, a);
  const Plan& p = *g.plan;
  std::vector<Storage> outputs, state;
  for (std::size_t i = 0; i < p.outputs.size(); i++) outputs.push_back(c.result(g.dtype, output_count(p, i)));
  for (std::size_t i = 0; i < 2 * p.states.size(); i++) state.push_back(c.result(g.dtype, state_count(p, i % p.states.size())));
  const Storage saved = c.result(DType::uint8, p.saved_bytes), workspace = c.workspace(p.workspace_bytes);
  const Storage tables = c.on_gpu() ? g.recordings->tables(p, saved.place(), 0) : Storage{};
  c.run(g.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    const std::size_t states = g.plan->states.size();
    const auto hidden = pointers<T>(state, 0, states), cell = pointers<T>(state, states, states);
    NetworkPointers<T> tensors(g, outputs, saved, workspace);
    tensors.args.hidden = hidden.data();
    tensors.args.cell = cell.data();
    MG_EITHER(on.on_gpu(), cuda::network_forward<T>(on.stream(), *g.plan, tensors.args, g.recordings->pass(tables, on.place, 0)),
              network_forward<T>(*g.plan, tensors.args));
  });
}

void call_backward(Call& c, const NetworkBackwardArguments& a) {
  const Given g = given(c, a);
  const Plan& p = *g.plan;
  if (!p.spec.backward) c.refuse("ERR_MG_ARGUMENT", "a network planned for a backward pass", "one for inference");
  const std::vector<Storage> outputs = a.outputs, gradients = a.gradients;
  const std::size_t states = p.states.size();
  expect_length(c, "outputs", outputs.size(), p.outputs.size());
  expect_length(c, "gradients", gradients.size(), outputs.size() + 2 * states);
  for (std::size_t i = 0; i < outputs.size(); i++) c.expect(outputs[i], "output", g.dtype, output_count(p, i));
  for (std::size_t i = 0; i < gradients.size(); i++) {
    if (!gradients[i].buffer) continue;
    const i64 count = i < outputs.size() ? output_count(p, i) : state_count(p, (i - outputs.size()) % states);
    c.expect(gradients[i], "gradient", g.dtype, count);
  }
  const Storage saved = a.saved;
  c.expect(saved, "saved", DType::uint8, p.saved_bytes);
  const bool wants_state = a.wanted.size() == 1 && a.wanted[0] != 0;
  std::vector<Storage> dparameters, dfields(p.spec.fields.size()), dstate;
  for (const Parameter& parameter : p.parameters) dparameters.push_back(c.result(g.dtype, parameter.size));
  for (std::size_t i = 0; i < dfields.size(); i++)
    if (p.spec.fields[i].gradient) dfields[i] = c.result(g.dtype, field_count(p, i));
  for (std::size_t i = 0; wants_state && i < 2 * states; i++) dstate.push_back(c.result(g.dtype, state_count(p, i % states)));
  const Storage workspace = c.workspace(p.workspace_bytes);
  const Storage tables = c.on_gpu() ? g.recordings->tables(p, workspace.place(), 1) : Storage{};
  c.run(g.dtype, [=](const Target& on, auto t) {
    using T = decltype(t);
    const std::size_t n = outputs.size(), count = g.plan->states.size();
    const NetworkPointers<T> tensors(g, outputs, saved, workspace);
    const auto dy = pointers<T>(gradients, 0, n);
    const auto dhidden = pointers<T>(gradients, n, count), dcell = pointers<T>(gradients, n + count, count);
    const auto dp = pointers<T>(dparameters, 0, dparameters.size()), df = pointers<T>(dfields, 0, dfields.size());
    const auto dhidden0 = pointers<T>(dstate, 0, count), dcell0 = pointers<T>(dstate, count, count);
    NetworkGradients<T> grads;
    grads.outputs = dy.data();
    grads.hidden = dhidden.data();
    grads.cell = dcell.data();
    grads.parameters = dp.data();
    grads.fields = df.data();
    grads.hidden0 = dhidden0.data();
    grads.cell0 = dcell0.data();
    MG_EITHER(on.on_gpu(),
              cuda::network_backward<T>(on.stream(), *g.plan, tensors.args, grads, g.recordings->pass(tables, on.place, 1)),
              network_backward<T>(*g.plan, tensors.args, grads));
  });
}

}  // namespace

OpRows network_ops() {
  return {
      op<call_forward>("networkForward", "Storage[]"),
      op<call_backward>("networkBackward", "Storage[]"),
  };
}

}  // namespace mg
