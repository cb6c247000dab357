// Storages as JavaScript sees them: made, filled, read, cut, moved between devices and released.
#include <napi.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <string>

#include "args.h"
#include "env.h"
#include "guarded.h"
#include "storage.h"

namespace mg {
namespace {

using Info = const Napi::CallbackInfo&;

void enqueue_copy(Napi::Env env, std::function<void()> job) {
  Environment& environment = Environment::of(env);
  environment.enqueue(environment.catching(std::move(job)));
}

// What is read while a program is recorded would be read once, and not again at each run.
void expect_no_recording(Napi::Env env, const char* op) {
  if (Environment::of(env).recording)
    fail("ERR_MG_ARGUMENT", std::string(op) + ": expected nothing to be read while a program is recorded, got a storage");
}

Storage host_copy(const Bytes& bytes, int place) {
  const Storage s = make_storage(bytes.dtype, bytes.count, place);
  if (bytes.bytes > 0) std::memcpy(s.as<char>(), bytes.data, std::size_t(bytes.bytes));
  return s;
}

// Made by the language's own constructor, which throws where there is no memory: napi_create_arraybuffer ends the process.
Napi::Value array_buffer(Napi::Env env, const Storage& s) {
  const std::string bytes = std::to_string(s.bytes());
  Napi::Value made;
  try {
    made = env.Global().Get("ArrayBuffer").As<Napi::Function>().New({Napi::Number::New(env, double(s.bytes()))});
  } catch (const Napi::Error&) {
    fail("ERR_MG_MEMORY", "data: expected " + bytes + " bytes for an array of the values, got none; read slices of the tensor");
  }
  if (!made.IsArrayBuffer() || made.As<Napi::ArrayBuffer>().ByteLength() != std::size_t(s.bytes()))
    fail("ERR_MG_ARGUMENT", "data: expected globalThis.ArrayBuffer to make " + bytes + " bytes, got something else");
  if (s.bytes() > 0) std::memcpy(made.As<Napi::ArrayBuffer>().Data(), s.as<char>(), std::size_t(s.bytes()));
  return made;
}

// A place by number: −1 the CPU, n the n-th CUDA device; or ERR_MG_NO_DEVICE with the reason.
int arg_place(const char* op, Napi::Value value) {
  const double number = arg_number(op, "place", value);
  const cuda::Probe& probe = cuda::probe();
  if (number == on_cpu) return on_cpu;
  if (!(number >= 0 && number < double(probe.devices.size()) && std::floor(number) == number))
    fail("ERR_MG_NO_DEVICE", std::string(op) + ": expected a device that is here, got number " + value.ToString().Utf8Value() +
                                 (probe.reason.empty() ? "" : ": " + probe.reason));
  return int(number);
}

// usePlace(place): where storages are made that have no argument to be beside.
Napi::Value use_place(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Environment::of(info.Env()).new_place = arg_place("usePlace", info[0]);
    return info.Env().Undefined();
  });
}

Napi::Value place_of(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::Number::New(info.Env(), arg_storage("placeOf", "storage", info[0]).place());
  });
}

// copyTo(storage, place): the same values there.
Napi::Value copy_to(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Storage from = arg_storage("copyTo", "storage", info[0]);
    const Storage to = make_storage(from.dtype, from.count, arg_place("copyTo", info[1]));
    if (to.on_gpu() && !from.on_gpu()) {
      const Storage between = make_storage(from.dtype, from.count, on_cpu_pinned);
      enqueue_copy(info.Env(), [from, between, to] { copy_values(from, between), copy_values(between, to); });
    } else {
      enqueue_copy(info.Env(), [from, to] { copy_values(from, to); });
    }
    return wrap_storage(info.Env(), to);
  });
}

// allocate(dtype, count): zeros.
Napi::Value allocate_zeros(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const DType dtype = arg_dtype("allocate", info[0]);
    const i64 count = arg_count("allocate", "count", info[1]);
    const Storage s = make_storage(dtype, count, Environment::of(info.Env()).new_place);
    enqueue_copy(info.Env(), [s] {
      if (s.on_gpu()) cuda::clear(s.place(), s.as<char>(), std::size_t(s.bytes()));
      else std::memset(s.as<char>(), 0, std::size_t(s.bytes()));
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
    enqueue_copy(info.Env(), [s, there] { copy_values(s, there); });
    return wrap_storage(info.Env(), there);
  });
}

