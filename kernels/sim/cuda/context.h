// Switching between stacks.
#pragma once

namespace sim {

// Saves the running context in *save and continues the one that was saved in `to`.
void switch_stack(void** save, void* to);
// A context that starts `entry` (which never returns) on the stack that ends at `top`. The room below
// it that is used before entry runs is at most 1 KiB.
void* new_stack(char* top, void (*entry)());

}  // namespace sim
