// The table of ops. A row names the op, its arguments and what it returns, exactly as binding.d.ts declares them, and
// holds the function that checks sizes, allocates the results and queues the kernel.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "../base/host/pool.h"
#include "args.h"
#include "env.h"

namespace mg {

// Where a queued job runs: the CPU, or a CUDA device and its stream.
struct Target {
  int place;

  bool on_gpu() const { return place >= 0; }
  cuda::Stream stream() const { return cuda::stream(place); }
};

// Of two expressions the one for a GPU or the one for the CPU; without CUDA, the latter alone is compiled.
#if defined(MG_HAVE_CUDA)
#define MG_EITHER(on_gpu, gpu, cpu) ((on_gpu) ? (gpu) : (cpu))
#else
#define MG_EITHER(on_gpu, gpu, cpu) (static_cast<void>(on_gpu), (cpu))
#endif
// MG_ON(target, f<T>, arguments…): f<T>(arguments…) on the CPU, cuda::f<T>(stream, arguments…) on a GPU.
#define MG_ON(target, function, ...) \
  MG_EITHER((target).on_gpu(), cuda::function((target).stream(), __VA_ARGS__), function(__VA_ARGS__))

// Calls f(float{}) or f(double{}), so that one lambda serves both types.
template <class F>
void by_float(DType dtype, F&& f) {
  if (dtype == DType::float32) f(float{});
  else f(double{});
}

// A call under way: refuses wrong arguments, hands out memory for results and queues the job.
class Call {
 public:
  Call(const char* op, Environment& environment) : op_(op), environment_(environment), workers_(Pool::get().size()) {}

  const char* op() const { return op_; }
  int workers() const { return workers_; }

  // Throws "op: expected …, got …".
  [[noreturn]] void refuse(const char* code, const std::string& expected, const std::string& got) const;
  template <class Number, class = std::enable_if_t<std::is_arithmetic<Number>::value>>
  [[noreturn]] void refuse(const char* code, const std::string& expected, Number got) const {
    refuse(code, expected, std::to_string(got));
  }

  // The one check between a JavaScript fault and a kernel's memory: throws ERR_MG_SHAPE or ERR_MG_DTYPE.
  void expect(const Storage& storage, const char* name, DType dtype, i64 count) const;
  void expect_float(const Storage& storage, const char* name) const;          // float32 or float64
  void expect_dims(const std::vector<i64>& dims, std::size_t length) const;  // and none negative

  Storage result(DType dtype, i64 count);    // returned to JavaScript, in the order of the calls
  Storage result(const Storage& argument) {  // an argument that the job changes in place
    results_.push_back(argument);
    return argument;
  }
  Storage workspace(i64 bytes) const { return make_storage(DType::uint8, bytes, place_); }
  // Of a job that a program keeps, whether the run under way goes on where the one before ended; else null. See Program.
  std::shared_ptr<const bool> continues() const;
  // Queues a job: one that takes a Target runs where the arguments are, any other on the CPU alone.
  template <class F>
  void run(F&& job) {
    if constexpr (std::is_invocable<F, const Target&>::value) {
      enqueue([job = std::forward<F>(job), target = Target{place_}] { job(target); });
    } else {
      expect_cpu();
      enqueue(std::forward<F>(job));
    }
  }
  // One that takes a Target and a number of the dtype's type, float or double.
  template <class F>
  void run(DType dtype, F&& job) {
    enqueue([dtype, job = std::forward<F>(job), target = Target{place_}] { by_float(dtype, [&](auto t) { job(target, t); }); });
  }
  // Finds where the arguments are: all in one place, or ERR_MG_DEVICE.
  void settle_place();
  bool on_gpu() const { return place_ >= 0; }

  std::vector<ArgValue> values_;
  std::vector<Storage> results_;

 private:
  void enqueue(std::function<void()> job);
  void expect_cpu() const;

  int place_ = on_cpu;
  const char* op_;
  Environment& environment_;
  int workers_;  // threads of the pool when the call began: scratch memory is for so many, and no more will use it
};

// The struct of an op's arguments is its row: a member for each, in the order of binding.d.ts, each read by its initializer.
//   struct ClipArgs : Args {
//     using Args::Args;
//     const Storage& x = storage("x");
//     const double limit = number("limit");
//   };
class Args {
 public:
  explicit Args(ArgReader& reader) : reader_(reader) {}
  Args(const Args&) = delete;  // a job outlives the call: it takes copies of the storages, not of this

 protected:
  const Storage& storage(const char* name) { return reader_.next({name, Kind::storage}).storage; }
  const Storage& storage_or_null(const char* name) { return reader_.next({name, Kind::storage_or_null}).storage; }
  const std::vector<Storage>& storages(const char* name) { return reader_.next({name, Kind::storages}).storages; }
  const std::vector<Storage>& storages_or_null(const char* name) { return reader_.next({name, Kind::storages_or_null}).storages; }
  const std::vector<i64>& integers(const char* name) { return reader_.next({name, Kind::dims}).dims; }
  double number(const char* name) { return reader_.next({name, Kind::number}).number; }

 private:
  ArgReader& reader_;
};

inline bool has(const Storage& storage) { return storage.buffer != nullptr; }
template <class T>
T* or_null(const Storage& storage) {
  return has(storage) ? storage.as<T>() : nullptr;
}

struct OpRow {
  const char* name;
  std::vector<Arg> args;
  const char* returns;  // "Storage", "Storage[]" or "void"
  void (*call)(Call&, ArgReader&);
};

template <class A>
A arguments_of(void (*)(Call&, const A&));

// The row of an op whose function is void f(Call&, const ItsArgs&).
template <auto function>
OpRow op(const char* name, const char* returns) {
  using A = decltype(arguments_of(function));
  OpRow row{name, {}, returns, [](Call& c, ArgReader& reader) {
              const A args(reader);
              c.settle_place();
              function(c, args);
            }};
  ArgReader describing(row.args);
  A{describing};
  return row;
}

using OpRows = std::vector<OpRow>;
void export_ops(Napi::Env env, Napi::Object exports);
Napi::Value describe_ops(Napi::Env env);

}  // namespace mg
