// How the jobs of a program are kept with their memory, and run again.
#include "program.h"

#include <cstring>
#include <string>
#include <utility>

#include "args.h"
#include "env.h"
#include "guarded.h"
#include "storage.h"

namespace mg {
namespace {

using Info = const Napi::CallbackInfo&;

constexpr napi_type_tag kProgramTag = {0x6d756c7469677269ull, 0x2d70726f6772616dull};
using Held = std::shared_ptr<Program>;  // null once released

Held& held_of(const char* op, Napi::Value value) {
  bool ours = false;
  void* data = nullptr;
  if (!value.IsObject() || napi_check_object_type_tag(value.Env(), value, &kProgramTag, &ours) != napi_ok || !ours ||
      napi_unwrap(value.Env(), value, &data) != napi_ok)
    fail("ERR_MG_ARGUMENT", std::string(op) + ": expected program to be a Program, got " + describe_value(value));
  return *static_cast<Held*>(data);
}

Held program_of(const char* op, Napi::Value value) {
  Held& held = held_of(op, value);
  if (!held) fail("ERR_MG_DISPOSED", std::string(op) + ": expected a program, got a released one");
  if (held->is_pending) fail("ERR_MG_ARGUMENT", std::string(op) + ": expected the run before to have ended, got one under way");
  return held;
}

Napi::Object wrap_program(Napi::Env env, Held program) {
  auto owned = std::make_unique<Held>(std::move(program));
  Napi::Object object = Napi::Object::New(env);
  if (napi_type_tag_object(env, object, &kProgramTag) != napi_ok) throw Napi::Error::New(env);
  const auto finalize = [](napi_env, void* data, void*) { delete static_cast<Held*>(data); };
  if (napi_wrap(env, object, owned.get(), finalize, nullptr, nullptr) != napi_ok) throw Napi::Error::New(env);
  owned.release();
  return object;
}

bool same_place(const Storage& a, const Storage& b) { return a.buffer == b.buffer && a.offset_bytes == b.offset_bytes; }

std::string sizes(DType dtype, i64 count) { return std::string(dtype_name(dtype)) + " × " + std::to_string(count); }

void expect_alike(const char* op, const char* name, const Storage& to, DType dtype, i64 count) {
  if (to.dtype == dtype && to.count == count) return;
  fail("ERR_MG_SHAPE",
       std::string(op) + ": expected " + name + " of " + sizes(to.dtype, to.count) + ", got " + sizes(dtype, count));
}

Program::Port port(const Storage& storage) {
  return {storage, make_storage(storage.dtype, storage.count, storage.on_gpu() ? on_cpu_pinned : on_cpu)};
}

// beginProgram(): from now on, what is queued runs and is kept as well. Nothing may be read meanwhile.
Napi::Value begin_program(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Environment& environment = Environment::of(info.Env());
    if (environment.recording) fail("ERR_MG_ARGUMENT", "beginProgram: expected no program that has begun, got one");
    environment.recording = std::make_shared<Program>();
    return info.Env().Undefined();
  });
}

// endProgram(inputs, carried, into, answers): carried[i] is moved to into[i] after each run.
Napi::Value end_program(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const char* op = "endProgram";
    Environment& environment = Environment::of(info.Env());
    const Held program = std::move(environment.recording);  // ended, whatever the arguments
    if (!program) fail("ERR_MG_ARGUMENT", "endProgram: expected a program that has begun, got none");
    const std::vector<Storage> inputs = arg_storages(op, "inputs", info[0]), carried = arg_storages(op, "carried", info[1]),
                               into = arg_storages(op, "into", info[2]), answers = arg_storages(op, "answers", info[3]);
    if (carried.size() != into.size())
      fail("ERR_MG_SHAPE",
           "endProgram: expected into of " + std::to_string(carried.size()) + ", got " + std::to_string(into.size()));
    for (std::size_t i = 0; i < carried.size(); i++) {
      expect_alike(op, "carried", into[i], carried[i].dtype, carried[i].count);
      if (!same_place(carried[i], into[i])) program->carried.push_back({carried[i], into[i]});
    }
    for (const Storage& input : inputs) program->inputs.push_back(port(input));
    for (const Storage& answer : answers) program->answers.push_back(port(answer));
    program->given.resize(inputs.size());
    return wrap_program(info.Env(), program);
  });
}

// Looking at an element of a hostile array can run JavaScript.
Napi::Value element_of(const char* op, Napi::Value array, std::size_t i) {
  try {
    return array.As<Napi::Array>().Get(std::uint32_t(i));
  } catch (const Napi::Error&) {
    fail("ERR_MG_ARGUMENT", std::string(op) + ": expected an array whose elements can be read, got an array");
  }
}

