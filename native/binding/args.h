// One extractor per kind of argument. Each reads its argument once, checks it, and copies it to C++ values, so that no
// JavaScript can run between a check and a use.
#pragma once
#include <napi.h>

#include <string>
#include <vector>

#include "../device/storage.h"

namespace mg {

enum class Kind { storage, storage_or_null, storages, storages_or_null, dims, number };
const char* kind_name(Kind kind);  // as binding.d.ts spells it

struct Arg {
  const char* name;
  Kind kind;
};

// One argument, already copied to C++ values; which of them, the kind says.
struct ArgValue {
  Storage storage;
  std::vector<Storage> storages;
  std::vector<i64> dims;
  double number = 0;
};

// Walks over the arguments of an op in their order: reads those of a call, or, to describe the op, writes down what is asked for.
class ArgReader {
 public:
  ArgReader(const char* op, const Napi::CallbackInfo& call, std::vector<ArgValue>& values)
      : op_(op), call_(&call), values_(&values) {}
  explicit ArgReader(std::vector<Arg>& row) : row_(&row) {}

  const ArgValue& next(const Arg& arg);  // good as long as `values`, which has room for all

 private:
  const char* op_ = nullptr;
  const Napi::CallbackInfo* call_ = nullptr;
  std::vector<ArgValue>* values_ = nullptr;
  std::vector<Arg>* row_ = nullptr;
};

// `op` names the call in messages. All throw Error: ERR_MG_ARGUMENT for a wrong kind, ERR_MG_DISPOSED for freed storage.
Storage arg_storage(const char* op, const char* name, Napi::Value value);
std::vector<Storage> arg_storages(const char* op, const char* name, Napi::Value value, bool allows_null = false);
std::vector<i64> arg_dims(const char* op, const char* name, Napi::Value value);
double arg_number(const char* op, const char* name, Napi::Value value);
i64 arg_count(const char* op, const char* name, Napi::Value value);  // an integer in 0 … 2^53 − 1
DType arg_dtype(const char* op, Napi::Value value);  // the code of one
i64 budget_bytes(const char* op, double bytes);  // what no machine holds counts as 2^62

struct Bytes {
  const void* data;
  i64 bytes;
  DType dtype;
  i64 count;
};
// A typed array of one of our dtypes. The pointer is good until JavaScript runs again.
Bytes arg_typed_array(const char* op, const char* name, Napi::Value value);

std::string describe_value(Napi::Value value);  // for messages: "undefined", "a string", "an object"

}  // namespace mg
