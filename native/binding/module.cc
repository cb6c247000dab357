// What the addon exports beside the ops: storages, the queue, memory, threads, and a description of itself.
#include <napi.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
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

// From one place to another; a copy to the CPU has arrived when this returns.
void copy(const Storage& from, const Storage& to) {
  const std::size_t bytes = static_cast<std::size_t>(to.bytes());
  if (from.on_gpu() && to.on_gpu()) {
    if (from.place() == to.place()) return cuda::copy_within(to.place(), to.as<char>(), from.as<char>(), bytes);
    const Storage between = make_storage(from.dtype, from.count, on_cpu_pinned);
    copy(from, between);
    copy(between, to);
  } else if (from.on_gpu()) {
    cuda::copy_out(from.place(), to.as<char>(), from.as<char>(), bytes);
    cuda::wait(from.place());
  } else if (to.on_gpu()) {
    cuda::copy_in(to.place(), to.as<char>(), from.as<char>(), bytes);
    cuda::hold_until_passed(to.place(), from.buffer);
  } else {
    std::memcpy(to.as<char>(), from.as<char>(), bytes);
  }
}

void enqueue_copy(Napi::Env env, std::function<void()> job) {
  Environment& environment = Environment::of(env);
  environment.enqueue([job = std::move(job), &environment] {
    try {
      job();
    } catch (const Error& error) {
      environment.record_fault(error.code(), error.what());
    }
  });
}

Storage host_copy(const Bytes& bytes, int place) {
  const Storage s = make_storage(bytes.dtype, bytes.count, place);
  if (bytes.bytes > 0) std::memcpy(s.as<char>(), bytes.data, static_cast<std::size_t>(bytes.bytes));
  return s;
}

Napi::Value array_buffer(Napi::Env env, const Storage& s) {
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, static_cast<std::size_t>(s.bytes()));
  if (s.bytes() > 0) std::memcpy(buffer.Data(), s.as<char>(), static_cast<std::size_t>(s.bytes()));
  return buffer;
}

// A place by number: −1 the CPU, n the n-th CUDA device; or ERR_MG_NO_DEVICE with the reason.
int arg_place(const char* op, Napi::Value value) {
  const double number = arg_number(op, "place", value);
  const cuda::Probe& probe = cuda::probe();
  if (number == on_cpu) return on_cpu;
  if (!(number >= 0 && number < static_cast<double>(probe.devices.size()) && std::floor(number) == number))
    fail("ERR_MG_NO_DEVICE", std::string(op) + ": expected a device that is here, got number " + value.ToString().Utf8Value() +
                                 (probe.reason.empty() ? "" : ": " + probe.reason));
  return static_cast<int>(number);
}

// usePlace(place): where storages are made that have no argument to be beside.
Napi::Value use_place(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Environment::of(info.Env()).new_place = arg_place("usePlace", info[0]);
    return info.Env().Undefined();
  });
}

Napi::Value place_of(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value { return Napi::Number::New(info.Env(), arg_storage("placeOf", "storage", info[0]).place()); });
}

// copyTo(storage, place): the same values there.
Napi::Value copy_to(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Storage from = arg_storage("copyTo", "storage", info[0]);
    const Storage to = make_storage(from.dtype, from.count, arg_place("copyTo", info[1]));
    if (to.on_gpu() && !from.on_gpu()) {
      const Storage between = make_storage(from.dtype, from.count, on_cpu_pinned);
      enqueue_copy(info.Env(), [from, between, to] { copy(from, between), copy(between, to); });
    } else {
      enqueue_copy(info.Env(), [from, to] { copy(from, to); });
    }
    return wrap_storage(info.Env(), to);
  });
}

// cuda(): the CUDA devices that can be used, and why there are not more.
Napi::Value cuda_devices(Info info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const cuda::Probe& probe = cuda::probe();
    Napi::Array devices = Napi::Array::New(env);
    for (std::size_t n = 0; n < probe.devices.size(); ++n) {
      const cuda::DeviceInfo& found = probe.devices[n];
      const MemoryStats stats = cuda::memory_stats(static_cast<int>(n));
      Napi::Object device = Napi::Object::New(env);
      device.Set("name", found.name);
      device.Set("capability", found.major + found.minor / 10.0);
      device.Set("total", found.total_bytes);
      device.Set("free", cuda::free_bytes(static_cast<int>(n)));
      device.Set("live", stats.live_bytes);
      device.Set("cached", stats.cached_bytes);
      device.Set("peak", stats.peak_bytes);
      devices.Set(static_cast<std::uint32_t>(n), device);
    }
    Napi::Object object = Napi::Object::New(env);
    object.Set("devices", devices);
    object.Set("reason", probe.reason);
    return object;
  });
}

// allocate(dtype, count): zeros.
Napi::Value allocate_zeros(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const DType dtype = dtype_of("allocate", info[0]);
    const i64 count = arg_count("allocate", "count", info[1]);
    if (count > std::numeric_limits<i64>::max() / 16) fail("ERR_MG_MEMORY", "allocate: expected a possible size, got " + std::to_string(count));
    const Storage s = make_storage(dtype, count, Environment::of(info.Env()).new_place);
    enqueue_copy(info.Env(), [s] {
      if (s.on_gpu()) cuda::clear(s.place(), s.as<char>(), static_cast<std::size_t>(s.bytes()));
      else std::memset(s.as<char>(), 0, static_cast<std::size_t>(s.bytes()));
    });
    return wrap_storage(info.Env(), s);
  });
}

// fromArray(data): a copy, with the dtype of the typed array.
Napi::Value from_array(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Bytes bytes = arg_typed_array("fromArray", "data", info[0]);
    const int place = Environment::of(info.Env()).new_place;
    const Storage s = host_copy(bytes, place < 0 ? on_cpu : on_cpu_pinned);
    if (place < 0) return wrap_storage(info.Env(), s);
    const Storage there = make_storage(s.dtype, s.count, place);
    enqueue_copy(info.Env(), [s, there] { copy(s, there); });
    return wrap_storage(info.Env(), there);
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
    const Storage from = host_copy(bytes, to.on_gpu() ? on_cpu_pinned : on_cpu);
    enqueue_copy(info.Env(), [from, to] { copy(from, to); });
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
    const Storage here = make_storage(s.dtype, s.count, s.on_gpu() ? on_cpu_pinned : on_cpu);
    return Environment::of(info.Env()).promise(
        info.Env(), [s, here] { copy(s, here); },
        [here](Napi::Env env) -> Napi::Value { return array_buffer(env, here); });
  });
}

// readSync(storage): the same, blocking.
Napi::Value read_sync(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Storage s = arg_storage("readSync", "storage", info[0]);
    Environment& environment = Environment::of(info.Env());
    environment.queue().wait_idle();
    if (!s.on_gpu()) return array_buffer(info.Env(), s);
    const Storage here = make_storage(s.dtype, s.count, on_cpu_pinned);
    enqueue_copy(info.Env(), [s, here] { copy(s, here); });
    environment.queue().wait_idle();
    environment.throw_fault();
    return array_buffer(info.Env(), here);
  });
}

Napi::Value sync(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto wait = [] {
      for (std::size_t n = 0; n < cuda::probe().devices.size(); ++n) cuda::wait(static_cast<int>(n));
    };
    return Environment::of(info.Env()).promise(info.Env(), wait, [](Napi::Env env) -> Napi::Value { return env.Undefined(); });
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
  cuda::empty_cache();
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
  add("usePlace", use_place);
  add("placeOf", place_of);
  add("copyTo", copy_to);
  add("cuda", cuda_devices);
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
