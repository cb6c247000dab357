// What is compiled once per instruction set: windows of a group of samples, and blocks of the weight gradients.
#pragma once
#include "../../../base/host/dispatch.h"
#include "../../../base/memory/cpu/gradients.h"
#include "../dnc.h"

namespace mg {

// State of one sample while its window runs; vectors over slots have pitch() elements, memory is [W][pitch()].
template <class T>
struct DncSample {
  T *memory, *usage, *precedence, *read, *write, *words, *hidden, *cell;
};

// Scratch of one step of one sample. Heads: the larger of reads and writes.
template <class T>
struct DncTemps {
  T* act;                       // [D] interface after its activations
  T *norm, *score, *allocation; // [pitch], [heads][pitch], [V][pitch]
  T* content;                   // [heads][pitch]
  T* simulated;                 // [V + 1][pitch]
  T *along, *against;           // [R][pitch] forward and backward reads of one head
  T* next_read;                 // [R][pitch]
  std::uint64_t* keys[2];       // [N]
  std::int32_t* order[2];       // [N]
};

template <class T>
struct DncForwardScratch {
  DncSample<T>* samples;  // [group]
  DncTemps<T> temps;
  T* gates;       // [group][4H]
  T* interface;   // [group][D]
};

// Gradients that travel back from step to step.
template <class T>
struct DncCarry {
  T *memory, *usage, *link, *precedence, *read, *write, *words, *hidden, *cell;
};

template <class T>
struct DncReplay {
  T *usage, *write, *read;  // padded state before the window
  T* memory;                // [T + 1][W][pitch]
  T* precedence;            // [T + 1][V][pitch]
  T* links;                 // [segment - 1][V][N][N]: links within one segment, but those before its first step
  T* checkpoints;           // [segments - 1][V][N][N]: links before each segment but the first
  DncCarry<T> carry;
};

template <class T>
struct DncBackwardScratch {
  DncReplay<T>* samples;  // [group]
  DncTemps<T> temps;
  T* dact;                                     // [D]
  T *scaled, *broadcast, *dread;               // [R][pitch]
  T *row, *column, *dprecedence, *dcontent;    // [pitch]
  T *dsimulated, *dallocation;                 // [pitch], [V][pitch]
  T* slope;                                    // [2][pitch]
  i64 segment;                                 // steps per segment
};

template <class T>
struct DncTable {
  void (*forward)(const DncForward<T>&, i64 first, i64 count, const DncForwardScratch<T>&);
  void (*backward)(const DncBackward<T>&, i64 first, i64 count, const DncBackwardScratch<T>&, const ControllerGradients<T>&);
  void (*outer)(const OuterBlock<T>&);
};

MG_TABLES(DncTable)

}  // namespace mg
