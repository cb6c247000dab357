// What the addon exports beside the ops: storages, the queue, memory, threads, and a description of itself.
#include <napi.h>

#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>

#include "../base/pool.h"
#include "../base/simd.h"
#include "args.h"
#include "env.h"
#include "guarded.h"
#include "network.h"
#include "ops.h"
#include "storage.h"

namespace mg {
namespace {

using Info = const Napi::CallbackInfo&;

// init(errorClass): the class of every error thrown from here on; MgError in practice.
Napi::Value init(Info info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    if (!info[0].IsFunction()) fail("ERR_MG_ARGUMENT", "init: expected errorClass to be a class, got " + describe_value(info[0]));
    Environment::of(env).set_error_class(info[0].As<Napi::Function>());
    return env.Undefined();
  });
}

DType dtype_of(const char* op, Napi::Value value) {
  const i64 code = arg_count(op, "dtype", value);
  if (code > 3) fail("ERR_MG_DTYPE", std::string(op) + ": expected a dtype code of 0 to 3, got " + std::to_string(code));
  return static_cast<DType>(code);
}

// allocate(dtype, count): zeros.
Napi::Value allocate_zeros(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const DType dtype = dtype_of("allocate", info[0]);
    const i64 count = arg_count("allocate", "count", info[1]);
    if (count > std::numeric_limits<i64>::max() / 16) fail("ERR_MG_MEMORY", "allocate: expected a possible size, got " + std::to_string(count));
    const Storage s = make_storage(dtype, count);
    Environment::of(info.Env()).enqueue([s] { std::memset(s.as<char>(), 0, static_cast<std::size_t>(s.bytes())); });
    return wrap_storage(info.Env(), s);
  });
}

// fromArray(data): a copy, with the dtype of the typed array.
Napi::Value from_array(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Bytes bytes = arg_typed_array("fromArray", "data", info[0]);
    const Storage s = make_storage(bytes.dtype, bytes.count);
    if (bytes.bytes > 0) std::memcpy(s.as<char>(), bytes.data, static_cast<std::size_t>(bytes.bytes));
    return wrap_storage(info.Env(), s);
  });
}

// write(storage, data): copies data now, puts it into the storage in queue order.
Napi::Value write(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Storage to = arg_storage("write", "storage", info[0]);
    const Bytes bytes = arg_typed_array("write", "data", info[1]);
    if (bytes.dtype != to.dtype || bytes.count != to.count)
      fail("ERR_MG_SHAPE", std::string("write: expected data of ") + dtype_name(to.dtype) + " × " + std::to_string(to.count) + ", got " +
                               dtype_name(bytes.dtype) + " × " + std::to_string(bytes.count));
    const Storage from = make_storage(bytes.dtype, bytes.count);
    if (bytes.bytes > 0) std::memcpy(from.as<char>(), bytes.data, static_cast<std::size_t>(bytes.bytes));
    Environment::of(info.Env()).enqueue([from, to] { std::memcpy(to.as<char>(), from.as<char>(), static_cast<std::size_t>(to.bytes())); });
    return info.Env().Undefined();
  });
}

// slice(storage, offset, count): the same bytes, a shorter range.
Napi::Value slice(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Storage s = arg_storage("slice", "storage", info[0]);
    const i64 offset = arg_count("slice", "offset", info[1]), count = arg_count("slice", "count", info[2]);
    if (offset > s.count || count > s.count - offset)
      fail("ERR_MG_SHAPE", "slice: expected a range inside " + std::to_string(s.count) + " elements, got " + std::to_string(offset) + " + " +
                               std::to_string(count));
    s.offset_bytes += offset * dtype_bytes(s.dtype);
    s.count = count;
    return wrap_storage(info.Env(), s);
  });
}

Napi::Value release(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Storage* s = unwrap_storage(info.Env(), info[0]);
    if (s == nullptr) fail("ERR_MG_ARGUMENT", "release: expected storage to be a Storage, got " + describe_value(info[0]));
    release_storage(info.Env(), *s);
    return info.Env().Undefined();
  });
}

// read(storage): a promise of the bytes as they are once all work queued before has run.
Napi::Value read(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Storage s = arg_storage("read", "storage", info[0]);
    const Storage copy = make_storage(s.dtype, s.count);
    return Environment::of(info.Env()).promise(
        info.Env(), [s, copy] { std::memcpy(copy.as<char>(), s.as<char>(), static_cast<std::size_t>(s.bytes())); },
        [copy](Napi::Env env) -> Napi::Value {
          Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, static_cast<std::size_t>(copy.bytes()));
          if (copy.bytes() > 0) std::memcpy(buffer.Data(), copy.as<char>(), static_cast<std::size_t>(copy.bytes()));
          return buffer;
        });
  });
}

// readSync(storage): the same, blocking.
Napi::Value read_sync(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Storage s = arg_storage("readSync", "storage", info[0]);
    Environment::of(info.Env()).queue().wait_idle();
    Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(info.Env(), static_cast<std::size_t>(s.bytes()));
    if (s.bytes() > 0) std::memcpy(buffer.Data(), s.as<char>(), static_cast<std::size_t>(s.bytes()));
    return buffer;
  });
}

