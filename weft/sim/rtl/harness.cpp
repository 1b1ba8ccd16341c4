// The memory model of docs/timing.md and the clock loop around the Verilated core, behind a C interface.
//
// Everything is generic in the machine: the generated header "weft_params.h" gives bus width and names.
#include <cstdint>
#include <cstring>
#include <deque>
#include <string>

#include "Vweft.h"
#include "verilated.h"
#include "verilated_syms.h"
#include "weft_params.h"

namespace {

struct ReadBurst {
  uint64_t begin;
  uint32_t address, beats, id;
  uint32_t sent;
};

struct WriteBurst {
  uint64_t respond;
  uint32_t address, beats;
  uint32_t received;
  bool error;
};

struct Stream {  // cycles at which something happened, with a payload
  int64_t* cycles;
  int64_t capacity;
  int64_t count;
  void add(int64_t cycle) {
    if (count < capacity) cycles[count] = cycle;
    ++count;
  }
};

template <typename T>
uint8_t* raw(T& signal) {
  return reinterpret_cast<uint8_t*>(&signal);
}

}  // namespace

struct Model {
  VerilatedContext context;
  Vweft top{&context};
  uint64_t now = 0;  // clock cycles since creation

  void low() {
    top.clk = 0;
    top.eval();
  }
  void high() {
    top.clk = 1;
    top.eval();
    ++now;
  }
  void step() {
    low();
    high();
  }
};

