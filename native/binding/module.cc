// What the addon exports beside storages and ops: the queue, devices, memory, threads, plans, and a description of itself.
#include <napi.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "../base/conv/tile.h"
#include "../base/host/pool.h"
#include "../base/host/simd.h"
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

// cuda(): the CUDA devices that can be used, and why there are not more.
Napi::Value cuda_devices(Info info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const cuda::Probe& probe = cuda::probe();
    Napi::Array devices = Napi::Array::New(env);
    for (std::size_t n = 0; n < probe.devices.size(); n++) {
      const cuda::DeviceInfo& found = probe.devices[n];
      const MemoryStats stats = cuda::memory_stats(int(n));
      Napi::Object device = Napi::Object::New(env);
      device.Set("name", found.name);
      device.Set("capability", found.major + found.minor / 10.0);
      device.Set("total", found.total_bytes);
      device.Set("free", cuda::free_bytes(int(n)));
      device.Set("live", stats.live_bytes);
      device.Set("cached", stats.cached_bytes);
      device.Set("peak", stats.peak_bytes);
      devices.Set(std::uint32_t(n), device);
    }
    Napi::Object object = Napi::Object::New(env);
    object.Set("devices", devices);
    object.Set("reason", probe.reason);
    return object;
  });
}

Napi::Value sync(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto wait = [] {
      for (std::size_t n = 0; n < cuda::probe().devices.size(); n++) cuda::wait(int(n));
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
    if (count < 1 || count > 1024)
      fail("ERR_MG_ARGUMENT", "setThreads: expected a count of 1 to 1024, got " + std::to_string(count));
    Environment::of(info.Env()).queue().wait_idle();
    Pool::get().resize(int(count));
    return info.Env().Undefined();
  });
}

// planNetwork(spec, forgetBias, epsilon, budget, dtype): what a fused network will do, for people and for TypeScript.
Napi::Value plan_network_for(Info info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const char* op = "planNetwork";
    const NetworkKey key{arg_dims(op, "spec", info[0]), arg_number(op, "forgetBias", info[1]), arg_number(op, "epsilon", info[2]),
                         arg_number(op, "budget", info[3]), dtype_bytes(arg_dtype(op, info[4]))};
    const std::shared_ptr<const Plan> plan = planned_network(op, key, Pool::get().size()).plan;
    Napi::Array parameters = Napi::Array::New(env);
    Napi::Array shapes = Napi::Array::New(env);
    for (const Parameter& parameter : plan->parameters) {
      parameters.Set(parameters.Length(), parameter.name);
      Napi::Array shape = Napi::Array::New(env);
      for (const i64 side : parameter.shape) shape.Set(shape.Length(), double(side));
      shapes.Set(shapes.Length(), shape);
    }
    const auto places = [&](const std::vector<int>& grids) {
      Napi::Array list = Napi::Array::New(env);
      for (const int index : grids) {
        const Grid& grid = plan->grids[std::size_t(index)];
        Napi::Array place = Napi::Array::New(env, 2);
        place.Set(0u, grid.layer);
        place.Set(1u, grid.level);
        list.Set(list.Length(), place);
      }
      return list;
    };
    Napi::Object object = Napi::Object::New(env);
    object.Set("path", plan->path);
    object.Set("workspaceBytes", double(plan->workspace_bytes));
    object.Set("savedBytes", double(plan->saved_bytes));
    object.Set("launches", double(plan->launches));
    object.Set("forwardFlop", plan->forward_flop);
    object.Set("parameters", parameters);
    object.Set("parameterShapes", shapes);
    object.Set("outputs", places(plan->outputs));
    object.Set("states", places(plan->states));
    return object;
  });
}

// Seconds that pass while one thread works are those it has a processor; several are waited for, by the clock on the wall.
double seconds_of_work(int threads) {
  if (threads == 1) return double(std::clock()) / CLOCKS_PER_SEC;
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// peakFlops(): of fused multiply-adds on the widest registers in all threads, the best of a few milliseconds.
Napi::Value peak_flops(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Environment::of(info.Env()).queue().wait_idle();
    const int threads = Pool::get().size();
    std::vector<i64> done(static_cast<std::size_t>(threads));
    double best = 0;
    for (int round = 0; round < 15; round++) {
      const double start = seconds_of_work(threads);
      Pool::get().parallel_for(threads, [&](i64 k, int) { done[std::size_t(k)] = conv_table<float>().spin(1'000'000); });
      const double seconds = seconds_of_work(threads) - start;
      double flop = 0;
      for (const i64 n : done) flop += double(n);
      if (seconds > 0) best = std::max(best, flop / seconds);
    }
    return Napi::Number::New(info.Env(), best);
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
  add("sync", sync);
  add("setSyncMode", set_sync_mode);
  add("memory", memory);
  add("cuda", cuda_devices);
  add("emptyCache", empty_cached_memory);
  add("setMemoryLimit", limit_memory);
  add("setAllocationFault", fail_allocation);
  add("setThreads", set_threads);
  add("planNetwork", plan_network_for);
  add("peakFlops", peak_flops);
  add("describe", describe);
  export_storages(env, exports);
  export_programs(env, exports);
  export_ops(env, exports);
  return exports;
}

}  // namespace
}  // namespace mg

static Napi::Object initialize(Napi::Env env, Napi::Object exports) { return mg::start(env, exports); }
NODE_API_MODULE(multigrid_memory, initialize)
