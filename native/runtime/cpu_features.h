// Which kernels this processor can run.
#pragma once

namespace nabla {

enum class Isa { kBaseline = 0, kAvx2 = 1, kAvx512 = 2, kNeon = 3 };

const char* isaName(Isa isa);
bool isaSupported(Isa isa);  // built in and runnable here, operating system support included
// The best one, or what NABLA_CPU_ISA names. On an unknown or unsupported name returns false and says why.
bool chooseIsa(Isa* chosen, char* message, int size);

}  // namespace nabla
