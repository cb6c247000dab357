// Jobs and promises of one JavaScript environment, and how its errors are made.
#include "env.h"

#include <string>
#include <utility>

namespace mg {

struct Environment::Pending {
  Napi::Promise::Deferred deferred;
  std::function<Napi::Value(Napi::Env)> result;
  std::function<void()> ended;
};

Environment::Environment(Napi::Env env) : completion_(Completion::New(env, "multigrid-memory", 0, 1, this)) {
  completion_.Unref(env);
  env.AddCleanupHook([](Environment* self) { self->shut_down(); }, this);
}

void Environment::enqueue(std::function<void()> job) {
  if (recording) recording->jobs.push_back(job);
  queue_.enqueue(std::move(job));
  if (runs_each_op_to_its_end) queue_.wait_idle();
}

std::function<void()> Environment::catching(std::function<void()> job) {
  return [this, job = std::move(job)] {
    try {
      job();
    } catch (const Error& error) {
      record_fault(error.code(), error.what());
    }
  };
}

Napi::Promise Environment::promise(Napi::Env env, std::function<void()> job, std::function<Napi::Value(Napi::Env)> result,
                                   std::function<void()> ended) {
  // Owned by the queued job until it is handed to `settle`; a job dropped by a closing environment takes it along.
  auto pending = std::make_shared<std::unique_ptr<Pending>>(
      new Pending{Napi::Promise::Deferred::New(env), std::move(result), std::move(ended)});
  const Napi::Promise promise = (*pending)->deferred.Promise();
  if (waiting_++ == 0) completion_.Ref(env);
  queue_.enqueue([this, pending, job = catching(std::move(job))] {
    job();
    if (completion_.BlockingCall(pending->get()) == napi_ok) pending->release();
  });
  return promise;
}

void Environment::settle(Napi::Env env, Napi::Function, Environment* self, Pending* pending) {
  const std::unique_ptr<Pending> owned(pending);
  if (env == nullptr) return;  // called while the environment closes: nobody is left to hear
  if (--self->waiting_ == 0) self->completion_.Unref(env);
  const Napi::HandleScope scope(env);
  if (pending->ended) pending->ended();
  try {
    self->throw_fault();
    pending->deferred.Resolve(pending->result(env));
  } catch (const Error& error) {
    pending->deferred.Reject(self->make_error(env, error.code(), error.what()));
  }
}

void Environment::record_fault(const char* code, std::string message) {
  const std::lock_guard<std::mutex> lock(fault_mutex_);
  if (!fault_) fault_ = std::make_unique<Error>(code, std::move(message));
}

void Environment::throw_fault() {
  const std::lock_guard<std::mutex> lock(fault_mutex_);
  if (const std::unique_ptr<Error> fault = std::move(fault_)) throw *fault;
}

Napi::Value Environment::make_error(Napi::Env env, const char* code, const std::string& message) const {
  if (!error_class_.IsEmpty()) return error_class_.New({Napi::String::New(env, code), Napi::String::New(env, message)});
  Napi::Object error = Napi::Error::New(env, message).Value();
  error.Set("code", Napi::String::New(env, code));
  return error;
}

// Runs before the environment's memory goes: no job may touch it afterwards.
void Environment::shut_down() {
  queue_.stop();
  recording.reset();
  completion_.Abort();
  error_class_.Reset();
}

}  // namespace mg