Napi::Value sync(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Environment::of(info.Env()).promise(info.Env(), [] {}, [](Napi::Env env) -> Napi::Value { return env.Undefined(); });
  });
}

Napi::Value set_sync_mode(Info info) {
  Environment::of(info.Env()).runs_each_op_to_its_end = info[0].ToBoolean();
  return info.Env().Undefined();
}

Napi::Value memory(Info info) {
  const MemoryStats stats = memory_stats();
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("live", stats.live_bytes);
  object.Set("cached", stats.cached_bytes);
  object.Set("peak", stats.peak_bytes);
  object.Set("allocations", stats.allocations);
  return object;
}

Napi::Value empty_cached_memory(Info info) {
  empty_cache();
  return info.Env().Undefined();
}

Napi::Value limit_memory(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const double bytes = arg_number("setMemoryLimit", "bytes", info[0]);
    if (!(bytes >= 0)) fail("ERR_MG_ARGUMENT", "setMemoryLimit: expected bytes of at least 0, got " + std::to_string(bytes));
    set_memory_limit(bytes);
    return info.Env().Undefined();
  });
}

Napi::Value fail_allocation(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const double successes = arg_number("setAllocationFault", "successes", info[0]);
    if (!(successes >= -1 && successes <= 9007199254740991.0))
      fail("ERR_MG_ARGUMENT", "setAllocationFault: expected successes of -1 to 2^53 - 1, got " + std::to_string(successes));
    set_allocation_fault(static_cast<long long>(successes));
    return info.Env().Undefined();
  });
}

Napi::Value set_threads(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const i64 count = arg_count("setThreads", "count", info[0]);
    if (count < 1 || count > 1024) fail("ERR_MG_ARGUMENT", "setThreads: expected a count of 1 to 1024, got " + std::to_string(count));
    Environment::of(info.Env()).queue().wait_idle();
    Pool::get().resize(static_cast<int>(count));
    return info.Env().Undefined();
  });
}

// planNetwork(spec, forgetBias, epsilon, budget, dtype): what a fused network will do, for people and for TypeScript.
Napi::Value plan_network_for(Info info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const char* op = "planNetwork";
    const NetworkKey key{arg_dims(op, "spec", info[0]), arg_number(op, "forgetBias", info[1]), arg_number(op, "epsilon", info[2]),
                         arg_number(op, "budget", info[3]), dtype_bytes(dtype_of(op, info[4]))};
    const std::shared_ptr<const Plan> plan = network_plan(op, key);
    Napi::Array parameters = Napi::Array::New(env);
    Napi::Array shapes = Napi::Array::New(env);
    for (const Parameter& parameter : plan->parameters) {
      parameters.Set(parameters.Length(), parameter.name);
      Napi::Array shape = Napi::Array::New(env);
      for (const i64 side : parameter.shape) shape.Set(shape.Length(), static_cast<double>(side));
      shapes.Set(shapes.Length(), shape);
    }
    const auto places = [&](const std::vector<int>& grids) {
      Napi::Array list = Napi::Array::New(env);
      for (const int index : grids) {
        const Grid& grid = plan->grids[static_cast<std::size_t>(index)];
        Napi::Array place = Napi::Array::New(env, 2);
        place.Set(0u, grid.layer);
        place.Set(1u, grid.level);
        list.Set(list.Length(), place);
      }
      return list;
    };
    Napi::Object object = Napi::Object::New(env);
    object.Set("path", plan->path);
    object.Set("workspaceBytes", static_cast<double>(plan->workspace_bytes));
    object.Set("savedBytes", static_cast<double>(plan->saved_bytes));
    object.Set("launches", static_cast<double>(plan->launches));
    object.Set("forwardFlop", plan->forward_flop);
    object.Set("parameters", parameters);
    object.Set("parameterShapes", shapes);
    object.Set("outputs", places(plan->outputs));
    object.Set("states", places(plan->states));
    return object;
  });
}

// describe(): what was compiled in, and every op with its argument kinds.
Napi::Value describe(Info info) {
  const Napi::Env env = info.Env();
  Napi::Object object = Napi::Object::New(env);
  object.Set("contract", MG_CONTRACT_HASH);
  object.Set("compiler", __VERSION__);
  object.Set("simd", simd_path_name());
  object.Set("threads", Pool::get().size());
  object.Set("ops", describe_ops(env));
  return object;
}

Napi::Object start(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Environment(env));
  const auto add = [&](const char* name, Napi::Value (*f)(Info)) { exports.Set(name, Napi::Function::New(env, f, name)); };
  add("init", init);
  add("allocate", allocate_zeros);
  add("fromArray", from_array);
  add("write", write);
  add("slice", slice);
  add("release", release);
  add("read", read);
  add("readSync", read_sync);
  add("sync", sync);
  add("setSyncMode", set_sync_mode);
  add("memory", memory);
  add("emptyCache", empty_cached_memory);
  add("setMemoryLimit", limit_memory);
  add("setAllocationFault", fail_allocation);
  add("setThreads", set_threads);
  add("planNetwork", plan_network_for);
  add("describe", describe);
  export_ops(env, exports);
  return exports;
}

}  // namespace
}  // namespace mg

static Napi::Object initialize(Napi::Env env, Napi::Object exports) { return mg::start(env, exports); }
NODE_API_MODULE(multigrid_memory, initialize)