extern "C" {

struct WeftRun {
  // in
  uint8_t* dram;
  uint64_t dram_bytes;
  uint32_t latency, beat_cycles;
  uint64_t max_cycles;
  // streams: dispatch, then start and retire of load, matrix, vector, store
  int64_t* dispatch_pc;
  int64_t* streams[9];
  int64_t capacity;
  volatile uint32_t stop;  // set from another thread to end the run, as at max_cycles
  // out
  int64_t counts[9];
  uint64_t cycles;
  uint32_t halted, fault, bad_address, stuck;
};

// With nothing in flight and nothing on the bus for so many cycles, nothing will ever move again.
constexpr int still_cycles = 16;

Model* weft_new() {
  Model* model = new Model;
  model->top.rst = 1;
  model->step();
  model->step();
  model->top.rst = 0;
  model->top.s_axil_bready = 1;
  model->top.s_axil_rready = 1;
  model->top.m_axi_arready = 1;
  model->top.m_axi_awready = 1;
  model->top.m_axi_wready = 1;
  model->step();
  return model;
}

void weft_delete(Model* model) {
  model->top.final();
  delete model;
}

void weft_write(Model* model, uint32_t address, uint32_t data) {
  auto& top = model->top;
  top.s_axil_awaddr = address;
  top.s_axil_awvalid = 1;
  top.s_axil_wdata = data;
  top.s_axil_wstrb = 15;
  top.s_axil_wvalid = 1;
  bool address_done = false, data_done = false;
  for (int tries = 0; tries < 100 && !(address_done && data_done); ++tries) {
    model->low();
    bool address_now = top.s_axil_awvalid && top.s_axil_awready;
    bool data_now = top.s_axil_wvalid && top.s_axil_wready;
    model->high();
    if (address_now) { address_done = true; top.s_axil_awvalid = 0; }
    if (data_now) { data_done = true; top.s_axil_wvalid = 0; }
  }
}

uint32_t weft_read(Model* model, uint32_t address) {
  auto& top = model->top;
  top.s_axil_araddr = address;
  top.s_axil_arvalid = 1;
  for (int tries = 0; tries < 100; ++tries) {
    model->low();
    bool taken = top.s_axil_arvalid && top.s_axil_arready;
    bool answer = top.s_axil_rvalid;
    uint32_t data = top.s_axil_rdata;
    model->high();
    if (taken) top.s_axil_arvalid = 0;
    if (answer) return data;
  }
  return 0xdeadbeef;
}

// Copies a memory found by its scope and name; returns its size in entries, or -1 if there is none.
int64_t weft_memory(Model* model, const char* scope_name, const char* variable, uint8_t* out, uint32_t entry_bytes,
                    uint64_t entries) {
  const VerilatedScope* scope = model->context.scopeFind(scope_name);
  if (!scope) return -1;
  const VerilatedVar* var = scope->varFind(variable);
  if (!var) return -1;
  uint64_t bits = entry_bytes * 8ull;
  uint64_t stride = bits <= 8 ? 1 : bits <= 16 ? 2 : bits <= 32 ? 4 : bits <= 64 ? 8 : (bits + 31) / 32 * 4;
  const uint8_t* from = static_cast<const uint8_t*>(var->datap());
  for (uint64_t i = 0; i < entries; ++i) std::memcpy(out + i * entry_bytes, from + i * stride, entry_bytes);
  return static_cast<int64_t>(entries);
}

void weft_scopes(Model* model) { model->context.internalsDump(); }

// Starts the core (control register at `control`, value 1) and clocks it until it halts, with the DRAM model.
int weft_run(Model* model, WeftRun* run, uint32_t control) {
  auto& top = model->top;
  std::deque<ReadBurst> reads;
  std::deque<WriteBurst> writes;      // accepted addresses, data still arriving or response due
  uint64_t channel_free = 0;
  uint64_t cycle = 0;                 // cycle number as in docs/timing.md, once running
  bool running = false;
  uint64_t guard = 0;
  Stream stream[9];
  for (int i = 0; i < 9; ++i) stream[i] = {run->streams[i], run->capacity, 0};
  run->bad_address = run->stuck = 0;
  int still = 0;
  auto inside = [&](uint32_t address, uint64_t bytes) { return address + bytes <= run->dram_bytes; };

  top.s_axil_awaddr = control;
  top.s_axil_awvalid = 1;
  top.s_axil_wdata = 1;
  top.s_axil_wstrb = 15;
  top.s_axil_wvalid = 1;

  while (true) {
    // What the memory shows in this cycle.
    top.m_axi_rvalid = 0;
    if (running && !reads.empty()) {
      ReadBurst& burst = reads.front();
      if (cycle >= burst.begin + uint64_t(burst.sent) * run->beat_cycles) {
        uint32_t address = burst.address + burst.sent * WEFT_BUS_BYTES;
        bool ok = inside(address, WEFT_BUS_BYTES);
        if (!ok) run->bad_address = address | 1;
        if (ok) std::memcpy(raw(top.m_axi_rdata), run->dram + address, WEFT_BUS_BYTES);
        top.m_axi_rid = burst.id;
        top.m_axi_rlast = burst.sent + 1 == burst.beats;
        top.m_axi_rresp = ok ? 0 : 2;
        top.m_axi_rvalid = 1;
      }
    }
    top.m_axi_bvalid = 0;
    if (running && !writes.empty()) {
      WriteBurst& burst = writes.front();
      if (burst.received == burst.beats && cycle >= burst.respond) {
        top.m_axi_bvalid = 1;
        top.m_axi_bresp = burst.error ? 2 : 0;
      }
    }
    model->low();

    if (!running && top.trace_running) running = true;
    bool address_taken = top.s_axil_awvalid && top.s_axil_awready;
    bool data_taken = top.s_axil_wvalid && top.s_axil_wready;
    bool finished = false;
    if (running) {
      if (top.m_axi_rvalid && top.m_axi_rready) {
        ReadBurst& burst = reads.front();
        if (++burst.sent == burst.beats) reads.pop_front();
      }
      if (top.m_axi_bvalid && top.m_axi_bready) writes.pop_front();
      if (top.m_axi_arvalid) {  // reads first on ties
        uint32_t beats = top.m_axi_arlen + 1u;
        uint64_t begin = cycle + run->latency > channel_free ? cycle + run->latency : channel_free;
        channel_free = begin + uint64_t(beats) * run->beat_cycles;
        reads.push_back({begin, top.m_axi_araddr, beats, top.m_axi_arid, 0});
      }
      if (top.m_axi_awvalid) {
        uint32_t beats = top.m_axi_awlen + 1u;
        uint64_t begin = cycle + run->latency > channel_free ? cycle + run->latency : channel_free;
        channel_free = begin + uint64_t(beats) * run->beat_cycles;
        writes.push_back({channel_free, top.m_axi_awaddr, beats, 0, false});
      }
      if (top.m_axi_wvalid) {
        for (WriteBurst& burst : writes) {
          if (burst.received == burst.beats) continue;
          uint32_t address = burst.address + burst.received * WEFT_BUS_BYTES;
          bool ok = inside(address, WEFT_BUS_BYTES);
          if (!ok) { burst.error = true; run->bad_address = address | 1; }
          const uint8_t* data = raw(top.m_axi_wdata);
          const uint8_t* strobe = raw(top.m_axi_wstrb);
          for (uint32_t i = 0; ok && i < WEFT_BUS_BYTES; ++i)
            if (strobe[i / 8] >> (i % 8) & 1) run->dram[address + i] = data[i];
          ++burst.received;
          break;
        }
      }
      if (top.trace_dispatch_valid) {
        if (stream[0].count < run->capacity) run->dispatch_pc[stream[0].count] = top.trace_dispatch_pc;
        stream[0].add(cycle);
      }
#define WEFT_UNIT(unit, index)                               \
  if (top.trace_##unit##_start) stream[index].add(cycle);    \
  if (top.trace_##unit##_retire) stream[index + 1].add(cycle);
      WEFT_UNIT(load, 1)
      WEFT_UNIT(matrix, 3)
      WEFT_UNIT(vector, 5)
      WEFT_UNIT(store, 7)
      bool moved = top.trace_dispatch_valid || top.trace_load_start || top.trace_matrix_start ||
                   top.trace_vector_start || top.trace_store_start;
      still = moved || !reads.empty() || !writes.empty() || !top.trace_quiet ? 0 : still + 1;
      run->stuck = still > still_cycles ? still : 0;
      if (run->stop || run->stuck || cycle + 1 >= run->max_cycles) finished = true;
    }
    model->high();
    if (address_taken) top.s_axil_awvalid = 0;
    if (data_taken) top.s_axil_wvalid = 0;
    if (running) {
      ++cycle;
      if (top.halted || finished) break;
    } else if (++guard > 1000) {
      return 1;  // the core never started
    }
  }
  top.m_axi_rvalid = 0;
  top.m_axi_bvalid = 0;
  run->cycles = cycle;
  run->halted = top.halted;
  run->fault = top.fault;
  for (int i = 0; i < 9; ++i) run->counts[i] = stream[i].count;
  return 0;
}

}  // extern "C"