// write(storage, data): copies data now, puts it into the storage in queue order.
Napi::Value write(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Storage to = arg_storage("write", "storage", info[0]);
    const Bytes bytes = arg_typed_array("write", "data", info[1]);
    if (bytes.dtype != to.dtype || bytes.count != to.count)
      fail("ERR_MG_SHAPE", std::string("write: expected data of ") + dtype_name(to.dtype) + " × " + std::to_string(to.count) +
                               ", got " + dtype_name(bytes.dtype) + " × " + std::to_string(bytes.count));
    const Storage from = host_copy(bytes, to.on_gpu() ? on_cpu_pinned : on_cpu);
    enqueue_copy(info.Env(), [from, to] { copy_values(from, to); });
    return info.Env().Undefined();
  });
}

// assign(to, from): the values of `from`, in queue order.
Napi::Value assign(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Storage to = arg_storage("assign", "to", info[0]), from = arg_storage("assign", "from", info[1]);
    if (from.dtype != to.dtype || from.count != to.count)
      fail("ERR_MG_SHAPE", std::string("assign: expected from of ") + dtype_name(to.dtype) + " × " + std::to_string(to.count) +
                               ", got " + dtype_name(from.dtype) + " × " + std::to_string(from.count));
    if (from.buffer != to.buffer) enqueue_copy(info.Env(), [from, to] { copy_values(from, to); });
    return info.Env().Undefined();
  });
}

// slice(storage, offset, count): the same bytes, a shorter range.
Napi::Value slice(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Storage s = arg_storage("slice", "storage", info[0]);
    const i64 offset = arg_count("slice", "offset", info[1]), count = arg_count("slice", "count", info[2]);
    if (offset > s.count || count > s.count - offset)
      fail("ERR_MG_SHAPE", "slice: expected a range inside " + std::to_string(s.count) + " elements, got " +
                               std::to_string(offset) + " + " + std::to_string(count));
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
    expect_no_recording(info.Env(), "read");
    const Storage s = arg_storage("read", "storage", info[0]);
    const Storage here = make_storage(s.dtype, s.count, s.on_gpu() ? on_cpu_pinned : on_cpu);
    return Environment::of(info.Env())
        .promise(
            info.Env(), [s, here] { copy_values(s, here); },
            [here](Napi::Env env) -> Napi::Value { return array_buffer(env, here); });
  });
}

// readSync(storage): the same, blocking.
Napi::Value read_sync(Info info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    expect_no_recording(info.Env(), "readSync");
    const Storage s = arg_storage("readSync", "storage", info[0]);
    Environment& environment = Environment::of(info.Env());
    environment.queue().wait_idle();
    if (!s.on_gpu()) return array_buffer(info.Env(), s);
    const Storage here = make_storage(s.dtype, s.count, on_cpu_pinned);
    enqueue_copy(info.Env(), [s, here] { copy_values(s, here); });
    environment.queue().wait_idle();
    environment.throw_fault();
    return array_buffer(info.Env(), here);
  });
}

}  // namespace

void copy_values(const Storage& from, const Storage& to) {
  const std::size_t bytes = std::size_t(to.bytes());
  if (from.on_gpu() && to.on_gpu()) {
    if (from.place() == to.place()) return cuda::copy_within(to.place(), to.as<char>(), from.as<char>(), bytes);
    const Storage between = make_storage(from.dtype, from.count, on_cpu_pinned);
    copy_values(from, between);
    copy_values(between, to);
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

void export_storages(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Napi::Value (*f)(Info)) { exports.Set(name, Napi::Function::New(env, f, name)); };
  add("allocate", allocate_zeros);
  add("fromArray", from_array);
  add("write", write);
  add("assign", assign);
  add("slice", slice);
  add("release", release);
  add("read", read);
  add("readSync", read_sync);
  add("usePlace", use_place);
  add("placeOf", place_of);
  add("copyTo", copy_to);
}

}  // namespace mg
