// What each kind of argument must be, and how a wrong one is named.
#include "args.h"

#include <algorithm>
#include <cmath>

#include "../base/check.h"
#include "storage.h"

namespace mg {
namespace {

constexpr std::uint32_t kMostStorages = 65536;  // an array can claim 2^32 - 1 elements without having any

[[noreturn]] void wrong(const char* op, const char* name, const char* expected, Napi::Value got) {
  fail("ERR_MG_ARGUMENT", std::string(op) + ": expected " + name + " to be " + expected + ", got " + describe_value(got));
}

}  // namespace

const char* kind_name(Kind kind) {
  switch (kind) {
    case Kind::storage: return "Storage";
    case Kind::storage_or_null: return "Storage | null";
    case Kind::storages: return "readonly Storage[]";
    case Kind::storages_or_null: return "readonly (Storage | null)[]";
    case Kind::dims: return "Int32Array";
    case Kind::number: return "number";
  }
  return "";
}

const ArgValue& ArgReader::next(const Arg& arg) {
  if (row_ != nullptr) {
    static const ArgValue none;
    row_->push_back(arg);
    return none;
  }
  const Napi::Value value = (*call_)[values_->size()];
  values_->emplace_back();
  ArgValue& v = values_->back();
  switch (arg.kind) {
    case Kind::storage: v.storage = arg_storage(op_, arg.name, value); break;
    case Kind::storage_or_null:
      if (!value.IsNull()) v.storage = arg_storage(op_, arg.name, value);
      break;
    case Kind::storages: v.storages = arg_storages(op_, arg.name, value); break;
    case Kind::storages_or_null: v.storages = arg_storages(op_, arg.name, value, true); break;
    case Kind::dims: v.dims = arg_dims(op_, arg.name, value); break;
    case Kind::number: v.number = arg_number(op_, arg.name, value); break;
  }
  return v;
}

std::string describe_value(Napi::Value value) {
  switch (value.Type()) {
    case napi_undefined: return "undefined";
    case napi_null: return "null";
    case napi_boolean: return "a boolean";
    case napi_number: return "the number " + value.ToString().Utf8Value();
    case napi_string: return "a string";
    case napi_symbol: return "a symbol";
    case napi_function: return "a function";
    case napi_bigint: return "a bigint";
    default: return value.IsTypedArray() ? "a typed array of another type" : value.IsArray() ? "an array" : "an object";
  }
}

Storage arg_storage(const char* op, const char* name, Napi::Value value) {
  const Storage* storage = unwrap_storage(value.Env(), value);
  if (storage == nullptr) wrong(op, name, "a Storage", value);
  if (!storage->buffer) fail("ERR_MG_DISPOSED", std::string(op) + ": expected " + name + " to hold data, got a released storage");
  return *storage;
}

std::vector<Storage> arg_storages(const char* op, const char* name, Napi::Value value, bool allows_null) {
  if (!value.IsArray()) wrong(op, name, "an array of Storage", value);
  const Napi::Array array = value.As<Napi::Array>();
  const std::uint32_t length = array.Length();
  if (length > kMostStorages) wrong(op, name, "an array of at most 65536 Storages", value);
  // Reading an element of a hostile array can run JavaScript, so all elements are fetched before any is looked into.
  std::vector<Napi::Value> values;
  try {
    for (std::uint32_t i = 0; i < length; i++) values.push_back(array.Get(i));
  } catch (const Napi::Error&) {
    wrong(op, name, "an array whose elements can be read", value);
  }
  std::vector<Storage> storages;
  for (const Napi::Value& element : values)
    storages.push_back(allows_null && element.IsNull() ? Storage{} : arg_storage(op, name, element));
  return storages;
}

std::vector<i64> arg_dims(const char* op, const char* name, Napi::Value value) {
  const Bytes bytes = arg_typed_array(op, name, value);
  if (bytes.dtype != DType::int32) wrong(op, name, "an Int32Array", value);
  const auto* data = static_cast<const std::int32_t*>(bytes.data);
  std::vector<i64> dims(data, data + bytes.count);
  return dims;
}

double arg_number(const char* op, const char* name, Napi::Value value) {
  if (!value.IsNumber()) wrong(op, name, "a number", value);
  return value.As<Napi::Number>().DoubleValue();
}

i64 arg_count(const char* op, const char* name, Napi::Value value) {
  const double number = arg_number(op, name, value);
  if (!(number >= 0 && number <= 9007199254740991.0 && std::floor(number) == number))
    wrong(op, name, "an integer between 0 and 2^53 - 1", value);
  return i64(number);
}

i64 budget_bytes(const char* op, double bytes) {
  if (!(bytes >= 0))
    fail("ERR_MG_ARGUMENT", std::string(op) + ": expected a budget of at least 0 bytes, got " + std::to_string(bytes));
  return i64(std::min(bytes, 4611686018427387904.0));
}

Bytes arg_typed_array(const char* op, const char* name, Napi::Value value) {
  if (!value.IsTypedArray()) wrong(op, name, "a typed array", value);
  napi_typedarray_type type;
  std::size_t count = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(value.Env(), value, &type, &count, &data, nullptr, nullptr) != napi_ok)
    wrong(op, name, "a typed array", value);
  DType dtype;
  switch (type) {
    case napi_float32_array: dtype = DType::float32; break;
    case napi_float64_array: dtype = DType::float64; break;
    case napi_int32_array: dtype = DType::int32; break;
    case napi_uint8_array: dtype = DType::uint8; break;
    default: wrong(op, name, "a Float32Array, Float64Array, Int32Array or Uint8Array", value);
  }
  if (data == nullptr) count = 0;  // detached
  return {data, i64(count) * dtype_bytes(dtype), dtype, i64(count)};
}

DType arg_dtype(const char* op, Napi::Value value) {
  const i64 code = arg_count(op, "dtype", value);
  if (code > 3) fail("ERR_MG_DTYPE", std::string(op) + ": expected a dtype code of 0 to 3, got " + std::to_string(code));
  return DType(code);
}

}  // namespace mg
