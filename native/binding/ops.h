// The table of ops. A row names the op, its arguments and what it returns, exactly as binding.d.ts declares them, and
// holds the function that checks sizes, allocates the results and queues the kernel.
#pragma once
#include <functional>
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

// MG_ON(target, f<T>, arguments…): f<T>(arguments…) on the CPU, cuda::f<T>(stream, arguments…) on a GPU.
#if defined(MG_HAVE_CUDA)
constexpr bool has_cuda = true;
#define MG_ON(target, function, ...) ((target).on_gpu() ? cuda::function((target).stream(), __VA_ARGS__) : function(__VA_ARGS__))
#else
constexpr bool has_cuda = false;
#define MG_ON(target, function, ...) (static_cast<void>(target), function(__VA_ARGS__))
#endif

// The arguments of one call, already copied to C++ values.
class Call {
 public:
  Call(const char* op, Environment& environment) : op_(op), environment_(environment), workers_(Pool::get().size()) {}

  const char* op() const { return op_; }
  const Storage& in(std::size_t i) const { return values_[i].storage; }
  bool has(std::size_t i) const { return values_[i].storage.buffer != nullptr; }
  const std::vector<Storage>& ins(std::size_t i) const { return values_[i].storages; }
  const std::vector<i64>& dims(std::size_t i) const { return values_[i].dims; }
  double number(std::size_t i) const { return values_[i].number; }
  i64 bytes(std::size_t i) const { return budget_bytes(op_, number(i)); }
  int workers() const { return workers_; }

  // Throws "op: expected …, got …".
  [[noreturn]] void refuse(const char* code, const std::string& expected, const std::string& got) const;
  template <class Number, class = std::enable_if_t<std::is_arithmetic<Number>::value>>
  [[noreturn]] void refuse(const char* code, const std::string& expected, Number got) const {
    refuse(code, expected, std::to_string(got));
  }

  // The one check between a JavaScript fault and a kernel's memory: throws ERR_MG_SHAPE or ERR_MG_DTYPE.
  void expect(const Storage& storage, const char* name, DType dtype, i64 count) const;
  void expect_float(const Storage& storage, const char* name) const;  // float32 or float64
  void expect_dims(std::size_t i, std::size_t length) const;          // and none negative

  Storage result(DType dtype, i64 count);    // returned to JavaScript, in the order of the calls
  Storage result(const Storage& argument) {  // an argument that the job changes in place
    results_.push_back(argument);
    return argument;
  }
  Storage workspace(i64 bytes) const { return make_storage(DType::uint8, bytes, place_); }
  // Queues a job: one that takes a Target runs where the arguments are, any other on the CPU alone.
  template <class F>
  void run(F job) {
    if constexpr (std::is_invocable<F, const Target&>::value) {
      enqueue([job = std::move(job), target = Target{place_}] { job(target); });
    } else {
      expect_cpu();
      enqueue(std::move(job));
    }
  }
  // Finds where the arguments are: all in one place, or ERR_MG_DEVICE.
  void settle_place();
  bool on_gpu() const { return place_ >= 0; }

  struct Value {
    Storage storage;
    std::vector<Storage> storages;
    std::vector<i64> dims;
    double number = 0;
  };
  std::vector<Value> values_;
  std::vector<Storage> results_;

 private:
  void enqueue(std::function<void()> job);
  void expect_cpu() const;

  int place_ = on_cpu;
  const char* op_;
  Environment& environment_;
  int workers_;  // threads of the pool when the call began: scratch memory is for so many, and no more will use it
};

struct OpRow {
  const char* name;
  std::vector<Arg> args;
  const char* returns;  // "Storage", "Storage[]" or "void"
  void (*call)(Call&);
};

inline Arg in(const char* name) { return {name, Kind::storage}; }
inline Arg in_or_null(const char* name) { return {name, Kind::storage_or_null}; }
inline Arg ins(const char* name) { return {name, Kind::storages}; }
inline Arg ins_or_null(const char* name) { return {name, Kind::storages_or_null}; }
inline Arg dims(const char* name) { return {name, Kind::dims}; }
inline Arg number(const char* name) { return {name, Kind::number}; }

// Calls f(float{}) or f(double{}), so that one lambda serves both types.
template <class F>
void by_float(DType dtype, F&& f) {
  if (dtype == DType::float32) f(float{});
  else f(double{});
}

using OpRows = std::vector<OpRow>;
void export_ops(Napi::Env env, Napi::Object exports);
Napi::Value describe_ops(Napi::Env env);

}  // namespace mg