// Copies the numbers of one run to where it takes them from, each as soon as it was looked at.
void take_numbers(const char* op, Program& program, Napi::Value value) {
  if (!value.IsArray() || value.As<Napi::Array>().Length() != program.inputs.size())
    fail("ERR_MG_ARGUMENT", std::string(op) + ": expected data to be an array of " + std::to_string(program.inputs.size()) +
                                ", got " + describe_value(value));
  for (std::size_t i = 0; i < program.inputs.size(); i++) {
    const Napi::Value element = element_of(op, value, i);
    if (program.is_pending)
      fail("ERR_MG_ARGUMENT", std::string(op) + ": expected the run before to have ended, got one under way");
    program.given[i] = !element.IsNull();
    if (!program.given[i]) continue;
    const Bytes bytes = arg_typed_array(op, "data", element);
    const Storage& to = program.inputs[i].staging;
    expect_alike(op, "data", to, bytes.dtype, bytes.count);
    if (bytes.bytes > 0) std::memcpy(to.as<char>(), bytes.data, std::size_t(bytes.bytes));
  }
}

// runProgram(program, data): to its end. On the CPU on this thread, so that nobody is woken for a short step.
Napi::Value run_program(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const char* op = "runProgram";
    Environment& environment = Environment::of(info.Env());
    const Held program = program_of(op, info[0]);
    take_numbers(op, *program, info[1]);
    bool on_gpu = false;
    for (const Program::Port& answer : program->answers) on_gpu = on_gpu || answer.storage.on_gpu();
    for (const Program::Port& input : program->inputs) on_gpu = on_gpu || input.storage.on_gpu();
    environment.queue().wait_idle();
    if (!on_gpu) {
      program->run();
    } else {
      environment.queue().enqueue(environment.catching([program] { program->run(); }));
      environment.queue().wait_idle();
    }
    environment.throw_fault();
    return info.Env().Undefined();
  });
}

// queueProgram(program, data): a promise that is settled when it has run.
Napi::Value queue_program(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const char* op = "queueProgram";
    const Held program = program_of(op, info[0]);
    take_numbers(op, *program, info[1]);
    const Napi::Promise promise =
        Environment::of(info.Env())
            .promise(
                info.Env(), [program] { program->run(); }, [](Napi::Env env) -> Napi::Value { return env.Undefined(); },
                [program] { program->is_pending = false; });
    program->is_pending = true;
    return promise;
  });
}

// programAnswers(program, into): the answers of the last run, each into a typed array.
Napi::Value program_answers(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const char* op = "programAnswers";
    const Held program = program_of(op, info[0]);
    if (!info[1].IsArray() || info[1].As<Napi::Array>().Length() != program->answers.size())
      fail("ERR_MG_ARGUMENT", std::string(op) + ": expected into to be an array of " + std::to_string(program->answers.size()) +
                                  ", got " + describe_value(info[1]));
    for (std::size_t i = 0; i < program->answers.size(); i++) {
      const Bytes bytes = arg_typed_array(op, "into", element_of(op, info[1], i));
      const Storage& from = program->answers[i].staging;
      expect_alike(op, "into", from, bytes.dtype, bytes.count);
      if (bytes.bytes > 0) std::memcpy(const_cast<void*>(bytes.data), from.as<char>(), std::size_t(bytes.bytes));
    }
    return info.Env().Undefined();
  });
}

// restartProgram(program): the next run does not go on where the one before ended.
Napi::Value restart_program(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    *program_of("restartProgram", info[0])->continues = false;
    return info.Env().Undefined();
  });
}

Napi::Value release_program(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    held_of("releaseProgram", info[0]).reset();
    return info.Env().Undefined();
  });
}

}  // namespace

void Program::run() const {
  for (std::size_t i = 0; i < inputs.size(); i++)
    if (given[i]) copy_values(inputs[i].staging, inputs[i].storage);
  try {
    for (const std::function<void()>& job : jobs) job();
  } catch (...) {
    *continues = false;
    throw;
  }
  for (const Port& answer : answers) copy_values(answer.storage, answer.staging);
  for (const Carried& each : carried) copy_values(each.from, each.to);
  *continues = true;
  for (const Port& input : inputs)
    if (input.storage.on_gpu()) cuda::wait(input.storage.place());  // its staging is free again
}

void export_programs(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Napi::Value (*f)(Info)) { exports.Set(name, Napi::Function::New(env, f, name)); };
  add("beginProgram", begin_program);
  add("endProgram", end_program);
  add("runProgram", run_program);
  add("queueProgram", queue_program);
  add("programAnswers", program_answers);
  add("restartProgram", restart_program);
  add("releaseProgram", release_program);
}

}  // namespace mg
