// What is compiled once per instruction set: windows of a group of samples.
#pragma once
#include "../../../base/host/dispatch.h"
#include "../../dnc/cpu/kernels.h"
#include "../sam.h"

namespace mg {

// One sample while its window runs; everything lies in the state after the window.
template <class T>
struct SamSample {
  T* memory;
  i32 *ring, *counts, *slots;
  T *weights, *words, *hidden, *cell;
  i32* link_slots;
  T* link_weights;
  i32* precedence_slots;
  T* precedence_weights;
  i32 *column, *next, *before;  // [2][R][C] first link into a slot, and the neighbours of each link among those into its slot
  bool sound;                   // all indices of the state are ones that a state can have
};

// One entry of a head's mix.
template <class T>
struct SamMixed {
  i32 slot;
  T backward, content, forward;
};

// Scratch of one step of one sample.
template <class T>
struct SamTemps {
  T* act;                 // [D] interface after its activations
  T* untouched;           // [W] the constant row
  T* alike;               // [R][K] cosines of the best rows, falling
  i32* best;              // [R][K] their slots
  T* content;             // [R][K] their weights
  i32* mark;              // [C] place of a slot in the list that is being made, else -1
  i32* changed;           // [R (K + 1)]
  i32 *accessed, *order;  // [R (K + 1 + max(K, E))] distinct slots, and their places in the order of the ring
  T *total, *read;        // weights of the accessed slots: all, and of reads alone
  i32* own_slots;         // [K + 1] what one head writes to
  T* own_weights;
  i32* cut_slots;         // [K_L + max(K_L, K + 1)] a row before it is cut
  T* cut_weights;
  SamMixed<T>* mixed;     // [E] of one head
  i32* mixed_mark;        // [C] place of a slot in it, else -1
};

template <class T>
struct SamForwardScratch {
  SamSample<T>* samples;  // [group]
  SamTemps<T> temps;
  T *gates, *interface;  // [group][4H], [group][D]
};

// Gradients that travel back from step to step.
template <class T>
struct SamCarry {
  T *weights, *words, *hidden, *cell;
};

// The rows of one sample that its window touches, numbered in the order in which the trace names them.
template <class T>
struct SamReplay {
  i32* place;             // [C] place of a slot among the touched rows, or -1
  i32* slot;              // the slot at each place
  T *memory, *dmemory;    // [places][W]
  i32 *changed, *slots;   // [T][R (K + 1)], [T][R K]: places instead of slots
  i32* slots_before;      // [R K] the same for what was read before the window
  i32* mixed;             // [T][R E]
  i64 places;
  bool sound;
  SamCarry<T> carry;
};

template <class T>
struct SamBackwardScratch {
  SamReplay<T>* samples;  // [group]
  T* interface;                // [group][D] raw, made again from the hidden states
  T *act, *dact;               // [D]
  T *alike, *below;            // [K] of one head: cosines, what they were divided by
  T* dread;                    // [max(K, E)] gradient at its weights
};

template <class T>
struct SamTable {
  void (*forward)(const SamForward<T>&, i64 first, i64 count, const SamForwardScratch<T>&);
  void (*backward)(const SamBackward<T>&, i64 first, i64 count, const SamBackwardScratch<T>&, const DncGradients<T>&);
  void (*outer)(const DncOuter<T>&);
};

MG_TABLES(SamTable)

}  // namespace mg
