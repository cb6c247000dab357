// The fused multigrid network as ops.
#include "families.h"
#include "network.h"

namespace mg {
namespace {

NetworkKey key_of(const Call& c, DType dtype) {
  return {c.dims(0), c.number(1), c.number(2), c.number(3), dtype_bytes(dtype)};
}

// Where the arguments lie in both calls: (spec, forgetBias, epsilon, budget, parameters, fields, state, …).
constexpr std::size_t kParameters = 4, kFields = 5, kState = 6, kOutputs = 7, kSaved = 8, kGradients = 9, kWanted = 10;

i64 field_count(const Plan& p, std::size_t i) {
  const Node& n = p.nodes[i];
  return p.spec.steps * p.spec.batch * n.area() * n.channels;
}
i64 output_count(const Plan& p, std::size_t i) {
  const Grid& g = p.grids[static_cast<std::size_t>(p.outputs[i])];
  return p.spec.steps * p.spec.batch * g.area() * g.channels;
}
i64 state_count(const Plan& p, std::size_t i) {
  const Grid& g = p.grids[static_cast<std::size_t>(p.states[i])];
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
  std::vector<Storage> parameters, fields, state;  // state: all hidden, then all cell; or none
};

Given given(Call& c) {
  Given g;
  g.parameters = c.ins(kParameters);
  g.fields = c.ins(kFields);
  g.state = c.ins(kState);
  if (g.parameters.empty()) c.refuse("ERR_MG_SHAPE", "parameters", "none");
  c.expect_float(g.parameters[0], "parameters");
  g.dtype = g.parameters[0].dtype;
  const PlannedNetwork found = planned_network(c.op(), key_of(c, g.dtype), c.workers());
  g.plan = found.plan;
  g.recordings = found.recordings;
  const Plan& p = *g.plan;
  if ((p.spec.machine == Machine::cuda) != c.on_gpu())
    c.refuse("ERR_MG_DEVICE", "a network described for the device of its tensors", "one for the other kind");
  expect_length(c, "parameters", g.parameters.size(), p.parameters.size());
  for (std::size_t i = 0; i < g.parameters.size(); ++i)
    c.expect(g.parameters[i], p.parameters[i].name.c_str(), g.dtype, p.parameters[i].size);
  expect_length(c, "fields", g.fields.size(), p.spec.fields.size());
  for (std::size_t i = 0; i < g.fields.size(); ++i) c.expect(g.fields[i], "field", g.dtype, field_count(p, i));
  if (!g.state.empty()) expect_length(c, "states", g.state.size(), 2 * p.states.size());
  for (std::size_t i = 0; i < g.state.size(); ++i) c.expect(g.state[i], "state", g.dtype, state_count(p, i % p.states.size()));
  return g;
}

// Pointers to the data of storages; null where there is none. They live as long as the job that holds the storages.
template <class T>
std::vector<T*> pointers(const std::vector<Storage>& storages, std::size_t first, std::size_t count) {
  std::vector<T*> list;
  for (std::size_t i = first; i < first + count; ++i)
    list.push_back(i < storages.size() && storages[i].buffer ? storages[i].as<T>() : nullptr);
  return list;
}

void call_forward(Call& c) {
  const Given g = given(c);
  const Plan& p = *g.plan;
  std::vector<Storage> outputs, state;
  for (std::size_t i = 0; i < p.outputs.size(); ++i) outputs.push_back(c.result(g.dtype, output_count(p, i)));
  for (std::size_t i = 0; i < 2 * p.states.size(); ++i) state.push_back(c.result(g.dtype, state_count(p, i % p.states.size())));
  const Storage saved = c.result(DType::uint8, p.saved_bytes), workspace = c.workspace(p.workspace_bytes);
  const Storage tables = c.on_gpu() ? g.recordings->tables(p, saved.place(), 0) : Storage{};
  c.run([=](const Target& on) {
    by_float(g.dtype, [&](auto t) {
      using T = decltype(t);
      const std::size_t states = g.plan->states.size();
      const auto parameters = pointers<T>(g.parameters, 0, g.parameters.size());
      const auto fields = pointers<T>(g.fields, 0, g.fields.size());
      const auto hidden0 = pointers<T>(g.state, 0, states), cell0 = pointers<T>(g.state, states, states);
      const auto y = pointers<T>(outputs, 0, outputs.size());
      const auto hidden = pointers<T>(state, 0, states), cell = pointers<T>(state, states, states);
      NetworkArgs<T> args;
      args.parameters = parameters.data();
      args.fields = fields.data();
      args.hidden0 = hidden0.data();
      args.cell0 = cell0.data();
      args.outputs = y.data();
      args.hidden = hidden.data();
      args.cell = cell.data();
      args.saved = saved.as<char>();
      args.workspace = workspace.as<char>();
      if constexpr (has_cuda && sizeof(T) > 0) {
        cuda::RecordedPass* const pass = on.on_gpu() ? g.recordings->template pass<T>(tables, on.place, 0) : nullptr;
        if (on.on_gpu()) return cuda::network_forward<T>(on.stream(), *g.plan, args, pass);
      }
      static_cast<void>(on);
      network_forward<T>(*g.plan, args);
    });
  });
}

void call_backward(Call& c) {
  const Given g = given(c);
  const Plan& p = *g.plan;
  if (!p.spec.backward) c.refuse("ERR_MG_ARGUMENT", "a network planned for a backward pass", "one for inference");
  const std::vector<Storage> outputs = c.ins(kOutputs), gradients = c.ins(kGradients);
  const std::size_t states = p.states.size();
  expect_length(c, "outputs", outputs.size(), p.outputs.size());
  expect_length(c, "gradients", gradients.size(), outputs.size() + 2 * states);
  for (std::size_t i = 0; i < outputs.size(); ++i) c.expect(outputs[i], "output", g.dtype, output_count(p, i));
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (!gradients[i].buffer) continue;
    const i64 count = i < outputs.size() ? output_count(p, i) : state_count(p, (i - outputs.size()) % states);
    c.expect(gradients[i], "gradient", g.dtype, count);
  }
  const Storage saved = c.in(kSaved);
  c.expect(saved, "saved", DType::uint8, p.saved_bytes);
  const bool wants_state = c.dims(kWanted).size() == 1 && c.dims(kWanted)[0] != 0;
  std::vector<Storage> dparameters, dfields(p.spec.fields.size()), dstate;
  for (const Parameter& parameter : p.parameters) dparameters.push_back(c.result(g.dtype, parameter.size));
  for (std::size_t i = 0; i < dfields.size(); ++i)
    if (p.spec.fields[i].gradient) dfields[i] = c.result(g.dtype, field_count(p, i));
  for (std::size_t i = 0; wants_state && i < 2 * states; ++i) dstate.push_back(c.result(g.dtype, state_count(p, i % states)));
  const Storage workspace = c.workspace(p.workspace_bytes);
  const Storage tables = c.on_gpu() ? g.recordings->tables(p, workspace.place(), 1) : Storage{};
  c.run([=](const Target& on) {
    by_float(g.dtype, [&](auto t) {
      using T = decltype(t);
      const std::size_t n = outputs.size(), count = g.plan->states.size();
      const auto parameters = pointers<T>(g.parameters, 0, g.parameters.size());
      const auto fields = pointers<T>(g.fields, 0, g.fields.size());
      const auto hidden0 = pointers<T>(g.state, 0, count), cell0 = pointers<T>(g.state, count, count);
      const auto y = pointers<T>(outputs, 0, n);
      NetworkArgs<T> args;
      args.parameters = parameters.data();
      args.fields = fields.data();
      args.hidden0 = hidden0.data();
      args.cell0 = cell0.data();
      args.outputs = y.data();
      args.saved = saved.as<char>();
      args.workspace = workspace.as<char>();
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
      if constexpr (has_cuda && sizeof(T) > 0) {
        cuda::RecordedPass* const pass = on.on_gpu() ? g.recordings->template pass<T>(tables, on.place, 1) : nullptr;
        if (on.on_gpu()) return cuda::network_backward<T>(on.stream(), *g.plan, args, grads, pass);
      }
      static_cast<void>(on);
      network_backward<T>(*g.plan, args, grads);
    });
  });
}

}  // namespace

OpRows network_ops() {
  return {
      {"networkForward",
       {dims("spec"), number("forgetBias"), number("epsilon"), number("budget"), ins("parameters"), ins("fields"), ins("state")},
       "Storage[]",
       call_forward},
      {"networkBackward",
       {dims("spec"), number("forgetBias"), number("epsilon"), number("budget"), ins("parameters"), ins("fields"), ins("state"),
        ins("outputs"), in("saved"), ins_or_null("gradients"), dims("wanted")},
       "Storage[]",
       call_backward},
  };
}

}  // namespace mg
