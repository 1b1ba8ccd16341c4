// The harness for a model that writes its waveform: one cycle is one nanosecond, cycle 0 of the run is time 0.
//
// What a cycle's registers hold is dumped at its beginning, with the clock's edge; what follows from them, and what the
// memory shows, in its middle. Outside of a run nothing is dumped.
#include <cerrno>
#include <memory>

#include "Vweft.h"
#include "verilated.h"
#include "verilated_vcd_c.h"

namespace {

constexpr uint64_t cycle_time = 1000, middle = 500;  // in picoseconds, the unit of the file

// Goes on after a write that failed and remembers why; Verilator's own would end the process.
class WaveFile : public VerilatedVcdFile {
 public:
  int problem = 0;
  bool open(const std::string& name) override {
    bool opened = VerilatedVcdFile::open(name);
    if (!opened) problem = errno ? errno : EIO;
    return opened;
  }
  ssize_t write(const char* from, ssize_t length) override {
    if (problem) return length;
    ssize_t written = VerilatedVcdFile::write(from, length);
    if (written >= 0 || errno == EAGAIN || errno == EINTR) return written;
    problem = errno;
    return length;
  }
};

// The design, dumping after every evaluation within a run.
class WavedVweft : public Vweft {
 public:
  explicit WavedVweft(VerilatedContext* context) : Vweft{context} { context->traceEverOn(true); }
  ~WavedVweft() { close(); }
  int open(const char* name) {
    trace(&wave, 99);
    wave.open(name);
    return file.problem;
  }
  int close() {
    wave.close();
    return file.problem;
  }
  void eval() {
    Vweft::eval();
    if (wave.isOpen() && trace_running) wave.dump(trace_cycle * cycle_time + (clk ? 0 : middle));
  }

 private:
  WaveFile file;
  VerilatedVcdC wave{&file};
};

}  // namespace

#define Vweft WavedVweft
#include "harness.cpp"
#undef Vweft

extern "C" {

// Opens the file for what comes; closes it. Both return 0, or the number of the system's error.
int weft_wave_open(Model* model, const char* name) { return model->top.open(name); }
int weft_wave_close(Model* model) { return model->top.close(); }

}  // extern "C"
