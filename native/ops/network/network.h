// A whole window of a multigrid network in one call, forward and backward (the plan says which network: plan/plan.h).
//   for each grid:  x = [up(coarser); same; down(finer); h']   s = conv(x) + bias   ConvLSTM: c, h = cell(s, c')   conv: relu(s)
//                   y = (window norm of) h or relu(s), plus the shortcut
// No doubled, pooled or joined map is ever in memory. All memory comes from outside, so a call can be queued. Results depend on
// neither thread count nor schedule; weight gradients are summed per unit of samples, units in order.
// T is float or double; tensors are [T,B,H,W,C] (1-D: [T,B,L,C]), states [B,H,W,C].
#pragma once
#include <memory>

#include "../../base/cuda/stream.h"
#include "plan/plan.h"

namespace mg {

template <class T>
struct NetworkArgs {
  const T* const* parameters = nullptr;  // in the order of plan.parameters
  const T* const* fields = nullptr;      // in the order of plan.spec.fields
  const T* const* hidden0 = nullptr;     // per plan.states; null, or a null entry: zeros
  const T* const* cell0 = nullptr;
  T* const* outputs = nullptr;           // per plan.outputs: y. Forward writes them, backward reads them
  T* const* hidden = nullptr;            // per plan.states: state after the last step; null, or a null entry: not wanted
  T* const* cell = nullptr;
  void* saved = nullptr;                 // plan.saved_bytes, from forward to backward, aligned to 64
  void* workspace = nullptr;             // plan.workspace_bytes, aligned to 64
};

template <class T>
struct NetworkGradients {
  const T* const* outputs = nullptr;     // per plan.outputs; null entry: zeros
  const T* const* hidden = nullptr;      // per plan.states, of the last state; null, or a null entry: zeros
  const T* const* cell = nullptr;
  T* const* parameters = nullptr;        // written, not added to
  T* const* fields = nullptr;            // per plan.spec.fields; those with `gradient` are written
  T* const* hidden0 = nullptr;           // per plan.states; null, or a null entry: not wanted
  T* const* cell0 = nullptr;
};

template <class T>
void network_forward(const Plan& plan, const NetworkArgs<T>& args);
// After network_forward of the same plan (with spec.backward) and the same tensors.
template <class T>
void network_backward(const Plan& plan, const NetworkArgs<T>& args, const NetworkGradients<T>& grads);

// The same on a GPU, with plans made for CUDA; what the arguments point to is device memory.
namespace cuda {

// The launches of one pass of one plan on one device, recorded at its second call and replayed from then on: everything that
// changes from call to call is in the tables. Without one, a call launches as it goes, with tables in its workspace.
class RecordedPass;
// tables: plan.tables_bytes of device memory that stay as long as the pass.
std::shared_ptr<RecordedPass> record_pass(char* tables);

template <class T>
void network_forward(Stream stream, const Plan& plan, const NetworkArgs<T>& args, RecordedPass* recorded = nullptr);
template <class T>
void network_backward(Stream stream, const Plan& plan, const NetworkArgs<T>& args, const NetworkGradients<T>& grads,
                      RecordedPass* recorded = nullptr);

}  // namespace cuda

}  // namespace mg
