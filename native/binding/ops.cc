// How a row of the op table is called: its arguments read, its outputs made, its job queued.
#include "ops.h"

#include <new>

#include "../base/check.h"
#include "guarded.h"
#include "ops/families.h"
#include "storage.h"

namespace mg {
namespace {

std::string sizes(DType dtype, i64 count) { return std::string(dtype_name(dtype)) + " × " + std::to_string(count); }

// Never destroyed: finalizers may outlive static destructors.
const OpRows& table() {
  static const OpRows* const rows = [] {
    auto* all = new OpRows;
    const OpRows families[] = {
        conv_ops(),   dam_ops(),     dnc_ops(),       elementwise_ops(), grid_ops(), layout_ops(), loss_ops(),
        matmul_ops(), network_ops(), optimizer_ops(), reduce_ops(),      sam_ops(),  step_ops(),
    };
    for (const OpRows& family : families) all->insert(all->end(), family.begin(), family.end());
    return all;
  }();
  return *rows;
}

// For the message of a fault that shows only later: " (float32 × 6, 2 tensors, 3 4 5)".
std::string described(const std::vector<ArgValue>& values) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? " (" : ", ") + part; };
  for (const ArgValue& v : values) {
    if (v.storage.buffer) add(sizes(v.storage.dtype, v.storage.count));
    if (!v.storages.empty()) add(std::to_string(v.storages.size()) + " tensors");
    if (v.dims.empty()) continue;
    std::string numbers;
    for (const i64 n : v.dims) numbers += (numbers.empty() ? "" : " ") + std::to_string(n);
    add(numbers);
  }
  return text.empty() ? text : text + ")";
}

Napi::Value invoke(const Napi::CallbackInfo& info) {
  const OpRow& row = *static_cast<const OpRow*>(info.Data());
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    Call call(row.name, Environment::of(env));
    call.values_.reserve(row.args.size());
    ArgReader reader(row.name, info, call.values_);
    row.call(call, reader);
    if (row.returns[0] == 'v') return env.Undefined();
    if (std::string(row.returns) == "Storage") return wrap_storage(env, call.results_.at(0));
    const Napi::Array array = Napi::Array::New(env, call.results_.size());
    for (std::size_t i = 0; i < call.results_.size(); i++) array.Set(std::uint32_t(i), wrap_storage(env, call.results_[i]));
    return array;
  });
}

}  // namespace

void Call::refuse(const char* code, const std::string& expected, const std::string& got) const {
  fail(code, std::string(op_) + ": expected " + expected + ", got " + got);
}

void Call::expect(const Storage& storage, const char* name, DType dtype, i64 count) const {
  if (storage.dtype != dtype) refuse("ERR_MG_DTYPE", std::string(name) + " of " + dtype_name(dtype), dtype_name(storage.dtype));
  if (storage.count != count)
    refuse("ERR_MG_SHAPE", std::string(name) + " of " + sizes(dtype, count), sizes(dtype, storage.count));
}

void Call::expect_float(const Storage& storage, const char* name) const {
  if (storage.dtype != DType::float32 && storage.dtype != DType::float64)
    refuse("ERR_MG_DTYPE", std::string(name) + " of float32 or float64", dtype_name(storage.dtype));
}

void Call::expect_dims(const std::vector<i64>& dims, std::size_t length) const {
  if (dims.size() != length) refuse("ERR_MG_SHAPE", std::to_string(length) + " dims", dims.size());
  for (const i64 n : dims)
    if (n < 0) refuse("ERR_MG_SHAPE", "dims of at least 0", n);
}

Storage Call::result(DType dtype, i64 count) {
  results_.push_back(make_storage(dtype, count, place_));
  return results_.back();
}

std::shared_ptr<const bool> Call::continues() const {
  return environment_.recording ? environment_.recording->continues : nullptr;
}

void Call::settle_place() {
  const Storage* first = nullptr;
  const auto look = [&](const Storage& s) {
    if (!s.buffer) return;
    if (first == nullptr) first = &s;
    if (s.place() != first->place())
      refuse("ERR_MG_DEVICE", "all tensors on " + place_name(first->place()), "one on " + place_name(s.place()));
  };
  for (const ArgValue& value : values_) {
    look(value.storage);
    for (const Storage& s : value.storages) look(s);
  }
  place_ = first != nullptr ? first->place() : environment_.new_place;
}

void Call::expect_cpu() const {
  if (on_gpu()) refuse("ERR_MG_DEVICE", "tensors on cpu", "ones on " + place_name(place_) + "; this op has no CUDA kernel");
}

// A job on the CPU has no reason to fail; one on a GPU leaves its fault for the next reader.
void Call::enqueue(std::function<void()> job) {
  if (!on_gpu()) {
    environment_.enqueue([job = std::move(job), workers = workers_] {
      const Pool::Limit limit(workers);
      job();
    });
    return;
  }
  environment_.enqueue([job = std::move(job), what = op_ + described(values_), place = place_, &environment = environment_,
                        waits = environment_.runs_each_op_to_its_end] {
    try {
      job();
      if (waits) cuda::wait(place);
    } catch (const Error& error) {
      environment.record_fault(error.code(), what + ": " + error.what());
    }
  });
  if (environment_.runs_each_op_to_its_end) environment_.throw_fault();
}

void export_ops(Napi::Env env, Napi::Object exports) {
  for (const OpRow& row : table()) exports.Set(row.name, Napi::Function::New(env, invoke, row.name, const_cast<OpRow*>(&row)));
}

Napi::Value describe_ops(Napi::Env env) {
  const Napi::Object all = Napi::Object::New(env);
  for (const OpRow& row : table()) {
    Napi::Array args = Napi::Array::New(env, row.args.size());
    for (std::size_t i = 0; i < row.args.size(); i++) {
      Napi::Object arg = Napi::Object::New(env);
      arg.Set("name", row.args[i].name);
      arg.Set("type", kind_name(row.args[i].kind));
      args.Set(std::uint32_t(i), arg);
    }
    Napi::Object op = Napi::Object::New(env);
    op.Set("args", args);
    op.Set("returns", row.returns);
    all.Set(row.name, op);
  }
  return all;
}

}  // namespace mg
