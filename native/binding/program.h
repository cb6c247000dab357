// Programs: the jobs that a stretch of JavaScript queued, kept with all their memory and run again as one.
#pragma once
#include <napi.h>

#include <functional>
#include <memory>
#include <vector>

#include "../device/storage.h"

namespace mg {

class Environment;

// One step of a model on memory of its own. A run takes numbers in, runs the jobs, brings the answers out, and moves what is
// carried to where the next run looks for it. Runs of one program never overlap.
class Program {
 public:
  struct Port {
    Storage storage, staging;  // staging: on the CPU, for JavaScript to write to or read from
  };
  struct Carried {
    Storage from, to;
  };

  std::vector<std::function<void()>> jobs;
  std::vector<Port> inputs, answers;
  std::vector<Carried> carried;
  std::vector<bool> given;   // whether an input takes numbers from JavaScript in the run that comes
  bool is_pending = false;   // queued, and its promise not settled yet
  // Whether a run begins where the one before ended, so that jobs find their results and scratch memory as they left them. Not
  // so for the first run, and for the one after a fault or after something else was put into what is carried.
  std::shared_ptr<bool> continues = std::make_shared<bool>(false);

  void run() const;
};

void export_programs(Napi::Env env, Napi::Object exports);

}  // namespace mg
