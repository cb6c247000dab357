// Everything the addon knows about one JavaScript environment (the main thread or a worker). Nothing here is global.
#pragma once
#include <napi.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "../base/check.h"
#include "../device/queue.h"
#include "external_memory.h"
#include "program.h"

namespace mg {

class Environment {
 public:
  explicit Environment(Napi::Env env);
  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  Queue& queue() { return queue_; }
  const std::shared_ptr<ExternalMemory>& external_memory() const { return external_memory_; }
  void enqueue(std::function<void()> job);
  // The same job, which leaves its fault for the next reader.
  std::function<void()> catching(std::function<void()> job);

  // Queues `job`, then settles the returned promise on the JavaScript thread with what `result` makes; `ended` comes first,
  // whether the job failed or not.
  Napi::Promise promise(Napi::Env env, std::function<void()> job, std::function<Napi::Value(Napi::Env)> result,
                        std::function<void()> ended = {});

  // The class that every error of this addon is an instance of.
  void set_error_class(Napi::Function error_class) { error_class_ = Napi::Persistent(error_class); }
  Napi::Value make_error(Napi::Env env, const char* code, const std::string& message) const;

  // The first fault of a job on a GPU since the last call of throw_fault, which throws it.
  void record_fault(const char* code, std::string message);
  void throw_fault();

  std::shared_ptr<Program> recording;  // begun and not ended: keeps what is queued
  bool runs_each_op_to_its_end = false;
  int new_place = -1;  // of storages that are made from nothing

 private:
  struct Pending;
  static void settle(Napi::Env env, Napi::Function, Environment* self, Pending* pending);
  using Completion = Napi::TypedThreadSafeFunction<Environment, Pending, settle>;

  void shut_down();

  Queue queue_;
  std::shared_ptr<ExternalMemory> external_memory_ = std::make_shared<ExternalMemory>();
  Completion completion_;
  Napi::FunctionReference error_class_;
  std::mutex fault_mutex_;
  std::unique_ptr<Error> fault_;
  int waiting_ = 0;  // promises not yet settled; they keep the process alive
};

}  // namespace mg
